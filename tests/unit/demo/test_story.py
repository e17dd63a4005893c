"""The demo loop has no visible cut, and objects are in view most of the time."""

from itertools import pairwise

import numpy as np
import pytest

from vigil_demo.scene.script import Course, Waypoint
from vigil_demo.scene.story import DURATION_SECONDS, Story
from vigil_demo.scene.types import LABELS, Truth


@pytest.fixture(scope="module")
def story() -> Story:
    return Story()


@pytest.fixture(scope="module")
def truths(story: Story) -> list[tuple[float, tuple[Truth, ...]]]:
    """Return the ground truth every half second."""
    return [(moment, story.frame(moment).truths) for moment in np.arange(0, DURATION_SECONDS, 0.5).tolist()]


def test_loop_starts_and_ends_with_the_same_empty_yard(story: Story) -> None:
    first, last = story.frame(0.0), story.frame(DURATION_SECONDS - 0.1)
    assert first.truths == last.truths == ()
    assert not np.array_equal(first.image, last.image)  # the sensor's noise differs
    difference = np.abs(first.image.astype(int) - last.image.astype(int))
    assert difference.mean() < 3
    assert difference.max() < 40


def test_same_time_gives_the_same_frame(story: Story) -> None:
    again = Story().frame(55.0)
    assert np.array_equal(story.frame(55.0).image, again.image)


def test_time_outside_the_round_is_rejected(story: Story) -> None:
    with pytest.raises(ValueError, match="seconds: must be from 0"):
        story.frame(DURATION_SECONDS)


def test_person_appears_within_five_seconds_and_all_classes_appear(
    truths: list[tuple[float, tuple[Truth, ...]]],
) -> None:
    persons = [moment for moment, seen in truths if any(truth.label == "person" for truth in seen)]
    assert persons[0] < 5
    assert {truth.label for _, seen in truths for truth in seen} == set(LABELS)


def test_objects_enter_and_leave_over_the_frames_edge(
    truths: list[tuple[float, tuple[Truth, ...]]],
) -> None:
    arrivals = 0
    for (_, before), (_, after) in pairwise(truths):
        for label in ("person", "vehicle"):
            then = [truth.box for truth in before if truth.label == label]
            now = [truth.box for truth in after if truth.label == label]
            if len(now) > len(then):
                arrivals += len(now) - len(then)
                assert any(box[0] < 0.25 or box[2] > 0.75 for box in now)
            elif len(now) < len(then):
                assert any(box[0] < 0.25 or box[2] > 0.75 for box in then)
    assert arrivals >= 8


class TestCourse:
    def test_course_reaches_waypoints_on_time(self) -> None:
        course = Course((Waypoint(1, 0, 10), Waypoint(3, 4, 10), Waypoint(5, 4, 10), Waypoint(6, 4, 12)))
        assert course.at(0.9) is None
        assert course.at(6.1) is None
        middle = course.at(2.0)
        assert middle is not None
        assert (middle.x, middle.z) == (2.0, 10.0)
        assert middle.heading_rad == pytest.approx(0)
        assert middle.speed_m_s == pytest.approx(2.0)
        assert middle.travelled_m == pytest.approx(2.0)

    def test_standing_person_keeps_the_heading(self) -> None:
        course = Course((Waypoint(1, 0, 10), Waypoint(3, -4, 10), Waypoint(5, -4, 10)))
        standing = course.at(4.5)
        assert standing is not None
        assert abs(standing.heading_rad) == pytest.approx(np.pi)
        assert standing.speed_m_s == pytest.approx(0)

    def test_a_smooth_course_has_no_corners(self) -> None:
        course = Course((Waypoint(0, 0, 10), Waypoint(2, 4, 10), Waypoint(4, 5, 13)), smooth=True)
        places = [course.at(moment) for moment in np.arange(0.1, 4.0, 0.1)]
        headings = [place.heading_rad for place in places if place is not None]
        assert np.abs(np.diff(headings)).max() < 0.35

    def test_non_increasing_times_are_rejected(self) -> None:
        with pytest.raises(ValueError, match="must rise"):
            Course((Waypoint(2, 0, 0), Waypoint(1, 1, 1)))
