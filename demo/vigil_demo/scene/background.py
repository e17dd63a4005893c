"""Render the yard itself: sky, walls, fence and ground, by tracing the camera's rays."""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from vigil_demo.scene.light import Light
from vigil_demo.scene.noise import fractal_noise, sample
from vigil_demo.scene.types import Colour, FloatArray
from vigil_demo.scene.viewpoint import Viewpoint

GROUNDS = ("asphalt", "concrete", "gravel", "paving", "grass")
WALLS = ("brick", "metal", "plaster", "fence")
_Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Opening:
    """A window, door, shutter or sign on the back wall: rectangle in m and colour."""

    kind: str
    left: float
    bottom: float
    right: float
    top: float
    colour: Colour


@dataclass(frozen=True)
class Yard:
    """The static parts of a yard."""

    seed: int
    ground: str
    ground_colour: Colour
    wall: str
    wall_colour: Colour
    wall_z: float
    wall_height_m: float
    wall_span: tuple[float, float]
    side_wall_x: float | None
    openings: tuple[Opening, ...]
    parking_bays: tuple[float, float, float, int] | None
    """x of the first line, z of the near end, z of the far end, number of lines 2.6 m apart."""
    stains: tuple[tuple[float, float, float, float], ...]
    """x, z, radius in m, darkness."""


def _openings(rng: np.random.Generator, span: tuple[float, float], height: float) -> tuple[Opening, ...]:
    openings: list[Opening] = []
    x = span[0] + rng.uniform(0.5, 2)
    frame = rng.uniform(0.2, 0.8)
    while x < span[1] - 4:
        kind = str(rng.choice(["window", "window", "door", "shutter", "sign", "gap"]))
        if kind == "window":
            bottom = rng.uniform(0.9, 1.4)
            openings.append(Opening(kind, x, bottom, x + 1.4, min(bottom + 1.3, height - 0.3), (frame, frame, frame)))
            x += 1.4
        elif kind == "door":
            red, green, blue = rng.uniform(0.1, 0.6, 3)
            openings.append(Opening(kind, x, 0.0, x + 1.05, min(2.1, height - 0.2), (blue, green, red)))
            x += 1.05
        elif kind == "shutter":
            grey = rng.uniform(0.35, 0.75)
            wide = rng.uniform(2.6, 3.6)
            openings.append(Opening(kind, x, 0.0, x + wide, min(3.0, height - 0.2), (grey, grey * 0.98, grey * 0.95)))
            x += wide
        elif kind == "sign":
            colour = tuple(float(value) for value in rng.uniform(0.1, 0.9, 3))
            openings.append(
                Opening(kind, x, height * 0.62, x + 2.0, height * 0.85, (colour[0], colour[1], colour[2]))
            )
            x += 2.0
        x += rng.uniform(0.6, 2.5)
    return tuple(openings)


