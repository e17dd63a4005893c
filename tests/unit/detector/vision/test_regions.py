"""Regions: where the model looks in a large frame, and how its answers are put together."""

import numpy as np
import pytest

from cctv.common.frame import WHOLE
from cctv.detectors.model import Detections
from cctv.vision.regions import LARGEST_ZOOM, MARGIN, MOST_REGIONS, RegionPlanner, is_covered, merge
from vigil_contracts.geometry import Box

FULL_HD, SMALL = (1920, 1080), (768, 432)
PERSON = Box(0.60, 0.50, 0.62, 0.58)


@pytest.fixture
def planner() -> RegionPlanner:
    """A planner that has just analysed the whole frame."""
    planner = RegionPlanner((640, 640))
    assert planner.plan(FULL_HD, [], [], 0.0) == (WHOLE,)
    return planner


def found(*rows: tuple[tuple[float, float, float, float], float, int]) -> Detections:
    return Detections(
        np.array([row[0] for row in rows], np.float32).reshape(-1, 4),
        np.array([row[1] for row in rows], np.float32),
        np.array([row[2] for row in rows], np.int32),
    )


def moved(box: Box, right: float, down: float = 0.0) -> Box:
    return box.shifted(right, down)


@pytest.mark.parametrize("size", [SMALL, (640, 480), (960, 540), (432, 768)])
def test_a_small_frame_is_analysed_whole(size: tuple[int, int]) -> None:
    planner = RegionPlanner((640, 640))
    planner.plan(size, [], [], 0.0)
    assert planner.plan(size, [PERSON], [], 1.0) == (WHOLE,)
    small = RegionPlanner((320, 320))
    small.plan(size, [], [], 0.0)
    assert small.plan(size, [PERSON], [], 1.0) == (WHOLE,)


@pytest.mark.parametrize("size", [FULL_HD, (3840, 2160), (1080, 1920)])
@pytest.mark.parametrize("at", [(0.0, 0.0), (0.5, 0.5), (0.98, 0.92)])
def test_a_small_movement_is_seen_enlarged(size: tuple[int, int], at: tuple[float, float]) -> None:
    planner = RegionPlanner((640, 640))
    planner.plan(size, [], [], 0.0)
    place = Box(*at, min(1.0, at[0] + 20 / size[0]), min(1.0, at[1] + 40 / size[1]))
    (region,) = planner.plan(size, [place], [], 1.0)
    assert region.width == pytest.approx(region.height)
    assert max(region.width * size[0], region.height * size[1]) == pytest.approx(640 / LARGEST_ZOOM)
    assert is_covered(place, [region])
    assert min(region) >= 0
    assert max(region) <= 1


def test_a_large_movement_gets_a_larger_region_and_then_the_whole_frame(planner: RegionPlanner) -> None:
    (region,) = planner.plan(FULL_HD, [Box(0.4, 0.3, 0.5, 0.6)], [], 1.0)
    assert region.width == pytest.approx(0.3 * MARGIN)
    assert planner.plan(FULL_HD, [Box(0.4, 0.2, 0.6, 0.9)], [], 1.2) == (WHOLE,)


def test_neighbours_share_a_region_and_others_do_not(planner: RegionPlanner) -> None:
    assert len(planner.plan(FULL_HD, [PERSON, moved(PERSON, 0.05), moved(PERSON, 0.0, 0.03)], [], 1.0)) == 1
    regions = planner.plan(FULL_HD, [PERSON, moved(PERSON, -0.5)], [], 1.2)
    assert len(regions) == 2
    smallest = max(0.08 * MARGIN, 640 / LARGEST_ZOOM / FULL_HD[0])
    assert all(region.width == pytest.approx(smallest) for region in regions)


def test_a_far_person_beside_a_large_object_keeps_a_region(planner: RegionPlanner) -> None:
    table = Box(0.1, 0.2, 0.4, 0.9)
    regions = planner.plan(FULL_HD, [PERSON, table], [], 1.0)
    assert regions[0] == WHOLE
    assert [is_covered(PERSON, [region]) for region in regions[1:]] == [True]
    hand = Box(0.35, 0.5, 0.42, 0.55)
    assert planner.plan(FULL_HD, [hand, table], [], 1.2) == (WHOLE,), "what moves within an object belongs to it"


def test_the_number_of_regions_is_limited(planner: RegionPlanner) -> None:
    places = [Box(x, y, x + 0.02, y + 0.04) for x in (0.05, 0.5, 0.9) for y in (0.05, 0.85)]
    regions = planner.plan(FULL_HD, places, [], 1.0)
    assert len(regions) <= MOST_REGIONS
    assert all(is_covered(place, regions) for place in places)
    many = [Box(x, y, x + 0.01, y + 0.01) for x in np.linspace(0, 0.95, 8) for y in np.linspace(0, 0.95, 8)]
    assert planner.plan(FULL_HD, many, [], 1.2) == (WHOLE,)


def test_the_whole_frame_is_analysed_now_and_then(planner: RegionPlanner) -> None:
    looks = [planner.plan(FULL_HD, [PERSON], [], seconds) for seconds in np.arange(0.2, 30, 0.2)]
    whole = [regions for regions in looks if WHOLE in regions]
    assert len(whole) == 2
    assert all(len(regions) == 2 for regions in whole), "a far person is not lost by it"


