"""One event per object: none for isolated detections, no second one for a briefly lost object."""

import json

import cv2
import numpy as np
import pytest

from cctv.vision.analyser import Analyser
from vigil_contracts.names import AlertType

HERE, NEAR, AWAY = (0.3, 0.2, 0.5, 0.8), (0.33, 0.2, 0.53, 0.8), (0.7, 0.2, 0.9, 0.8)


@pytest.fixture
def run(make_frame, make_camera, scripted_model):  # type: ignore[no-untyped-def]
    """Runs a script from `begin` to `end` seconds and returns the events with the time at which each came."""

    def run_script(script, begin=0.0, end=4.0, frames_per_second=5.0, analyser=None, gap=None, **detection):  # type: ignore[no-untyped-def]
        analyser = analyser or Analyser(
            make_camera(frames_per_second=frames_per_second, **detection), scripted_model(script)
        )
        events = []
        for seconds in np.arange(begin, end, 1 / frames_per_second):
            if gap and gap[0] <= seconds < gap[1]:
                continue
            events += [(float(seconds), event) for event in analyser.process(make_frame(float(seconds)))]
        return events, analyser

    return run_script


def test_an_object_gives_one_event_within_a_second(run) -> None:  # type: ignore[no-untyped-def]
    events, _ = run(lambda t: [("person", 0.9, HERE)] if t >= 1 else [], end=12)
    ((seconds, event),) = events
    assert 1.2 < seconds <= 2.0
    assert event.alert_type == AlertType.PERSON
    assert event.label == "person"
    assert event.confidence == pytest.approx(0.9)
    submission = event.to_submission(7)
    assert submission.camera == 7
    assert submission.box.x_min == pytest.approx(0.3)
    picture = cv2.imdecode(np.frombuffer(event.snapshot_jpeg, np.uint8), cv2.IMREAD_COLOR)
    assert picture is not None
    assert picture.shape == (90, 160, 3)


def test_isolated_detections_give_no_event(run) -> None:  # type: ignore[no-untyped-def]
    assert run(lambda t: [("person", 0.95, HERE)] if round(t * 5) == 5 else [])[0] == []
    assert run(lambda t: [("person", 0.95 if round(t * 5) % 4 == 0 else 0.3, HERE)])[0] == []
    assert run(lambda t: [("person", 0.45, HERE)])[0] == []


def test_minimum_confidence_is_per_camera(run) -> None:  # type: ignore[no-untyped-def]
    assert len(run(lambda t: [("person", 0.45, HERE)], minimum_confidence=0.4)[0]) == 1
    assert run(lambda t: [("person", 0.9, HERE)], minimum_confidence=0.95)[0] == []


def test_a_weak_frame_does_not_split_an_identity(run) -> None:  # type: ignore[no-untyped-def]
    events, _ = run(lambda t: [("person", 0.26 if 1.5 < t < 3 else 0.9, HERE)], end=8)
    assert len(events) == 1


def test_only_selected_classes_are_reported(run) -> None:  # type: ignore[no-untyped-def]
    def both(t):  # type: ignore[no-untyped-def]
        return [("person", 0.9, HERE), ("car", 0.9, AWAY)]

    assert {event.alert_type for _, event in run(both)[0]} == {AlertType.PERSON, AlertType.VEHICLE}
    assert [event.label for _, event in run(both, classes=("car",))[0]] == ["car"]
    assert run(lambda t: [("cell phone", 0.9, HERE)])[0] == []


def test_unselected_class_has_no_veto(run) -> None:  # type: ignore[no-untyped-def]
    def script(t):  # type: ignore[no-untyped-def]
        return [("car", 0.6, HERE)] if t > 3 else [("cell phone", 0.9, HERE)]

    events, _ = run(script)
    assert [event.label for _, event in events] == ["car"]


def test_two_objects_give_two_events(run) -> None:  # type: ignore[no-untyped-def]
    events, _ = run(lambda t: [("person", 0.9, HERE), ("person", 0.8, AWAY)])
    assert len({event.track for _, event in events}) == len({event.event_id for _, event in events}) == 2


@pytest.mark.parametrize("gone_seconds", [2.0, 7.0, 30.0])
def test_object_found_at_the_same_place_is_the_same(run, gone_seconds: float) -> None:  # type: ignore[no-untyped-def]
    back = 10 + gone_seconds
    events, _ = run(lambda t: [("person", 0.9, HERE if t < 10 else NEAR)], end=back + 5, gap=(10, back))
    assert len(events) == 1
    events, _ = run(lambda t: [("person", 0.9, HERE)] if not 10 <= t < back else [], end=back + 5)
    assert len(events) == 1


def test_later_person_is_a_new_object(run) -> None:  # type: ignore[no-untyped-def]
    events, _ = run(lambda t: [("person", 0.9, HERE)] if t < 10 or t >= 90 else [], end=95)
    assert len(events) == 2


def test_person_who_left_is_not_the_next_one(run) -> None:  # type: ignore[no-untyped-def]
    def script(t):  # type: ignore[no-untyped-def]
        walked = max(0.0, min(0.5, (t - 8) / 4))
        if t < 10:
            return [("person", 0.9, (HERE[0] + walked, HERE[1], HERE[2] + walked, HERE[3]))]
        return [("person", 0.9, HERE)] if t > 18 else []

    assert len(run(script, end=22)[0]) == 2


def test_a_restarted_detector_knows_what_was_reported(run, make_camera, scripted_model) -> None:  # type: ignore[no-untyped-def]
    def script(t):  # type: ignore[no-untyped-def]
        return [("person", 0.9, HERE)]

    events, first = run(script, end=10)
    assert len(events) == 1
    state = json.loads(json.dumps(first.state()))
    second = Analyser(make_camera(), scripted_model(script))
    second.restore(state)
    assert run(script, begin=14, end=24, analyser=second)[0] == []
    stranger = Analyser(make_camera(), scripted_model(script))
    stranger.restore({"memory": {"objects": [{"track": 5}]}, "rules": 7})
    assert len(run(script, begin=14, end=24, analyser=stranger)[0]) == 1


def test_new_settings_take_effect_with_the_next_frame(run, make_camera) -> None:  # type: ignore[no-untyped-def]
    def script(t):  # type: ignore[no-untyped-def]
        return [("person", 0.9, HERE), ("car", 0.9, AWAY)] if t >= 2 else [("person", 0.9, HERE)]

    events, analyser = run(script, end=2, classes=("person",))
    assert [event.label for _, event in events] == ["person"]
    analyser.reconfigure(make_camera(classes=("car",)))
    events, _ = run(script, begin=2, end=5, analyser=analyser)
    assert [event.label for _, event in events] == ["car"]
