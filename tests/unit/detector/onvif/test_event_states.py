"""Which notifications are new events: states, repetitions, reconnects and deleted properties."""

from datetime import UTC, datetime, timedelta

import pytest

from cctv.onvif.event_states import EventStates
from cctv.onvif.notifications import Notification, Operation
from vigil_contracts.camera_events import CameraEventKind as Kind

START = datetime(2026, 11, 29, 8, tzinfo=UTC)
MOTION = "RuleEngine/CellMotionDetector/Motion"


def message(
    value: str,
    operation: Operation | None = Operation.CHANGED,
    *,
    topic: str = MOTION,
    item: str = "IsMotion",
    seconds: float = 0.0,
    source: str = "vsc0",
) -> Notification:
    at = START + timedelta(seconds=seconds)
    return Notification(topic, operation, at, (("VideoSourceConfigurationToken", source),), (), ((item, value),))


@pytest.mark.parametrize(
    ("value", "is_event"), [("true", True), ("1", True), ("TRUE", True), ("0", False), ("", False)]
)
def test_all_forms_of_a_boolean_are_read(value: str, is_event: bool) -> None:
    events = EventStates("gate").take([message("false", Operation.INITIALIZED), message(value, seconds=1)])
    assert [event.kind for event in events] == [Kind.MOTION] * is_event


def test_initial_state_is_no_event() -> None:
    states = EventStates("gate")
    assert states.take([message("true", Operation.INITIALIZED)]) == []
    assert states.has_motion
    assert states.take([message("true", seconds=1)]) == [], "a repeated state is no change"
    assert states.take([message("false", seconds=2)]) == []
    assert len(states.take([message("true", seconds=3)])) == 1


def test_reconnect_during_motion_gives_no_second_event() -> None:
    states = EventStates("gate")
    assert len(states.take([message("true")])) == 1
    assert states.take([message("true", Operation.INITIALIZED, seconds=5)]) == []
    assert states.take([message("true", seconds=6)]) == []


def test_deleted_property_is_over_although_it_repeats_its_value() -> None:
    states = EventStates("gate")
    states.take([message("true")])
    assert states.take([message("true", Operation.DELETED, seconds=1)]) == []
    assert not states.has_motion
    assert len(states.take([message("true", seconds=2)])) == 1


def test_motion_under_two_topics_is_one_event() -> None:
    states = EventStates("gate")
    alarm = message("true", topic="VideoSource/MotionAlarm", item="State", source="vs0")
    assert len(states.take([message("true"), alarm])) == 1
    assert states.take([message("false", seconds=1)]) == []
    assert states.has_motion, "the other topic still reports it"


def test_rules_of_one_kind_are_separate_events() -> None:
    topic = "RuleEngine/FieldDetector/ObjectsInside"
    inside = [message("true", topic=topic, item="IsInside", source=source) for source in ("a", "b")]
    assert len({event.event_id for event in EventStates("gate").take(inside)}) == 2


def test_each_crossing_of_a_line_is_an_event() -> None:
    states, topic = EventStates("gate"), "RuleEngine/LineDetector/Crossed"
    crossings = [message(number, None, topic=topic, item="ObjectId") for number in "789"]
    assert len({event.event_id for event in states.take(crossings)}) == 3
    held = [message("true", topic=topic, item="State", seconds=second) for second in (1, 2)]
    assert len(states.take(held)) == 2
    assert states.take([message("true", Operation.INITIALIZED, topic=topic, item="State", seconds=3)]) == []


def test_event_without_a_time_has_no_lasting_id() -> None:
    timeless = Notification(MOTION, Operation.CHANGED, None, (), (), (("IsMotion", "true"),))
    assert [event.event_id for event in EventStates("gate").take([timeless])] == [None]


def test_message_that_the_camera_repeats_is_one_event() -> None:
    states = EventStates("gate")
    crossed = message("7", None, topic="RuleEngine/LineDetector/Crossed", item="ObjectId")
    assert len(states.take([crossed, crossed])) == 1
    assert states.take([crossed]) == []
