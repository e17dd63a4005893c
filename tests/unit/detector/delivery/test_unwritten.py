"""Alerts that the disk rejects wait in memory, in order, and are written once."""

import errno
from datetime import UTC, datetime

import pytest

from cctv.common.events import Event
from cctv.delivery.unwritten import MAX_HELD_ALERTS, RETRY_LONGEST_SECONDS, UnwrittenAlerts
from vigil_contracts.names import AlertType


def event(name: str) -> Event:
    return Event(name, AlertType.PERSON, "person", 0.9, datetime.now(UTC), None, "track")


class Disk:
    """Takes alerts while it has room."""

    def __init__(self) -> None:
        self.room, self.written, self.asked = 0, list[str](), 0

    def write(self, event: Event) -> bool:
        self.asked += 1
        if not self.room:
            raise OSError(errno.ENOSPC, "No space left on device")
        self.room -= 1
        self.written.append(event.event_id)
        return True


@pytest.fixture
def disk() -> Disk:
    return Disk()


def test_held_alerts_are_written_once_and_in_order(disk: Disk) -> None:
    unwritten = UnwrittenAlerts(disk.write, lambda _: None)
    for name in ("first", "second", "third"):
        unwritten.add(event(name))
    disk.room = 2
    assert not unwritten.retry(0.0)
    assert len(unwritten) == 1
    disk.room = 5
    assert unwritten.retry(RETRY_LONGEST_SECONDS * 2)
    assert unwritten.retry(RETRY_LONGEST_SECONDS * 4)
    assert disk.written == ["first", "second", "third"]


def test_full_disk_is_not_retried_with_every_frame(disk: Disk) -> None:
    unwritten = UnwrittenAlerts(disk.write, lambda _: None)
    unwritten.add(event("first"))
    for tenth in range(100):
        unwritten.retry(tenth / 10)
    assert 2 <= disk.asked <= 12
    unwritten.retry(float("inf"))
    assert disk.asked <= 13


def test_excess_alerts_in_memory_are_dropped_oldest_first(disk: Disk) -> None:
    given_up: list[str] = []
    unwritten = UnwrittenAlerts(disk.write, lambda one: given_up.append(one.event_id))
    for number in range(MAX_HELD_ALERTS + 2):
        unwritten.add(event(f"{number}"))
    assert given_up == ["0", "1"]
    assert len(unwritten) == MAX_HELD_ALERTS
