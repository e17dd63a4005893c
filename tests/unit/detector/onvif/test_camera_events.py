"""Which of a camera's events become alerts, when, and with which picture."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from cctv.common.frame import Frame
from cctv.onvif.camera_events import CameraEvents, event_of, is_wanted
from cctv.onvif.event_states import CameraEvent
from cctv.onvif.listener import ReportedEvent, reported
from cctv.onvif.notifications import Notification, Operation
from cctv.streams.rtsp_gate import GateOptions
from vigil_contracts.camera_events import ALERT_TYPE_OF_EVENT
from vigil_contracts.camera_events import CameraEventKind as Kind
from vigil_contracts.detection import Detection
from vigil_contracts.names import AlertType

NOW = datetime(2026, 11, 29, 12, 0, tzinfo=UTC)
SUNDAY_MORNING = {"time_zone": "UTC", "windows": [{"days": ["sun"], "start": "06:00", "end": "10:00"}]}


def test_each_kind_has_an_alert_type() -> None:
    assert ALERT_TYPE_OF_EVENT.keys() == set(Kind)


@pytest.mark.parametrize(
    ("settings", "kind", "expected"),
    [
        ({}, Kind.MOTION, True),
        ({"camera_events": ["person"]}, Kind.MOTION, False),
        ({"camera_events": ["person"]}, Kind.PERSON, True),
        ({"schedule": SUNDAY_MORNING}, Kind.PERSON, False),
        ({"schedule": SUNDAY_MORNING}, Kind.TAMPER, True),
    ],
)
def test_settings_choose_the_events(settings: dict[str, object], kind: Kind, *, expected: bool) -> None:
    assert is_wanted(kind, Detection.model_validate(settings), NOW) is expected


def test_alert_names_the_kind() -> None:
    seen = ReportedEvent(
        "onvif-00000001", Kind.DIGITAL_INPUT, NOW, 0.0, "The camera reports an active digital input (1)."
    )
    event = event_of(seen, b"")
    assert (event.alert_type, event.label, event.event_id) == (AlertType.OTHER, "digital input", "onvif-00000001")
    assert event.to_submission(7).description.endswith("(1).")


@pytest.mark.parametrize(
    ("device_seconds", "offset_seconds", "expected_seconds"),
    [(-3, 0, -3), (3597, 3600, -3), (-600, 0, 0), (30, 0, 0)],
)
def test_time_of_the_device_is_used_where_it_can_be_right(
    device_seconds: float, offset_seconds: float, expected_seconds: float
) -> None:
    at = NOW + timedelta(seconds=device_seconds)
    message = Notification("x", Operation.CHANGED, at, (("Rule", "Door\n1"),), (), ())
    found = reported(
        CameraEvent(None, Kind.INTRUSION, message), timedelta(seconds=offset_seconds), NOW, time.monotonic()
    )
    assert found.happened_at == NOW + timedelta(seconds=expected_seconds)
    assert found.description == "The camera reports an object in a restricted area (Door1)."


def test_alert_waits_for_a_frame_of_its_moment(make_frame: Callable[[float], Frame]) -> None:
    events = CameraEvents(7, GateOptions(), lambda fault: None)
    now = time.monotonic()
    events._receive(ReportedEvent("onvif-00000001", Kind.MOTION, NOW, now, "m"))
    assert events.wants_frames
    assert events.take(make_frame(now - 1)) == [], "the frame is older than the event"
    ((event, at),) = events.take(make_frame(now + 0.1))
    assert (event.snapshot_jpeg[:2], at) == (b"\xff\xd8", now)
    assert events.take(make_frame(now + 1), is_last=True) == []


def test_alert_of_a_camera_without_frames_has_no_picture(make_frame: Callable[[float], Frame]) -> None:
    events = CameraEvents(7, GateOptions(), lambda fault: None)
    events._receive(ReportedEvent("onvif-00000001", Kind.MOTION, NOW, time.monotonic(), "m"))
    assert events.take(None) == []
    ((event, _),) = events.take(make_frame(time.monotonic() - 60), is_last=True)
    assert event.snapshot_jpeg == b""