def test_objects_at_rest_are_analysed_with_the_whole_frame_or_with_motion_on_them(planner: RegionPlanner) -> None:
    resting = Box(0.1, 0.4, 0.15, 0.52)
    assert not is_covered(resting, planner.plan(FULL_HD, [PERSON], [resting], 1.0))
    assert is_covered(resting, planner.plan(FULL_HD, [Box(0.1, 0.4, 0.11, 0.41)], [resting], 1.2))
    regions = planner.plan(FULL_HD, [], [resting, Box(0.5, 0.1, 0.7, 0.9)], 2.0)
    assert regions[0] == WHOLE
    assert [region.width for region in regions[1:]] == [pytest.approx(0.12 * MARGIN)], (
        "only the small one needs a region"
    )


def test_motion_on_an_object_at_rest_shows_all_of_it_with_the_whole_frame_too(planner: RegionPlanner) -> None:
    resting, head = Box(0.4, 0.4, 0.45, 0.57), Box(0.41, 0.4, 0.43, 0.43)
    whole, region = planner.plan(FULL_HD, [head], [resting], 20.0)
    assert whole == WHOLE
    assert is_covered(resting, [region])


def test_a_box_that_ends_near_a_border_is_cut_off() -> None:
    result = merge([Box(0.4, 0.4, 0.6, 0.6)], [found(((0.3, 0.1, 0.6, 0.975), 0.9, 0))])
    assert len(result.detections) == 0
    assert len(result.cut) == 1


def test_an_object_that_a_border_cuts_off_gets_a_larger_region(planner: RegionPlanner) -> None:
    (region,) = planner.plan(FULL_HD, [Box(0.5, 0.5, 0.52, 0.52)], [], 1.0)
    answer = found(((0.3, 0.0, 0.6, 1.0), 0.8, 0))
    result = merge([region], [answer])
    assert len(result.detections) == 0, "a part of an object is no object"
    assert planner.note(result.cut, [], 1.0) == 1
    (wider,) = planner.plan(FULL_HD, [Box(0.5, 0.5, 0.52, 0.52)], [], 1.2)
    assert wider.width > 1.9 * region.width
    assert is_covered(region, [wider])
    assert planner.note([], [], 1.2) == 0
    assert planner.plan(FULL_HD, [Box(0.5, 0.5, 0.52, 0.52)], [], 1.8) == (wider,)
    assert planner.plan(FULL_HD, [Box(0.5, 0.5, 0.52, 0.52)], [], 2.2) == (region,)


def test_a_known_object_explains_what_a_border_cuts_off(planner: RegionPlanner) -> None:
    assert planner.note([Box(0.5, 0.5, 0.6, 0.6)], [Box(0.5, 0.4, 0.6, 0.8)], 1.0) == 0


def test_detections_are_placed_in_the_frame() -> None:
    region = Box(0.5, 0.25, 0.75, 0.5)
    result = merge([region], [found(((0.2, 0.4, 0.6, 0.8), 0.9, 3))])
    np.testing.assert_allclose(result.detections.boxes, [[0.55, 0.35, 0.65, 0.45]], atol=1e-6)
    assert result.detections.class_ids.tolist() == [3]
    assert result.cut == ()


def test_an_object_in_two_regions_is_one() -> None:
    regions = [Box(0.0, 0.0, 0.5, 0.5), Box(0.25, 0.0, 0.75, 0.5)]
    here, there = (0.6, 0.2, 0.8, 0.8), (0.1, 0.2, 0.3, 0.8)
    result = merge(regions, [found((here, 0.7, 0)), found((there, 0.9, 0), (here, 0.8, 0), (there, 0.5, 1))])
    assert sorted(result.detections.confidences.tolist()) == pytest.approx([0.5, 0.8, 0.9])
    assert result.detections.confidences[0] == pytest.approx(0.9), "the most confident is first"


def test_a_part_at_a_border_gives_way_to_the_whole_object_in_another_region() -> None:
    regions = [WHOLE, Box(0.5, 0.25, 0.75, 0.5)]
    result = merge(regions, [found(((0.4, 0.2, 0.6, 0.6), 0.6, 0)), found(((0.0, 0.2, 0.4, 0.9), 0.9, 0))])
    np.testing.assert_allclose(result.detections.boxes, [[0.4, 0.2, 0.6, 0.6]], atol=1e-6)
    assert result.cut == ()


def test_the_border_of_the_frame_cuts_nothing_off() -> None:
    result = merge([Box(0.0, 0.5, 0.2, 0.7)], [found(((0.0, 0.2, 0.4, 0.8), 0.9, 0))])
    assert len(result.detections) == 1
    assert len(merge([WHOLE], [found(((0.0, 0.0, 1.0, 1.0), 0.9, 0))]).detections) == 1


def test_regions_without_detections_give_none() -> None:
    assert len(merge([WHOLE, Box(0.0, 0.0, 0.2, 0.2)], [Detections.none(), Detections.none()]).detections) == 0