def make_yard(seed: int, *, ground: str | None = None, wall: str | None = None) -> Yard:
    """Return a random yard; the same seed gives the same yard."""
    rng = np.random.default_rng([seed, 1])
    base = {
        "asphalt": (0.33, 0.33, 0.33), "concrete": (0.58, 0.6, 0.61), "gravel": (0.48, 0.52, 0.54),
        "paving": (0.45, 0.48, 0.53), "grass": (0.2, 0.42, 0.32),
    }  # fmt: skip
    walls = {
        "brick": (0.3, 0.36, 0.56),
        "metal": (0.6, 0.58, 0.52),
        "plaster": (0.66, 0.72, 0.75),
        "fence": (0.4, 0.4, 0.4),
    }
    ground = ground or str(rng.choice(GROUNDS, p=[0.34, 0.28, 0.14, 0.16, 0.08]))
    wall = wall or str(rng.choice(WALLS))
    tint, shade = rng.uniform(0.92, 1.08, 3), rng.uniform(0.75, 1.15)
    ground_colour = tuple(float(value) for value in np.array(base[ground]) * tint * shade)
    wall_colour = tuple(
        float(value) for value in np.array(walls[wall]) * rng.uniform(0.8, 1.15, 3) * rng.uniform(0.75, 1.2)
    )
    height = rng.uniform(1.8, 2.6) if wall == "fence" else rng.uniform(3.0, 7.0)
    span = (-40.0, 40.0) if rng.random() < 0.65 else (rng.uniform(-18, -6), rng.uniform(6, 18))
    bays = None
    if rng.random() < 0.55:
        far = rng.uniform(14, 19)
        bays = (rng.uniform(-9, 0), far - 5.0, far, int(rng.integers(3, 7)))
    return Yard(
        seed=seed,
        ground=ground,
        ground_colour=(ground_colour[0], ground_colour[1], ground_colour[2]),
        wall=wall,
        wall_colour=(wall_colour[0], wall_colour[1], wall_colour[2]),
        wall_z=rng.uniform(18, 30),
        wall_height_m=height,
        wall_span=span,
        side_wall_x=float(rng.choice([-1, 1]) * rng.uniform(9, 15)) if rng.random() < 0.35 else None,
        openings=() if wall == "fence" else _openings(rng, (max(span[0], -20), min(span[1], 20)), height),
        parking_bays=bays,
        stains=tuple(
            (rng.uniform(-10, 10), rng.uniform(6, 20), rng.uniform(0.3, 1.6), rng.uniform(0.05, 0.3))
            for _ in range(int(rng.integers(0, 7)))
        ),
    )


def _line(distance: FloatArray, half_width: float, blur: FloatArray) -> FloatArray:
    """Return 1 on a line, falling to 0 over the width of a pixel."""
    coverage = np.clip((half_width + blur / 2 - distance) / np.maximum(blur, 1e-3), 0, 1)
    return np.asarray(coverage * np.minimum(1.0, 2 * half_width / np.maximum(blur, 1e-3)), np.float32)


def _joints(position: FloatArray, spacing: float, half_width: float, pixel: FloatArray) -> FloatArray:
    distance = np.abs((position / spacing + 0.5) % 1.0 - 0.5) * spacing
    return _line(distance.astype(np.float32), half_width, pixel)


def _ground(yard: Yard, x: FloatArray, z: FloatArray, pixel: FloatArray, light: Light) -> FloatArray:
    """Return the lit ground (..., 3); `pixel` is the size of a pixel on the ground in m."""
    coarse = sample(fractal_noise(yard.seed % 97), x / 23, z / 23)
    fine = sample(fractal_noise(yard.seed % 89 + 200), x / 1.7, z / 1.7)
    grain = np.clip(0.02 / np.maximum(pixel, 1e-3), 0.1, 1)
    rough = {"asphalt": 0.35, "concrete": 0.2, "gravel": 0.6, "paving": 0.25, "grass": 0.6}[yard.ground]
    albedo = 1 + 0.45 * (coarse - 0.5) + rough * (fine - 0.5) * grain
    if yard.ground == "concrete":
        joints = np.maximum(_joints(x, 3.0, 0.02, pixel), _joints(z, 3.0, 0.02, pixel))
        albedo *= 1 - 0.4 * joints
    elif yard.ground == "paving":
        joints = np.maximum(_joints(x, 0.5, 0.012, pixel), _joints(z, 0.5, 0.012, pixel))
        albedo *= 1 - 0.35 * joints
    for stain_x, stain_z, radius, darkness in yard.stains:
        distance = ((x - stain_x) ** 2 + ((z - stain_z) * 0.8) ** 2) / radius**2
        albedo *= 1 - darkness * np.exp(-distance * (0.6 + coarse))
    colour = albedo[..., None] * np.array(yard.ground_colour, np.float32)
    if yard.parking_bays is not None:
        first, near, far, number = yard.parking_bays
        inside = (z > near) & (z < far)
        worn = np.clip(0.5 + fine, 0.3, 1)
        for line in range(number):
            paint = _line(np.abs(x - first - 2.6 * line), 0.06, pixel) * inside * worn
            colour += (0.82 - colour) * paint[..., None]
    if light.rain > 0:
        puddle = np.clip((coarse - 0.55) * 6, 0, 0.6) * light.rain
        colour = (
            colour * (0.75 - 0.25 * puddle[..., None])
            + np.array(light.sky_bottom, np.float32) * puddle[..., None] * 0.5
        )
    facing = max(0.0, light.sun_direction[1])
    total = np.array(light.ambient, np.float32) + np.array(light.sun, np.float32) * facing + light.lamps_at(x, z)
    return np.asarray(colour * total, np.float32)


