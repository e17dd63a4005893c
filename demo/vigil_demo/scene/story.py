"""The demo camera's story: what happens in the demo yard during one round of the loop.

People cross, a van drives through, a car parks and leaves, a person runs, rubbish burns in a barrel. The round starts
and ends with the same empty yard, so that the loop has no visible cut.
"""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from vigil_demo.scene import people, props, vehicles
from vigil_demo.scene.background import Opening, Yard, make_yard
from vigil_demo.scene.camera_style import CameraStyle, render_frame
from vigil_demo.scene.fire_smoke import Fire, Smoke, draw_fire, draw_smoke
from vigil_demo.scene.light import Light
from vigil_demo.scene.render import Stage
from vigil_demo.scene.script import Course, Waypoint, Whereabouts
from vigil_demo.scene.types import Contents, Picture, Solid
from vigil_demo.scene.viewpoint import Viewpoint

DURATION_SECONDS = 72.0
STORY_SEED = 7_000_000
"""Not part of any split of the training data."""

_VIEW = Viewpoint(640, 360, 540.0, 4.6, float(np.radians(16.5)))
_LIGHT = Light(
    weather="sunny",
    ambient=(0.7, 0.68, 0.65),
    sun=(0.5, 0.57, 0.62),
    sun_direction=(0.52, 0.72, -0.46),
    shadow=0.42,
    sky_top=(0.85, 0.66, 0.45),
    sky_bottom=(0.95, 0.88, 0.78),
    fog=(0.9, 0.87, 0.82),
    fog_per_m=0.0015,
    rain=0.0,
)
_LOOK = CameraStyle(gain=(0.98, 0.99, 1.0), vignette=0.14, blur_px=0.35, noise=0.008, lettering="DEMO YARD")

_BARREL = (3.3, 12.2)
_FIRE_SECONDS = (48.0, 62.0)
_SMOKE_SECONDS = (46.5, 63.0)
_FIRE = Fire(41, _BARREL[0], 0.85, _BARREL[1], 0.95, 1.35)
_SMOKE = Smoke(
    seed=43, x=_BARREL[0], y=1.5, z=_BARREL[1] + 0.2, wind_m_s=-0.35, rise_m_s=0.8, start_radius_m=0.3,
    growth_m_s=0.26,    life_seconds=3.6, puffs_per_second=9, density=0.9, grey=0.4,
)  # fmt: skip


def _straight(begin: float, x1: float, z1: float, end: float, x2: float, z2: float) -> Course:
    return Course((Waypoint(begin, x1, z1), Waypoint(end, x2, z2)))


_WALKERS: tuple[tuple[int, str, Course], ...] = (
    (1, "walk", _straight(1.2, -8.0, 10.4, 13.0, 8.2, 9.8)),
    (2, "walk", _straight(12.5, 7.4, 8.7, 23.3, -7.2, 9.4)),
    (3, "walk", _straight(26.0, -7.4, 9.3, 37.0, 7.6, 9.0)),
    (4, "walk", _straight(27.6, -8.0, 10.4, 38.8, 8.0, 10.2)),
    (5, "run", _straight(41.5, 8.0, 10.8, 46.7, -8.2, 9.8)),
    (
        6,
        "walk",
        Course(
            (
                Waypoint(51.0, -8.0, 11.0),
                Waypoint(57.6, 1.2, 11.0),
                Waypoint(59.8, 1.2, 11.0),
                Waypoint(66.5, -8.4, 10.2),
            )
        ),
    ),
)
"""Index of the appearance, gait, course."""

_DRIVERS: tuple[tuple[str, tuple[float, float, float], Course], ...] = (
    ("van", (0.86, 0.86, 0.85), Course((Waypoint(4.5, -13.0, 14.4), Waypoint(11.5, 13.5, 14.0)), smooth=True)),
    (
        "hatchback",
        (0.5, 0.26, 0.12),
        Course(
            (
                Waypoint(17.0, 13.0, 12.6), Waypoint(19.5, 5.2, 12.8), Waypoint(21.2, 0.8, 13.8),
                Waypoint(22.6, -1.2, 14.3),
                Waypoint(36.6, -1.2, 14.3), Waypoint(38.4, -4.0, 14.3), Waypoint(41.0, -13.5, 13.4),
            ),
            smooth=True,
        ),
    ),
)  # fmt: skip
"""Kind, paint, course."""


_PALE = (0.75, 0.77, 0.78)
_OPENINGS = (
    Opening("shutter", -8.8, 0.0, -5.4, 3.0, (0.62, 0.6, 0.56)),
    Opening("window", -4.3, 1.3, -2.9, 2.6, _PALE),
    Opening("window", -2.2, 1.3, -0.8, 2.6, _PALE),
    Opening("door", 0.4, 0.0, 1.5, 2.15, (0.42, 0.34, 0.2)),
    Opening("window", 2.5, 1.3, 3.9, 2.6, _PALE),
    Opening("window", 4.6, 1.3, 6.0, 2.6, _PALE),
    Opening("sign", -2.6, 3.35, 2.4, 4.15, (0.36, 0.27, 0.16)),
)


