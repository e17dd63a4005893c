"""A parked car is reported once, despite changes of light, reconnections and restarts."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest

from cctv.common.events import Event
from cctv.vision.analyser import Analyser
from cctv.vision.memory import Memory
from cctv.vision.observations import Observation
from cctv.vision.tracking import TrackedObject
from vigil_contracts.geometry import Box
from vigil_contracts.names import AlertType

CAR = Box(0.3, 0.3, 0.6, 0.7)
PARKED_AT = 2.0
START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
SEEN = Observation(CAR, 0.9, "car", {})


class Yard:
    """Frames of a yard in which a car has parked; `light` is a factor, and a change of it is motion everywhere."""

    def __init__(self, make_frame: Any, make_camera: Any, scripted_model: Any, **detection: Any) -> None:
        self._make_frame, self._jitter = make_frame, np.random.default_rng(3)
        self.model = scripted_model(self.see)
        self._camera = make_camera(**detection)
        self.analyser = Analyser(self._camera, self.model)
        self.second_car = False
        self.seconds = 0.0
        self.clock_ahead = timedelta()

    def see(self, seconds: float) -> list[Any]:
        """What a model says of it: the box trembles, now and then it is a truck, or hardly anything."""
        if seconds < PARKED_AT:
            return []
        box = tuple(np.array(CAR) + self._jitter.normal(0, 0.006, 4))
        label, confidence = ("truck", 0.6) if self._jitter.random() < 0.2 else ("car", 0.85)
        confidence = 0.3 if self._jitter.random() < 0.1 else confidence
        return [(label, confidence, box), *([("car", 0.9, (0.7, 0.3, 0.95, 0.7))] if self.second_car else [])]

    def watch(self, seconds: float, light: Any = lambda _: 1.0) -> list[Event]:
        """The next frames, five a second."""
        events = []
        for _ in range(round(seconds * 5)):
            picture = np.full((90, 160, 3), 110, np.uint8)
            if self.seconds >= PARKED_AT:
                picture[27:63, 48:96] = 60
            if self.second_car:
                picture[27:63, 112:152] = 200
            lit = (picture * light(self.seconds)).clip(0, 255).astype(np.uint8)
            frame = self._make_frame(self.seconds, lit)
            frame = replace(frame, received_at=frame.received_at + self.clock_ahead)
            events += self.analyser.process(frame)
            self.seconds += 0.2
        return events

    def restart(self) -> None:
        """The detector ends and starts again with what it had saved."""
        saved = json.loads(json.dumps(self.analyser.state()))
        self.analyser = Analyser(self._camera, self.model)
        self.analyser.restore(saved)


@pytest.fixture
def yard(make_frame: Any, make_camera: Any, scripted_model: Any) -> Yard:
    scripted_model.labels = ("person", "car", "truck", "dog", "fire")
    made = Yard(make_frame, make_camera, scripted_model, classes=("vehicle",))
    assert len(made.watch(10)) == 1, "it is told of when it parks"
    return made


@pytest.fixture(autouse=True)
def _labels(scripted_model: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scripted_model, "labels", scripted_model.labels)


def test_changing_light_is_not_reported(yard: Yard) -> None:
    assert yard.watch(30, light=lambda t: 1.0 + 0.3 * np.sin(t / 2)) == [], "clouds"
    assert yard.watch(10, light=lambda t: 1.0 if round(t * 5) % 2 else 0.6) == [], "a lamp that flickers"
    assert yard.watch(30, light=lambda t: 0.4) == [], "dusk"


@pytest.mark.parametrize("gap_seconds", [3, 40, 600])
def test_nothing_is_reported_again_after_a_reconnection(yard: Yard, gap_seconds: int) -> None:
    yard.seconds += gap_seconds
    assert yard.watch(20, light=lambda _: 0.8) == []


@pytest.mark.parametrize("gap_seconds", [1, 120, 1200])
def test_nothing_is_reported_again_after_a_restart(yard: Yard, gap_seconds: int) -> None:
    yard.restart()
    yard.seconds += gap_seconds
    assert yard.watch(20, light=lambda _: 1.2) == []


def test_another_car_is_reported_at_once(yard: Yard) -> None:
    yard.watch(20)
    yard.second_car = True
    assert [event.label for event in yard.watch(3)] == ["car"]


def test_a_restart_during_the_cool_down_keeps_it(make_frame: Any, make_camera: Any, scripted_model: Any) -> None:
    scripted_model.labels = ("person", "car", "truck", "dog", "fire")
    rule = {"name": "cars", "type": "object", "cooldown_seconds": 60}
    cool = Yard(make_frame, make_camera, scripted_model, classes=("vehicle",), rules=[rule])
    assert len(cool.watch(10)) == 1
    cool.restart()
    cool.second_car = True
    assert cool.watch(10) == [], "another car within the minute"
    assert len(cool.watch(60)) == 1, "and after it"


@pytest.mark.parametrize("hours", [-2, 2])
def test_hidden_object_is_known_after_a_clock_change(hours: int) -> None:
    parked = TrackedObject("one", 0.0, 10.0, SEEN, SEEN)
    memory, now = Memory(), START
    memory.admit(parked, AlertType.VEHICLE, now)
    for _ in range(10):
        now += timedelta(seconds=1)
        memory.see([parked], now)
    now += timedelta(hours=hours)
    memory.shift(timedelta(hours=hours))
    for _ in range(10):
        now += timedelta(seconds=1)
        memory.see([], now)
    again = TrackedObject("two", 20.0, 21.0, SEEN, SEEN)
    assert memory.recognise(again, AlertType.VEHICLE, {"two"}, now)
    assert again.name == "one"


@pytest.mark.parametrize(("hours", "restarts"), [(2, False), (-2, False), (-2, True)])
def test_a_clock_that_is_set_does_not_silence_a_rule(
    make_frame: Any, make_camera: Any, scripted_model: Any, hours: int, restarts: bool
) -> None:
    scripted_model.labels = ("person", "car", "truck", "dog", "fire")
    rule = {"name": "cars", "type": "object", "cooldown_seconds": 60}
    cool = Yard(make_frame, make_camera, scripted_model, classes=("vehicle",), rules=[rule])
    assert len(cool.watch(10)) == 1
    cool.clock_ahead = timedelta(hours=hours)
    if restarts:
        cool.restart()
    else:
        cool.second_car = True
        assert cool.watch(10) == [], "another car within the minute"
    cool.second_car = True
    assert len(cool.watch(70)) == 1, "and after it"
