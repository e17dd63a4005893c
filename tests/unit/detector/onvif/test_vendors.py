"""The messages of three vendors become Vigil's events, each once."""

from pathlib import Path

import pytest

from cctv.onvif.event_states import EventStates
from cctv.onvif.notifications import Notification, read_notifications
from cctv.onvif.soap import read_body
from vigil_contracts.camera_events import CameraEventKind as Kind

ANSWERS = Path(__file__).parent / "answers"


def messages_of(vendor: str) -> list[Notification]:
    """Return the notifications of an answer written from the vendor's documentation."""
    return read_notifications(read_body((ANSWERS / f"{vendor}.xml").read_bytes()))


@pytest.mark.parametrize(
    ("vendor", "count", "kinds"),
    [
        ("hikvision", 7, [Kind.MOTION, Kind.LINE_CROSSING, Kind.INTRUSION, Kind.TAMPER]),
        ("dahua", 6, [Kind.MOTION, Kind.TAMPER, Kind.DIGITAL_INPUT, Kind.AUDIO, Kind.PERSON]),
        ("axis", 6, [Kind.PERSON, Kind.TAMPER, Kind.DIGITAL_INPUT, Kind.AUDIO]),
    ],
)
def test_vendors_messages_become_events_once(vendor: str, count: int, kinds: list[Kind]) -> None:
    messages, states = messages_of(vendor), EventStates("gate:80")
    assert len(messages) == count
    events = states.take(messages)
    assert [event.kind for event in events] == kinds
    assert len({event.event_id for event in events}) == len(kinds)

    again = EventStates("gate:80").take(messages)
    assert [event.event_id for event in again] == [event.event_id for event in events], "a restart sends the same ids"
    assert {event.event_id for event in EventStates("other:80").take(messages)}.isdisjoint(
        event.event_id for event in events
    )
