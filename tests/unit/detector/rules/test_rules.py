"""Zones, dwell times, crossings, schedules and cool-downs."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from cctv.common.events import Event
from cctv.rules import CHECKS
from cctv.vision.analyser import Analyser
from vigil_contracts.detection import Detection
from vigil_contracts.names import AlertType
from vigil_contracts.rules import Schedule
from vigil_contracts.schedule import is_armed

EventsOf = Callable[..., list[tuple[float, Event]]]

LEFT = {"name": "Gate", "points": [[0.0, 0.0], [0.5, 0.0], [0.5, 1.0], [0.0, 1.0]]}
MIDDLE = [[0.5, 0.0], [0.5, 1.0]]  # its first end is above: its left is the frame's right


def walking(t: float) -> list[tuple[str, float, tuple[float, float, float, float]]]:
    """From the left edge to the right within ten seconds."""
    x = min(0.8, 0.05 + t * 0.08)
    return [("person", 0.9, (x, 0.2, x + 0.15, 0.8))]


def standing(_: float) -> list[tuple[str, float, tuple[float, float, float, float]]]:
    return [("person", 0.9, (0.2, 0.2, 0.35, 0.8))]


@pytest.fixture
def events_of(make_frame: Any, make_camera: Any, scripted_model: Any) -> EventsOf:
    def run(
        script: Any, end: float = 12.0, frames_per_second: float = 5.0, **detection: Any
    ) -> list[tuple[float, Event]]:
        camera = make_camera(frames_per_second=frames_per_second, **detection)
        analyser = Analyser(camera, scripted_model(script))
        times = np.arange(0, end, 1 / frames_per_second)
        return [(float(t), event) for t in times for event in analyser.process(make_frame(float(t)))]

    return run


def test_objects_outside_a_zone_are_ignored(events_of: EventsOf) -> None:
    inside = {"name": "seen", "type": "object", "zone": "Gate"}
    ((_, event),) = events_of(standing, zones=[LEFT], rules=[inside])
    assert (event.alert_type, event.zone, event.rule) == (AlertType.PERSON, "Gate", "seen")
    right = {"name": "Gate", "points": [[0.5, 0.0], [1.0, 0.0], [1.0, 1.0], [0.5, 1.0]]}
    assert events_of(standing, zones=[right], rules=[inside]) == []
    ((seconds, _),) = events_of(walking, zones=[right], rules=[inside])
    assert 4 < seconds < 6, "it is told when the person comes in"


def test_intrusion_and_object_rules_report_an_object_once_each(events_of: EventsOf) -> None:
    rules = [{"name": "yard", "type": "intrusion", "zone": "Gate"}, {"name": "all", "type": "object"}]
    events = [event for _, event in events_of(standing, zones=[LEFT], rules=rules)]
    assert {(event.rule, event.alert_type) for event in events} == {
        ("yard", AlertType.INTRUSION),
        ("all", AlertType.PERSON),
    }
    assert len(events) == 2
    assert {event.zone_seconds for event in events} == {None}, "they do not wait, so there is nothing to tell"
    assert len({event.track for event in events}) == 1


def test_loitering_needs_its_time_in_a_static_scene(events_of: EventsOf, make_frame: Any) -> None:
    rule = {"name": "linger", "type": "loitering", "zone": "Gate", "seconds": 8}
    ((seconds, event),) = events_of(standing, end=20, zones=[LEFT], rules=[rule])
    assert 8 <= seconds < 10
    assert event.alert_type == AlertType.LOITERING
    assert event.zone_seconds is not None
    assert event.to_submission(1).zone_seconds == event.zone_seconds
    assert f"for {event.zone_seconds:.0f} s" in event.description
    assert 8 <= event.zone_seconds <= seconds
    assert events_of(walking, end=20, zones=[LEFT], rules=[rule]) == []


@pytest.mark.parametrize(("direction", "count"), [("either", 1), ("right_to_left", 1), ("left_to_right", 0)])
@pytest.mark.parametrize("frames_per_second", [1.0, 5.0])
def test_line_crossing_direction_at_any_frame_rate(
    events_of: EventsOf, direction: str, count: int, frames_per_second: float
) -> None:
    rule = {"name": "door", "type": "line_crossing", "line": MIDDLE, "direction": direction}
    events = events_of(walking, frames_per_second=frames_per_second, rules=[rule])
    assert len(events) == count
    assert all(event.alert_type == AlertType.LINE_CROSSING for _, event in events)


@pytest.mark.parametrize(
    "limits",
    [{"minimum_confidence": 0.95}, {"minimum_size": 0.2}, {"minimum_seconds": 60}, {"classes": ["vehicle"]}],
)
def test_object_must_meet_all_thresholds(events_of: EventsOf, limits: dict[str, object]) -> None:
    assert events_of(standing, rules=[{"name": "r", "type": "object", **limits}]) == []
    assert len(events_of(standing, rules=[{"name": "r", "type": "object", "classes": ["person"]}])) == 1


def test_rule_is_silent_during_its_cool_down(events_of: EventsOf) -> None:
    def two(t: float) -> Any:
        return standing(t) + ([("person", 0.9, (0.7, 0.2, 0.85, 0.8))] if t > 5 else [])

    assert len(events_of(two, rules=[{"name": "r", "type": "object"}])) == 2
    assert len(events_of(two, rules=[{"name": "r", "type": "object", "cooldown_seconds": 60}])) == 1


def test_schedules_use_the_cameras_time_zone_across_midnight() -> None:
    schedule = Schedule.model_validate(
        {"time_zone": "Europe/Berlin", "windows": [{"days": ["fri"], "start": "22:00", "end": "06:00"}]}
    )
    assert is_armed(schedule, datetime(2026, 3, 6, 21, 30, tzinfo=UTC))  # Friday 22:30 in Berlin
    assert is_armed(schedule, datetime(2026, 3, 7, 4, 30, tzinfo=UTC))  # Saturday 05:30
    assert not is_armed(schedule, datetime(2026, 3, 7, 5, 30, tzinfo=UTC))
    assert not is_armed(schedule, datetime(2026, 3, 6, 20, 30, tzinfo=UTC))
    assert is_armed(schedule, datetime(2026, 7, 3, 20, 30, tzinfo=UTC)), "summer time"
    assert is_armed(None, datetime(2026, 7, 3, tzinfo=UTC))


def test_disarmed_camera_gives_no_alerts(events_of: EventsOf) -> None:
    at_night = {"time_zone": "UTC", "windows": [{"days": ["sun"], "start": "20:00", "end": "24:00"}]}
    assert events_of(standing, schedule=at_night) == []
    at_noon = {"time_zone": "UTC", "windows": [{"days": ["sun"], "start": "11:00", "end": "13:00"}]}
    assert len(events_of(standing, schedule=at_noon)) == 1


@pytest.mark.parametrize(
    ("settings", "field", "message"),
    [
        (
            {"zones": [{"name": "a", "points": [[0, 0], [1, 1], [0.5, 0.5]]}]},
            ("zones", 0, "points"),
            "enclose an area",
        ),
        ({"zones": [LEFT, LEFT]}, ("zones",), "a unique name"),
        ({"zones": [{"name": "a", "points": [[0, 0], [1, 1.5], [1, 0]]}]}, ("zones", 0, "points", 1, 1), "less than"),
        (
            {"rules": [{"name": "r", "type": "intrusion", "zone": "Q"}]},
            ("rules",),
            "must be the name of one of zones",
        ),
        ({"rules": [{"name": "r", "type": "magic"}]}, ("rules", 0), "'object', 'intrusion'"),
        (
            {"rules": [{"name": "r", "type": "line_crossing", "line": [[0, 0], [0, 0]]}]},
            ("rules", 0, "line_crossing", "line"),
            "ends must differ",
        ),
        ({"schedule": {"time_zone": "Mars/Crater", "windows": []}}, ("schedule", "time_zone"), "IANA"),
        ({"motion_masks": [[[0, 0], [0.5, 0.5], [1, 1]]]}, ("motion_masks",), "enclose an area"),
    ],
)
def test_invalid_rules_are_rejected_by_name(
    settings: dict[str, object], field: tuple[object, ...], message: str
) -> None:
    with pytest.raises(ValidationError) as refused:
        Detection.model_validate(settings)
    first = next(error for error in refused.value.errors() if message in error["msg"])
    assert first["loc"] == field


def test_every_rule_type_has_its_check() -> None:
    union = Detection.model_json_schema()["properties"]["rules"]["items"]["discriminator"]["mapping"]
    assert set(union) == set(CHECKS)