def _wall_surface(yard: Yard, along: FloatArray, up: FloatArray, pixel: FloatArray) -> FloatArray:
    noise = sample(fractal_noise(yard.seed % 83 + 400), along / 7, up / 7)
    albedo = 1 + 0.3 * (noise - 0.5) - 0.18 * np.exp(-np.clip(up, 0, 20) / 0.5)
    if yard.wall == "brick":
        row = np.floor(up / 0.15)
        mortar = np.maximum(_joints(up, 0.15, 0.012, pixel), _joints(along + 0.15 * (row % 2), 0.3, 0.012, pixel))
        albedo *= 1 + 0.25 * mortar
    elif yard.wall == "metal":
        albedo *= 1 + 0.12 * np.sin(along * 2 * np.pi / 0.35) * np.clip(0.12 / pixel, 0, 1)
    return np.asarray(albedo[..., None] * np.array(yard.wall_colour, np.float32), np.float32)


def _draw_openings(
    yard: Yard, colour: FloatArray, along: FloatArray, up: FloatArray, pixel: FloatArray, light: Light
) -> None:
    for opening in yard.openings:
        inside = (along > opening.left) & (along < opening.right) & (up > opening.bottom) & (up < opening.top)
        if not inside.any():
            continue
        paint = np.array(opening.colour, np.float32)
        if opening.kind == "shutter":
            slats = 1 - 0.25 * _joints(up, 0.22, 0.025, pixel)
            colour[inside] = (slats[..., None] * paint)[inside]
            continue
        colour[inside] = paint
        if opening.kind == "window":
            glass = (
                (along > opening.left + 0.08) & (along < opening.right - 0.08)
                & (up > opening.bottom + 0.08) & (up < opening.top - 0.08)
                & (np.abs(along - (opening.left + opening.right) / 2) > 0.03)
            )  # fmt: skip
            reflection = np.array(light.sky_bottom, np.float32) * 0.35 + 0.08
            shine = np.clip((up - opening.bottom) / 1.3, 0, 1)[..., None] * 0.6 + 0.4
            colour[glass] = (shine * reflection)[glass]


def _sky(light: Light, yard: Yard, rays: FloatArray) -> FloatArray:
    rise = np.clip(rays[..., 1] / 0.35, 0, 1)[..., None]
    colour = np.array(light.sky_bottom, np.float32) * (1 - rise) + np.array(light.sky_top, np.float32) * rise
    clouds = sample(fractal_noise(yard.seed % 79 + 600), rays[..., 0] / 3, rays[..., 1] / 0.9)
    cover = np.clip((clouds - 0.45) * 2.5, 0, 0.8)[..., None] * (0.3 if light.weather == "night" else 1.0)
    colour = colour + (np.array(light.sky_bottom, np.float32) * 1.04 - colour) * cover
    # A distant line of trees and roofs.
    skyline = 0.03 + 0.09 * sample(
        fractal_noise(yard.seed % 73 + 800), rays[..., 0] / 2.5, np.zeros_like(rays[..., 0])
    )
    far = rays[..., 1] < skyline
    tone = np.array(light.ambient, np.float32) * np.array([0.22, 0.3, 0.25], np.float32)
    colour[far] = tone * 0.7 + np.array(light.sky_bottom, np.float32) * 0.3
    return np.asarray(colour, np.float32)


def _haze(colour: FloatArray, depth: FloatArray, light: Light) -> FloatArray:
    share = (1 - np.exp(-light.fog_per_m * depth))[..., None]
    return np.asarray(colour * (1 - share) + np.array(light.fog, np.float32) * share, np.float32)


