"""Events about cameras: repeated ones are suppressed for ten minutes, failures to write them are ignored."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from tests.unit.operator.builders import NOW, camera
from tests.unit.operator.kube_server import MemoryTransport

from vigil_operator.core.observed import Camera
from vigil_operator.kube import events
from vigil_operator.kube.client import KubeClient
from vigil_operator.kube.events import QUIET_PERIOD, EventRecorder

GATE, YARD = camera("gate", uid="g"), camera("yard", uid="y")


class World:
    """A recorder over an API server in memory."""

    def __init__(self) -> None:
        self.now = NOW
        self.server = MemoryTransport()
        numbers = iter(range(10_000))
        self.recorder = EventRecorder(
            KubeClient(self.server), clock=lambda: self.now, unique=lambda: str(next(numbers))
        )

    def warn(self, about: Camera, reason: str, message: str) -> int:
        """How many events this has made."""
        before = len(self.server.objects)
        asyncio.run(self.recorder.record_warning(about, reason, message))
        return len(self.server.objects) - before


@pytest.fixture
def world() -> World:
    return World()


def test_repeated_event_is_recorded_once_per_period(world: World) -> None:
    assert world.warn(GATE, "StreamTimeout", "No frame for 12 s.") == 1
    assert world.warn(GATE, "StreamTimeout", "No frame for 13 s.") == 0
    assert world.warn(YARD, "StreamTimeout", "No frame for 12 s.") == 1
    assert world.warn(GATE, "InvalidSpec", "spec.stream.url: must begin with rtsp://") == 1
    assert world.warn(GATE, "InvalidSpec", "spec.detection: unknown") == 1
    world.now += QUIET_PERIOD + timedelta(seconds=1)
    assert world.warn(GATE, "StreamTimeout", "No frame for 12 s.") == 1


def test_same_event_on_another_occasion_is_another_one(world: World) -> None:
    def begin(trial: str) -> None:
        asyncio.run(world.recorder.record_normal(GATE, "RolloutShadowing", "Model yolo11n", occasion=trial))

    for trial in ("a", "a", "b"):
        begin(trial)
    assert len(world.server.objects) == 2


def test_event_names_its_camera_and_is_truncated(world: World) -> None:
    world.warn(GATE, "DetectorCrashing", "x" * 5000)
    (event,) = world.server.objects.values()
    assert event["involvedObject"]["name"] == "gate"
    assert event["involvedObject"]["uid"] == "g"
    assert (event["type"], event["reason"], len(event["message"])) == ("Warning", "DetectorCrashing", 1024)


def test_failed_event_write_is_ignored(world: World) -> None:
    world.server.fail = lambda method, path: 403
    assert world.warn(GATE, "StreamTimeout", "No picture.") == 0


def test_event_memory_is_bounded(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "MAX_REMEMBERED", 3)
    for word in "abcd":
        assert world.warn(GATE, "StreamTimeout", word) == 1
    assert world.warn(GATE, "StreamTimeout", "d") == 0
    assert world.warn(GATE, "StreamTimeout", "a") == 1
