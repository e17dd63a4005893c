"""Flames of scrolling noise, and smoke of drifting puffs; both are functions of time alone."""

import math
from dataclasses import dataclass

import numpy as np

from vigil_demo.scene.light import Light
from vigil_demo.scene.noise import fractal_noise, sample
from vigil_demo.scene.types import Effect, FloatArray, Glow, Patch
from vigil_demo.scene.viewpoint import Viewpoint

_HEAT = np.array([0.0, 0.2, 0.45, 0.75, 1.0], np.float32)
_FLAME = np.array(
    [[0.02, 0.03, 0.45], [0.03, 0.16, 0.85], [0.08, 0.45, 1.0], [0.35, 0.82, 1.0], [0.85, 0.97, 1.0]], np.float32
)
_FLAME_ALPHA = 0.35
_SMOKE_ALPHA = 0.24


@dataclass(frozen=True)
class Fire:
    """A fire: where it burns, how large it is, how fast it flickers."""

    seed: int
    x: float
    y: float
    z: float
    width_m: float
    height_m: float
    speed: float = 1.0
    flicker_hz: tuple[float, float] = (2.3, 5.1)


@dataclass(frozen=True)
class Smoke:
    """A source of smoke."""

    seed: int
    x: float
    y: float
    z: float
    wind_m_s: float
    rise_m_s: float
    start_radius_m: float
    growth_m_s: float
    life_seconds: float
    puffs_per_second: float
    density: float
    grey: float


def _clip(view: Viewpoint, left: float, top: float, right: float, bottom: float) -> tuple[int, int, int, int] | None:
    x1, y1 = max(0, math.floor(left)), max(0, math.floor(top))
    x2, y2 = min(view.width, math.ceil(right)), min(view.height, math.ceil(bottom))
    return None if x2 - x1 < 2 or y2 - y1 < 2 else (x1, y1, x2, y2)


def draw_fire(view: Viewpoint, fire: Fire, seconds: float, intensity: float = 1.0) -> Effect | None:
    """Return the flames at a time; `intensity` 0..1 scales their size. None if they are outside the frame."""
    if intensity <= 0.02:
        return None
    foot, depth = view.project(np.array([[fire.x, fire.y, fire.z]], np.float32))
    scale = view.focal_px / float(depth[0])
    pulse = 1 + 0.08 * sum(math.sin(2 * math.pi * hz * seconds + fire.seed) for hz in fire.flicker_hz)
    size = math.sqrt(intensity)
    half, tall = fire.width_m / 2 * scale * size, fire.height_m * scale * size * pulse
    column, row = float(foot[0, 0]), float(foot[0, 1])
    bounds = _clip(view, column - 1.7 * half, row - 1.25 * tall, column + 1.7 * half, row + 0.12 * tall)
    if bounds is None:
        return None
    left, top, right, bottom = bounds
    u = ((np.arange(left, right, dtype=np.float32) + 0.5 - column) / half)[None, :] * np.ones(
        (bottom - top, 1), np.float32
    )
    v = ((row - np.arange(top, bottom, dtype=np.float32) - 0.5) / tall)[:, None] * np.ones(
        (1, right - left), np.float32
    )
    heat = _heat(fire, u.astype(np.float32), v.astype(np.float32), seconds)
    colour = np.stack([np.interp(heat, _HEAT, _FLAME[:, channel]) for channel in range(3)], axis=-1)
    alpha = np.clip(heat / 0.28, 0, 1) ** 1.2
    patch = Patch(left, top, (colour * alpha[..., None]).astype(np.float32), alpha.astype(np.float32))
    glow = Glow(column, row - 0.3 * tall, 3.2 * max(half, tall * 0.6), (0.05 * pulse, 0.22 * pulse, 0.42 * pulse))
    return Effect("fire", patch, fire.z - 0.05, _FLAME_ALPHA, glow)


def _heat(fire: Fire, u: FloatArray, v: FloatArray, seconds: float) -> FloatArray:
    """Return heat (h, w) in 0..1; u goes from -1 to 1 over the width, v from 0 to 1 over the height."""
    texture = fractal_noise(fire.seed % 61 + 1000)
    drift = fire.speed * seconds
    sway = (sample(texture, np.full_like(u, 0.13), v * 0.35 - 0.55 * drift) - 0.5) * 0.9 * np.clip(v, 0, 1)
    tongues = sample(texture, u * 0.22 + 0.03 * drift, v * 0.2 - 0.75 * drift)
    detail = sample(texture, u * 0.6 - 0.05 * drift, v * 0.55 - 1.3 * drift)
    radius = np.sqrt(np.clip(1 - v, 0, 1)) * np.clip(0.6 + v * 2.2, 0.6, 1.0)
    body = radius - np.abs(u - sway) + (tongues - 0.5) * 1.2 * np.clip(0.25 + v, 0, 1) + (detail - 0.5) * 0.5
    foot = np.clip((v + 0.08) / 0.1, 0, 1)
    return np.asarray(np.clip(body * (1.15 - 0.55 * np.clip(v, 0, 1)) * foot, 0, 1), np.float32)


