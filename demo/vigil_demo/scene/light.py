"""Time of day and weather: lighting of surfaces and haze."""

from dataclasses import dataclass

import numpy as np

from vigil_demo.scene.types import Colour, FloatArray

WEATHERS = ("sunny", "overcast", "dusk", "night", "rain", "fog")


@dataclass(frozen=True)
class Lamp:
    """A lamp over the yard."""

    x: float
    z: float
    reach_m: float
    colour: Colour


@dataclass(frozen=True)
class Light:
    """Light is colour per unit of albedo; `sun_direction` points from the ground to the sun (unit vector)."""

    weather: str
    ambient: Colour
    sun: Colour
    sun_direction: tuple[float, float, float]
    shadow: float
    """Darkness of cast shadows, 0..1."""
    sky_top: Colour
    sky_bottom: Colour
    fog: Colour
    fog_per_m: float
    rain: float
    lamps: tuple[Lamp, ...] = ()

    def shade(self, albedo: Colour, normal: FloatArray | None, lamp_light: FloatArray) -> FloatArray:
        """Return the colour (3,) of a surface; without a normal, of a round object."""
        facing = 0.5 if normal is None else max(0.0, float(normal @ np.array(self.sun_direction, np.float32)))
        upward = 0.85 if normal is None else 0.78 + 0.22 * float(normal[1])
        total = np.array(self.ambient, np.float32) * upward + np.array(self.sun, np.float32) * facing + lamp_light
        return np.array(albedo, np.float32) * total

    def lamps_at(self, x: FloatArray, z: FloatArray) -> FloatArray:
        """Return the lamps' light (..., 3) at ground points."""
        total = np.zeros((*x.shape, 3), np.float32)
        for lamp in self.lamps:
            distance = (x - lamp.x) ** 2 + (z - lamp.z) ** 2
            strength = 1.0 / (1.0 + distance / lamp.reach_m**2) ** 1.5
            total += strength[..., None].astype(np.float32) * np.array(lamp.colour, np.float32)
        return total

    def haze(self, depth_m: float) -> float:
        """Return the fraction of fog at this depth."""
        return float(1.0 - np.exp(-self.fog_per_m * depth_m))


def _tinted(strength: float, blue: float, green: float, red: float) -> Colour:
    return strength * blue, strength * green, strength * red


def _sun(rng: np.random.Generator, low: float, high: float) -> tuple[float, float, float]:
    elevation, azimuth = rng.uniform(low, high), rng.uniform(0, 2 * np.pi)
    return (
        float(np.cos(elevation) * np.cos(azimuth)),
        float(np.sin(elevation)),
        float(np.cos(elevation) * np.sin(azimuth)),
    )


def _lamps(rng: np.random.Generator, number: int) -> tuple[Lamp, ...]:
    warm = rng.random() < 0.6
    tint = (0.55, 0.82, 1.0) if warm else (1.0, 0.97, 0.9)
    return tuple(
        Lamp(rng.uniform(-8, 8), rng.uniform(6, 18), rng.uniform(4, 8), _tinted(rng.uniform(0.35, 0.75), *tint))
        for _ in range(number)
    )


_WHITE = (1.0, 0.99, 0.97)


def _sunny(rng: np.random.Generator) -> Light:
    blue = rng.uniform(0.75, 0.95)
    return Light(
        weather="sunny",
        ambient=_tinted(rng.uniform(0.5, 0.62), 1.03, 1.0, 0.96),
        sun=_tinted(rng.uniform(0.4, 0.6), 0.88, 0.96, 1.0),
        sun_direction=_sun(rng, 0.5, 1.2),
        shadow=rng.uniform(0.35, 0.55),
        sky_top=(blue, 0.68, 0.45),
        sky_bottom=(0.95, 0.88, 0.78),
        fog=(0.9, 0.87, 0.82),
        fog_per_m=0.0015,
        rain=0.0,
    )


def _dusk(rng: np.random.Generator) -> Light:
    return Light(
        weather="dusk",
        ambient=_tinted(rng.uniform(0.35, 0.5), 1.08, 0.96, 1.0),
        sun=_tinted(rng.uniform(0.15, 0.3), 0.6, 0.8, 1.0),
        sun_direction=_sun(rng, 0.2, 0.5),
        shadow=0.2,
        sky_top=(0.55, 0.4, 0.36),
        sky_bottom=(0.5, 0.62, 0.85),
        fog=(0.55, 0.52, 0.55),
        fog_per_m=0.003,
        rain=0.0,
        lamps=_lamps(rng, int(rng.integers(0, 2))),
    )


def _night(rng: np.random.Generator) -> Light:
    return Light(
        weather="night",
        ambient=_tinted(rng.uniform(0.17, 0.32), 1.25, 1.0, 0.9),
        sun=(0.0, 0.0, 0.0),
        sun_direction=(0.0, 1.0, 0.0),
        shadow=0.15,
        sky_top=(0.09, 0.06, 0.05),
        sky_bottom=(0.16, 0.12, 0.1),
        fog=(0.1, 0.09, 0.08),
        fog_per_m=0.003,
        rain=0.0,
        lamps=_lamps(rng, int(rng.integers(1, 4))),
    )


def _grey_day(rng: np.random.Generator, weather: str) -> Light:
    """Return overcast, rain or fog: a sky without a sun."""
    dark = rng.uniform(0.6, 0.95)
    sky = _tinted(dark, 0.84, 0.82, 0.8)
    fog_per_m = rng.uniform(0.015, 0.045) if weather == "fog" else 0.004
    return Light(
        weather=weather,
        ambient=_tinted(rng.uniform(0.62, 0.85), *_WHITE),
        sun=_tinted(rng.uniform(0.03, 0.12), *_WHITE),
        sun_direction=_sun(rng, 0.8, 1.4),
        shadow=rng.uniform(0.05, 0.2),
        sky_top=_tinted(dark, 0.78, 0.74, 0.7),
        sky_bottom=sky,
        fog=sky,
        fog_per_m=fog_per_m,
        rain=rng.uniform(0.4, 1.0) if weather == "rain" else 0.0,
    )


def make_light(rng: np.random.Generator, weather: str) -> Light:
    """Return a light for one of `WEATHERS`. Raises `ValueError` for any other name."""
    if weather not in WEATHERS:
        raise ValueError(f"weather: must be one of {', '.join(WEATHERS)}, is {weather!r}")
    special = {"sunny": _sunny, "dusk": _dusk, "night": _night}.get(weather)
    return special(rng) if special is not None else _grey_day(rng, weather)
