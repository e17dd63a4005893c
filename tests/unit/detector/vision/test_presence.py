"""Objects in view are counted per type and zone, and changes of occupancy are reported at once."""

import numpy as np
import pytest

from cctv.vision.analyser import Analyser
from cctv.vision.presence import COUNTS_EVERY_SECONDS, Presence, count_objects, present_seconds
from vigil_contracts.health import ObjectCount
from vigil_contracts.names import AlertType

HERE, AWAY = (0.3, 0.2, 0.5, 0.8), (0.7, 0.2, 0.9, 0.8)
LEFT_HALF = {"name": "left", "points": [[0, 0], [0.6, 0], [0.6, 1], [0, 1]]}


def _counts(people: int, in_zone: int = 0) -> tuple[ObjectCount, ...]:
    return (
        ObjectCount(alert_type=AlertType.PERSON, count=people),
        ObjectCount(alert_type=AlertType.PERSON, zone="left", count=in_zone),
    )


@pytest.fixture
def counted(make_frame, make_camera, scripted_model):  # type: ignore[no-untyped-def]
    """Runs a script and returns, per frame, the number of people and the number of people in the zone."""

    def run(script, end=6.0, frames_per_second=5.0):  # type: ignore[no-untyped-def]
        camera = make_camera(frames_per_second=frames_per_second, zones=[LEFT_HALF], classes=("person",))
        analyser = Analyser(camera, scripted_model(script))
        found = {}
        for seconds in np.arange(0, end, 1 / frames_per_second):
            analyser.process(make_frame(float(seconds)))
            found[round(float(seconds), 2)] = tuple(one.count for one in analyser.object_counts(float(seconds)))
        return found

    return run


def test_person_is_counted_within_a_second_and_for_two_seconds_longer(counted) -> None:  # type: ignore[no-untyped-def]
    found = counted(lambda t: [("person", 0.9, HERE)] if 1 <= t < 3 else [], end=8)
    assert found[1.0] == (0, 0), "one frame may be an error"
    assert found[1.8] == (1, 1)
    assert found[4.0] == (1, 1)
    assert found[5.2] == (0, 0)


def test_clear_detection_counts_before_the_object_is_confirmed(counted) -> None:  # type: ignore[no-untyped-def]
    clear = counted(lambda t: [("person", 0.9, HERE)] if t >= 1 else [])
    assert [clear[1.0], clear[1.2]] == [(0, 0), (1, 1)], "with the second of two consecutive detections"
    weak = counted(lambda t: [("person", 0.6, HERE)] if t >= 1 else [])
    assert [weak[1.2], weak[1.8]] == [(0, 0), (1, 1)], "confirmed by several detections"
    single = counted(lambda t: [("person", 0.9, HERE)] if t == 1 else [])
    assert set(single.values()) == {(0, 0)}


def test_unconfirmed_object_counts_once_and_not_for_long(counted) -> None:  # type: ignore[no-untyped-def]
    found = counted(lambda t: [("person", 0.9 if t < 1.3 else 0.3, HERE)] if t >= 1 else [], end=12)
    shown = [seconds for seconds, counts in found.items() if counts != (0, 0)]
    assert (min(shown), max(shown)) == (1.2, 6.2)
    assert len(shown) == round((6.2 - 1.2) * 5) + 1, "no flicker"


def test_object_outside_a_zone_counts_for_the_frame_only(counted) -> None:  # type: ignore[no-untyped-def]
    assert counted(lambda t: [("person", 0.9, HERE), ("person", 0.9, AWAY)])[4.0] == (2, 1)
    assert counted(lambda t: [("person", 0.9, AWAY)])[4.0] == (1, 0)
    assert counted(lambda t: [("car", 0.9, HERE)])[4.0] == (0, 0), "a class that is not selected"


def test_each_type_and_zone_has_an_entry(make_camera) -> None:  # type: ignore[no-untyped-def]
    zones = make_camera(zones=[LEFT_HALF]).detection.zones
    found = count_objects([], {AlertType.VEHICLE, AlertType.PERSON}, zones)
    assert [(one.alert_type, one.zone, one.count) for one in found] == [
        ("person", "", 0),
        ("person", "left", 0),
        ("vehicle", "", 0),
        ("vehicle", "left", 0),
    ]


def test_slow_cameras_hold_an_object_for_two_frames() -> None:
    assert present_seconds(5.0) == 2.0
    assert present_seconds(0.5) == 4.0


def test_occupancy_is_reported_at_once_and_numbers_once_a_second() -> None:
    presence = Presence()
    assert presence.counts is None
    assert presence.update(_counts(0), 0.0), "the first counts tell which types there are"
    assert presence.update(_counts(1), 0.1)
    assert not presence.update(_counts(2), 0.2)
    assert presence.counts == _counts(2)
    assert presence.update(_counts(2, in_zone=1), 0.3), "a zone became occupied"
    assert not presence.update(_counts(3, in_zone=1), 0.3 + COUNTS_EVERY_SECONDS / 2)
    assert presence.update(_counts(3, in_zone=1), 0.3 + COUNTS_EVERY_SECONDS)
    assert not presence.update(_counts(3, in_zone=1), 9.0)
    assert presence.update(_counts(0), 9.1)