def draw_smoke(
    view: Viewpoint, smoke: Smoke, seconds: float, light: Light, *, since: float = 0.0, until: float = math.inf
) -> Effect | None:
    """Return the smoke at a time, as emitted between `since` and `until` (seconds)."""
    puffs = _puffs(smoke, seconds, since, until)
    if len(puffs) == 0:
        return None
    pixels, depth = view.project(puffs[:, :3])
    radii = np.maximum(puffs[:, 3] * view.focal_px / depth, 1.0)
    reach = 1.9 * radii
    bounds = _clip(
        view, float((pixels[:, 0] - reach).min()), float((pixels[:, 1] - reach).min()),
        float((pixels[:, 0] + reach).max()), float((pixels[:, 1] + reach).max()),
    )  # fmt: skip
    if bounds is None:
        return None
    left, top, right, bottom = bounds
    columns = np.arange(left, right, dtype=np.float32) + 0.5
    rows = np.arange(top, bottom, dtype=np.float32) + 0.5
    # A Gaussian is separable: the sum of all puffs is one product of matrices.
    across = np.exp(-(((columns[None] - pixels[:, :1]) / radii[:, None]) ** 2) * 1.3)
    along = np.exp(-(((rows[None] - pixels[:, 1:]) / radii[:, None]) ** 2) * 1.3)
    amount = np.asarray((along * puffs[:, 4:5]).T @ across, np.float32)
    scale = view.focal_px / float(depth.mean())
    u, v = np.meshgrid((columns - float(pixels[0, 0])) / scale, rows / scale)
    texture = fractal_noise(smoke.seed % 53 + 1200, 64)
    curl = sample(texture, (u / 3 - 0.08 * seconds).astype(np.float32), (v / 3 + 0.16 * seconds).astype(np.float32))
    amount *= np.clip(0.25 + 1.5 * curl, 0, None)
    alpha = np.minimum(1 - np.exp(-amount), 0.93).astype(np.float32)
    here = np.array([smoke.x], np.float32), np.array([smoke.z], np.float32)
    lit = np.array(light.ambient, np.float32) + 0.5 * np.array(light.sun, np.float32) + 0.6 * light.lamps_at(*here)[0]
    shade = (smoke.grey * (0.78 + 0.44 * curl))[..., None] * lit
    haze = light.haze(float(depth[0]))
    colour = shade * (1 - haze) + np.array(light.fog, np.float32) * haze
    return Effect(
        "smoke", Patch(left, top, (colour * alpha[..., None]).astype(np.float32), alpha), smoke.z - 0.1, _SMOKE_ALPHA
    )


def _puffs(smoke: Smoke, seconds: float, since: float, until: float) -> FloatArray:
    """Return the puffs in the air, (N, 5): x, y, z, radius in m, density."""
    first = math.ceil(max(since, seconds - smoke.life_seconds) * smoke.puffs_per_second)
    last = math.floor(min(until, seconds) * smoke.puffs_per_second)
    rows = []
    for number in range(first, last + 1):
        rng = np.random.default_rng([smoke.seed, number + 1_000_000])
        jitter = rng.normal(0, 1, 4)
        age = seconds - number / smoke.puffs_per_second
        if not 0 <= age < smoke.life_seconds:
            continue
        share = age / smoke.life_seconds
        wide = smoke.start_radius_m + smoke.growth_m_s * age
        fade = min(1.0, age / 0.4) * (1 - share) ** 1.3
        rows.append(
            (
                smoke.x
                + smoke.wind_m_s * (1 + 0.25 * jitter[0]) * age
                + 0.3 * wide * math.sin(1.3 * age + jitter[1]),
                smoke.y + smoke.rise_m_s * (1 + 0.15 * jitter[2]) * age * (1 - 0.25 * share),
                smoke.z,
                wide * (1 + 0.15 * jitter[3]),
                smoke.density * fade,
            )
        )
    return np.array(rows, np.float32).reshape(-1, 5)


def make_fire(rng: np.random.Generator, x: float, y: float, z: float) -> Fire:
    """Return a random fire."""
    width = rng.uniform(0.5, 2.0)
    return Fire(int(rng.integers(1 << 30)), x, y, z, width, width * rng.uniform(0.9, 2.0), rng.uniform(0.7, 1.3))


def make_smoke(rng: np.random.Generator, x: float, y: float, z: float) -> Smoke:
    """Return a random source of smoke."""
    return Smoke(
        seed=int(rng.integers(1 << 30)), x=x, y=y, z=z, wind_m_s=rng.uniform(-0.7, 0.7),
        rise_m_s=rng.uniform(0.6, 1.4),
        start_radius_m=rng.uniform(0.15, 0.4), growth_m_s=rng.uniform(0.12, 0.35), life_seconds=rng.uniform(2.0, 4.5),
        puffs_per_second=rng.uniform(6, 12), density=rng.uniform(0.5, 1.1), grey=rng.uniform(0.25, 0.95),
    )  # fmt: skip