def _yard() -> Yard:
    yard = make_yard(STORY_SEED, ground="concrete", wall="brick")
    return replace(
        yard, ground_colour=(0.52, 0.54, 0.55), wall_colour=(0.33, 0.4, 0.58), wall_z=20.0, wall_height_m=5.6,
        wall_span=(-40.0, 40.0), side_wall_x=None, parking_bays=(-6.2, 15.0, 19.6, 6), openings=_OPENINGS,
        stains=((-2.5, 9.5, 1.2, 0.16), (2.0, 13.5, 0.8, 0.2), (5.0, 8.0, 1.4, 0.12)),
    )  # fmt: skip


def _props() -> tuple[Solid, ...]:
    rng = np.random.default_rng([STORY_SEED, 5])
    return (
        props.container(np.random.default_rng(3), 9.6, 17.6),
        props.pallets(rng, 5.9, 14.9),
        props.crate(rng, 7.0, 14.2),
        props.barrel(np.random.default_rng(8), *_BARREL),
        props.wheelie_bin(rng, -8.6, 18.6),
        props.wheelie_bin(rng, -7.6, 18.7),
        props.cone(rng, -5.8, 13.0),
        props.bush(rng, -11.2, 17.2),
        props.bush(rng, -10.2, 18.4),
        props.post(np.random.default_rng(4), 12.6, 15.0),
    )


class Story:
    """Renders the story; the same time always gives the same frame."""

    def __init__(self) -> None:
        self._stage = Stage(_VIEW, _yard(), _LIGHT, _props(), background_supersample=2)
        self._people = {
            number: people.make_appearance(np.random.default_rng([STORY_SEED, 6, number]))
            for number, _, _ in _WALKERS
        }
        self._cars = tuple(
            replace(
                vehicles.make_appearance(np.random.default_rng([STORY_SEED, 7]), kind),
                paint=paint,
                scale=1.0,
                stripe=None,
            )
            for kind, paint, _ in _DRIVERS
        )

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) in pixels."""
        return _VIEW.width, _VIEW.height

    def frame(self, seconds: float) -> Picture:
        """Return the frame at a time of the round, 0 ≤ seconds < `DURATION_SECONDS`."""
        if not 0 <= seconds < DURATION_SECONDS:
            raise ValueError(f"seconds: must be from 0 up to and without {DURATION_SECONDS}, is {seconds}")
        scene, truths = self._stage.render(self._contents(seconds))
        grain = np.random.default_rng([STORY_SEED, 8, round(seconds * 1000)])
        return Picture(render_frame(scene, _LOOK, 0.0, grain), truths)

    def frames(self, frames_per_second: int) -> Iterator[Picture]:
        """Yield the frames of one round."""
        for number in range(round(DURATION_SECONDS * frames_per_second)):
            yield self.frame(number / frames_per_second)

    def _contents(self, seconds: float) -> Contents:
        contents = Contents()
        for number, gait, course in _WALKERS:
            place = course.at(seconds)
            if place is not None:
                contents.solids.append(self._walker(self._people[number], gait, place, seconds))
        for look, (_, _, course) in zip(self._cars, _DRIVERS, strict=True):
            place = course.at(seconds)
            if place is not None:
                contents.solids.append(
                    vehicles.vehicle(look, place.x, place.z, place.heading_rad, rolled_m=place.travelled_m)
                )
        self._add_fire(contents, seconds)
        return contents

    @staticmethod
    def _walker(look: people.Appearance, gait: str, place: Whereabouts, seconds: float) -> Solid:
        if place.speed_m_s < 0.1:
            return people.person(look, place.x, place.z, place.heading_rad, gait="stand", phase=seconds)
        phase = people.stride_phase(place.travelled_m, look.height_m, running=gait == "run")
        return people.person(look, place.x, place.z, place.heading_rad, gait=gait, phase=phase)

    @staticmethod
    def _add_fire(contents: Contents, seconds: float) -> None:
        begin, end = _FIRE_SECONDS
        strength = min(1.0, (seconds - begin) / 3.0, (end - seconds) / 2.5)
        flames = draw_fire(_VIEW, _FIRE, seconds, max(0.0, strength))
        smoke = draw_smoke(_VIEW, _SMOKE, seconds, _LIGHT, since=_SMOKE_SECONDS[0], until=_SMOKE_SECONDS[1])
        contents.effects += [effect for effect in (flames, smoke) if effect is not None]
