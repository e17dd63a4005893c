"""An object keeps its track when something else at its place is recognised instead of it."""

import pytest

from cctv.vision.observations import Observation, Vote
from cctv.vision.tracking import ObjectTracker, TrackedObject
from vigil_contracts.geometry import Box
from vigil_contracts.names import AlertType

SEAT = Box(0.465, 0.38, 0.505, 0.55)
STEP = 0.009


def person(steps: int) -> Observation:
    return Observation(SEAT.shifted(STEP * steps, 0.0), 0.9, "person", {AlertType.PERSON: Vote(0.9, "person")})


CHAIR = Observation(Box(0.465, 0.39, 0.505, 0.54), 0.4, "chair", {})


def seated(frames: int = 10) -> tuple[ObjectTracker, TrackedObject]:
    """Return a tracker at 5 frames/s that has followed a seated person, who is its only object."""
    tracker = ObjectTracker(5.0, 0.25)
    for number in range(frames):
        tracker.update([person(0)], number / 5)
    (thing,) = tracker.objects
    return tracker, thing


def test_person_who_gets_up_keeps_the_track_that_the_chair_took() -> None:
    tracker, sitting = seated()
    name = sitting.name
    assert tracker.update([person(1), CHAIR], 2.0) == [sitting]
    assert sitting.last.label == "chair", "the chair is nearer to the place where the person was"
    for number in range(2, 6):
        found = {thing.last.label: thing.name for thing in tracker.update([person(number), CHAIR], 1.8 + number / 5)}
        assert found["person"] == name
        assert found["chair"] != name
        assert len(found) == len(tracker.objects) == 2


@pytest.mark.parametrize(
    ("steps", "seconds"), [pytest.param(8, 0.2, id="elsewhere"), pytest.param(1, 2.0, id="later")]
)
def test_another_person_gets_a_track_of_their_own(steps: int, seconds: float) -> None:
    tracker, sitting = seated()
    name, begin = sitting.name, 1.8
    while begin + 0.2 <= 1.8 + seconds:
        begin += 0.2
        tracker.update([CHAIR], begin)
    for number in range(3):
        found = tracker.update([person(steps), CHAIR], begin + 0.2 * (number + 1))
    names = {thing.last.label: thing.name for thing in found}
    assert names["chair"] == name
    assert names["person"] != name