def draw_background(view: Viewpoint, yard: Yard, light: Light, supersample: int = 1) -> FloatArray:
    """Return the empty yard without props, (H, W, 3)."""
    rays = view.rays(supersample)
    across, rise, ahead = rays[..., 0], rays[..., 1], rays[..., 2]
    picture = _sky(light, yard, rays)
    reach_ground = np.where(rise < -1e-4, -view.mount_height_m / np.minimum(rise, -1e-4), 1e6)
    reach_wall = yard.wall_z / np.maximum(ahead, 1e-3)
    reach_side = np.full_like(reach_wall, 1e6)
    if yard.side_wall_x is not None:
        towards = across * yard.side_wall_x > 1e-4
        reach_side = np.where(towards, yard.side_wall_x / np.where(towards, across, 1.0), 1e6)
    _paint_ground(picture, view, yard, light, rays, (reach_ground < 400) & (reach_ground < reach_side), reach_ground)
    side_first = (reach_side < reach_wall) & (reach_side < reach_ground)
    _paint_wall(picture, view, yard, light, rays, reach_wall, (reach_wall < reach_ground) & ~side_first, side=False)
    if yard.side_wall_x is not None:
        _paint_wall(picture, view, yard, light, rays, reach_side, side_first, side=True)
    if supersample > 1:
        picture = np.asarray(cv2.resize(picture, (view.width, view.height), interpolation=cv2.INTER_AREA), np.float32)
    return picture


def _paint_ground(
    picture: FloatArray, view: Viewpoint, yard: Yard, light: Light, rays: FloatArray, mask: _Mask, reach: FloatArray
) -> None:
    rows = np.flatnonzero(mask.any(axis=1))
    if len(rows) == 0:
        return
    part = slice(int(rows[0]), int(rows[-1]) + 1)
    near = np.minimum(reach[part], 400).astype(np.float32)
    x, z = rays[part, :, 0] * near, rays[part, :, 2] * near
    pixel = (near / view.focal_px * np.maximum(near / view.mount_height_m, 1) ** 0.5).astype(np.float32)
    colour = _haze(_ground(yard, x, z, pixel, light), near, light)
    picture[part][mask[part]] = colour[mask[part]]


def _paint_wall(
    picture: FloatArray,
    view: Viewpoint,
    yard: Yard,
    light: Light,
    rays: FloatArray,
    reach: FloatArray,
    first: _Mask,
    *,
    side: bool,
) -> None:
    near = np.minimum(reach, 400).astype(np.float32)
    up = (view.mount_height_m + rays[..., 1] * near).astype(np.float32)
    along = (rays[..., 2 if side else 0] * near).astype(np.float32)
    mask = first & (up > 0) & (up < yard.wall_height_m) & (reach < 400)
    if not side:
        mask &= (along > yard.wall_span[0]) & (along < yard.wall_span[1])
    pixel = (near / view.focal_px).astype(np.float32)
    if yard.wall == "fence":
        wires = np.maximum(_joints(along + up, 0.14, 0.006, pixel), _joints(along - up, 0.14, 0.006, pixel))
        posts = _joints(along, 3.0, 0.05, pixel)
        rail = _line(np.abs(up - yard.wall_height_m + 0.05), 0.04, pixel)
        cover = (np.maximum(np.maximum(wires * 0.8, posts), rail) * mask)[..., None]
        metal = np.array(yard.wall_colour, np.float32) * (
            np.array(light.ambient, np.float32) + 0.4 * np.array(light.sun, np.float32)
        )
        picture += (metal - picture) * cover
        return
    colour = _wall_surface(yard, along, up, pixel)
    if not side:
        _draw_openings(yard, colour, along, up, pixel, light)
    facing = abs(light.sun_direction[0 if side else 2])
    x = np.full_like(along, yard.side_wall_x or 0) if side else along
    z = along if side else np.full_like(along, yard.wall_z)
    total = (
        np.array(light.ambient, np.float32) * 0.85
        + np.array(light.sun, np.float32) * facing * 0.8
        + light.lamps_at(x, z)
    )
    picture[mask] = _haze(colour * total, near, light)[mask]
