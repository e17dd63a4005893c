"""Rendered images depend only on their seeds, and boxes match the objects."""

from dataclasses import replace

import numpy as np
import pytest

from vigil_demo.scene import people, vehicles
from vigil_demo.scene.background import make_yard
from vigil_demo.scene.fire_smoke import Fire, Smoke, draw_fire, draw_smoke
from vigil_demo.scene.light import WEATHERS, make_light
from vigil_demo.scene.render import Stage
from vigil_demo.scene.stills import stills
from vigil_demo.scene.types import LABELS, Contents, FloatArray, Solid
from vigil_demo.scene.viewpoint import Viewpoint

VIEW = Viewpoint(320, 180, 270.0, 4.5, 0.29)


@pytest.fixture(scope="module")
def stage() -> Stage:
    """An empty yard without shadows."""
    light = replace(make_light(np.random.default_rng(1), "overcast"), shadow=0.0)
    return Stage(VIEW, make_yard(11, ground="concrete", wall="plaster"), light)


def walker(x: float, z: float) -> Solid:
    return people.person(people.make_appearance(np.random.default_rng(5)), x, z, 0.3, phase=1.0)


def changed_box(stage: Stage, picture: FloatArray) -> tuple[int, int, int, int]:
    """Return left, top, right and bottom of the pixels that differ clearly from the empty yard."""
    empty, _ = stage.render(Contents())
    mask = np.abs(picture - empty).max(axis=2) > 0.03
    columns, rows = np.flatnonzero(mask.any(axis=0)), np.flatnonzero(mask.any(axis=1))
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def test_images_depend_on_the_seed() -> None:
    first, second, other = (list(stills(seed, 2)) for seed in (3, 3, 4))
    for a, b in zip(first, second, strict=True):
        assert np.array_equal(a.image, b.image)
        assert a.truths == b.truths
    assert not np.array_equal(first[0].image, other[0].image)
    assert not np.array_equal(first[0].image, first[1].image)


def test_images_are_640_by_360_with_boxes_inside() -> None:
    seen = set()
    for seed in range(50, 58):
        for picture in stills(seed, 2):
            assert picture.image.shape == (360, 640, 3)
            assert picture.image.dtype == np.uint8
            for truth in picture.truths:
                x1, y1, x2, y2 = truth.box
                assert 0 <= x1 < x2 <= 1
                assert 0 <= y1 < y2 <= 1
                assert 0.3 <= truth.visible <= 1.001
                seen.add(truth.label)
    assert seen == set(LABELS)


@pytest.mark.parametrize(
    "solid", [walker(0.4, 9.0), vehicles.vehicle(vehicles.make_appearance(np.random.default_rng(2)), 0, 12, 0.5)]
)
def test_box_is_tight_around_the_object(stage: Stage, solid: Solid) -> None:
    picture, truths = stage.render(Contents(solids=[solid]))
    assert [truth.label for truth in truths] == [solid.label]
    box = np.array(truths[0].box) * [VIEW.width, VIEW.height, VIEW.width, VIEW.height]
    assert np.abs(box - changed_box(stage, picture)).max() <= 2


def test_flames_and_smoke_are_boxed_where_dense(stage: Stage) -> None:
    flames = draw_fire(VIEW, Fire(1, 0.0, 0.0, 9.0, 1.2, 1.6), 3.0)
    smoke = draw_smoke(VIEW, Smoke(2, 0.5, 0.5, 9.0, 0.2, 0.8, 0.3, 0.2, 3.0, 9, 0.9, 0.5), 30.0, stage.light)
    assert flames is not None
    assert smoke is not None
    for effect in (replace(flames, glow=None), smoke):
        picture, truths = stage.render(Contents(effects=[effect]))
        assert [truth.label for truth in truths] == [effect.label]
        left, top, right, bottom = changed_box(stage, picture)
        x1, y1, x2, y2 = np.array(truths[0].box) * [VIEW.width, VIEW.height, VIEW.width, VIEW.height]
        assert x1 >= left - 1
        assert y1 >= top - 1
        assert x2 <= right + 1
        assert y2 <= bottom + 1
        assert (x2 - x1) * (y2 - y1) >= 0.35 * (right - left) * (bottom - top)


def test_hidden_person_is_not_labelled(stage: Stage) -> None:
    van = vehicles.vehicle(vehicles.make_appearance(np.random.default_rng(3), "van"), 0.0, 9.0, 0.0)
    _, both = stage.render(Contents(solids=[walker(0.0, 10.5), van]))
    _, beside = stage.render(Contents(solids=[walker(3.9, 10.5), van]))
    assert [truth.label for truth in both] == ["vehicle"]
    assert sorted(truth.label for truth in beside) == ["person", "vehicle"]


def test_box_is_clipped_at_the_edge(stage: Stage) -> None:
    edge = VIEW.width / 2 / VIEW.focal_px * VIEW.depth_of(0, 0.9, 9.0)
    _, truths = stage.render(Contents(solids=[walker(edge, 9.0)]))
    assert [truth.box[2] for truth in truths] == [1.0]


@pytest.mark.parametrize("weather", WEATHERS)
def test_each_weather_has_a_light(weather: str) -> None:
    light = make_light(np.random.default_rng(4), weather)
    assert light.weather == weather
    assert np.isclose(np.linalg.norm(light.sun_direction), 1, atol=1e-6)
    assert (light.rain > 0) == (weather == "rain")
    assert bool(light.lamps) or weather != "night"


def test_ground_point_inverts_projection() -> None:
    point = VIEW.ground_point(200.0, 150.0)
    assert point is not None
    pixel, _ = VIEW.project(np.array([[point[0], 0.0, point[1]]], np.float32))
    assert np.allclose(pixel, [[200.0, 150.0]], atol=0.01)
    assert VIEW.ground_point(200.0, 0.0) is None
