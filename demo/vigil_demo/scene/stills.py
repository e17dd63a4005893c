"""Single images with varying yards, people, vehicles, fires and weather: the training set."""

import math
from collections.abc import Iterator

import numpy as np

from vigil_demo.scene import people, props, vehicles
from vigil_demo.scene.background import make_yard
from vigil_demo.scene.camera_style import make_camera_style, render_frame
from vigil_demo.scene.fire_smoke import draw_fire, draw_smoke, make_fire, make_smoke
from vigil_demo.scene.light import WEATHERS, Light, make_light
from vigil_demo.scene.render import Stage
from vigil_demo.scene.types import Contents, Picture, Solid
from vigil_demo.scene.viewpoint import Viewpoint

_SIZE = (640, 360)
_WEATHER_SHARES = (0.3, 0.25, 0.1, 0.15, 0.12, 0.08)


def make_viewpoint(rng: np.random.Generator) -> Viewpoint:
    """Return a camera 3.2 to 6.5 m above the ground, tilted down by 9° to 26°."""
    return Viewpoint(
        *_SIZE, float(rng.uniform(430, 680)), float(rng.uniform(3.2, 6.5)), float(np.radians(rng.uniform(9, 26)))
    )


def _ground_point(rng: np.random.Generator, view: Viewpoint, farthest_m: float) -> tuple[float, float]:
    """Return a point on the ground within the frame, at most `farthest_m` away."""
    for _ in range(200):
        point = view.ground_point(rng.uniform(0, view.width), rng.uniform(view.height * 0.2, view.height * 1.12))
        if point is not None and point[1] < farthest_m:
            return point
    return 0.0, farthest_m


def _clear(x: float, z: float, taken: list[tuple[float, float, float]], radius: float) -> bool:
    return all(math.hypot(x - other_x, z - other_z) > radius + other for other_x, other_z, other in taken)


def _free_point(
    rng: np.random.Generator,
    view: Viewpoint,
    farthest_m: float,
    taken: list[tuple[float, float, float]],
    radius: float,
) -> tuple[float, float] | None:
    for _ in range(12):
        x, z = _ground_point(rng, view, farthest_m)
        if _clear(x, z, taken, radius):
            taken.append((x, z, radius))
            return x, z
    return None


def _props(
    rng: np.random.Generator, view: Viewpoint, farthest_m: float, taken: list[tuple[float, float, float]]
) -> tuple[Solid, ...]:
    solids = []
    for _ in range(int(rng.integers(0, 9))):
        make = props.PROPS[int(rng.integers(len(props.PROPS)))]
        point = _free_point(rng, view, farthest_m, taken, 2.6 if make is props.container else 0.8)
        if point is not None:
            solids.append(make(rng, *point))
    return tuple(solids)


def _random_person(rng: np.random.Generator, x: float, z: float) -> Solid:
    gait = str(rng.choice(people.GAITS, p=[0.62, 0.2, 0.12, 0.06]))
    return people.person(
        people.make_appearance(rng), x, z, rng.uniform(0, 2 * math.pi), gait=gait, phase=rng.uniform(0, 2 * math.pi)
    )


def _contents(
    rng: np.random.Generator,
    view: Viewpoint,
    farthest_m: float,
    taken: list[tuple[float, float, float]],
    light: Light,
) -> Contents:
    contents = Contents()
    if rng.random() < 0.07:
        return contents
    for _ in range(int(rng.choice([0, 1, 2, 3], p=[0.35, 0.35, 0.2, 0.1]))):
        point = _free_point(rng, view, farthest_m, taken, 1.7)
        if point is not None:
            look = vehicles.make_appearance(rng)
            heading, lit = rng.uniform(0, 2 * math.pi), bool(rng.random() < 0.3)
            contents.solids.append(vehicles.vehicle(look, *point, heading, rolled_m=rng.uniform(0, 3), lights=lit))
    for _ in range(int(rng.choice([0, 1, 2, 3, 4], p=[0.22, 0.3, 0.24, 0.14, 0.1]))):
        point = _free_point(rng, view, farthest_m, taken, 0.35)
        if point is not None:
            contents.solids.append(_random_person(rng, *point))
    _add_fires(contents, rng, view, farthest_m, taken, light)
    return contents


def _add_fires(
    contents: Contents, rng: np.random.Generator, view: Viewpoint, farthest_m: float,
    taken: list[tuple[float, float, float]], light: Light,
) -> None:  # fmt: skip
    for _ in range(int(rng.choice([0, 1, 2], p=[0.45, 0.45, 0.1]))):
        point = _free_point(rng, view, farthest_m, taken, 0.6)
        if point is None:
            continue
        x, z = point
        what = rng.choice(["fire", "smoke", "both"], p=[0.3, 0.3, 0.4])
        base = 0.0
        if rng.random() < 0.5:
            contents.solids.append(props.barrel(rng, x, z))
            base = 0.85
        seconds = rng.uniform(20, 500)
        fire = make_fire(rng, x, base, z)
        if what != "smoke":
            flames = draw_fire(view, fire, seconds, rng.uniform(0.35, 1.0))
            if flames is not None:
                contents.effects.append(flames)
        if what != "fire":
            top = base + (0.5 * fire.height_m if what == "both" else 0.0)
            cloud = draw_smoke(view, make_smoke(rng, x, top, z + 0.2), seconds, light)
            if cloud is not None:
                contents.effects.append(cloud)


def stills(seed: int, number: int) -> Iterator[Picture]:
    """Yield `number` images of one yard, light and camera, 640 × 360 pixels, with varying contents.

    Yard, light, viewpoint and contents are unique to the seed.
    """
    rng = np.random.default_rng([seed, 2])
    view = make_viewpoint(rng)
    light = make_light(rng, str(rng.choice(WEATHERS, p=_WEATHER_SHARES)))
    yard = make_yard(seed)
    farthest = min(yard.wall_z - 1.0, 21.0)
    fixed: list[tuple[float, float, float]] = []
    stage = Stage(view, yard, light, _props(rng, view, farthest, fixed))
    for _ in range(number):
        scene, truths = stage.render(_contents(rng, view, farthest, fixed.copy(), light))
        yield Picture(render_frame(scene, make_camera_style(rng, light.weather), light.rain, rng), truths)
