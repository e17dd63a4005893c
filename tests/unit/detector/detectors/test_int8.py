"""Acceptance of an INT8 network, and replacement of the running model."""

import json
import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cctv.common.frame import Frame
from cctv.config import Settings
from cctv.detectors.agreement import Agreement
from cctv.detectors.int8_network import _with_exact_zero
from cctv.detectors.int8_upgrade import Plan, UpgradableModel
from cctv.detectors.int8_verdict import Limits, Verdict, int8_folder, judge, read_verdict, write_verdict
from cctv.detectors.model import Detections


def agreement(before: int = 40, after: int = 40, both: int = 40, change: float = 0.0) -> Agreement:
    return Agreement(60, before, after, both, 0.97, change)


@pytest.mark.parametrize(
    ("found", "cost", "accepted", "reason"),
    [
        (agreement(), 0.5, True, "100%"),
        (agreement(both=36), 0.9, True, "90%"),
        (agreement(both=35), 0.5, False, "both find 88% of the objects, and 90% is needed"),
        (agreement(after=0, both=0), 0.5, False, "both find 0% of the objects"),
        (agreement(0, 40, 0), 0.5, False, "both find 0% of the objects"),
        (agreement(change=0.05), 0.5, True, "+0.050"),
        (agreement(change=-0.051), 0.5, False, "confidence changes by -0.051, and 0.05 is allowed"),
        (agreement(), 0.91, False, "it needs 91% of the processor time of float32, and at most 90% is worth it"),
        (agreement(19, 19, 19), 0.5, None, "float32 finds 19 objects, and 20 are needed to compare"),
        (agreement(0, 0, 0), 0.5, None, "float32 finds 0 objects"),
    ],
)
def test_agreement_and_cost_decide(found: Agreement, cost: float, accepted: bool | None, reason: str) -> None:
    verdict = judge(found, cost, Limits(), "cpu")
    assert verdict.accepted is accepted
    assert reason in verdict.reason


@pytest.mark.parametrize(
    ("low", "high"), [(0.0, 1.0), (-0.278, 24.3), (-3.0, 0.0), (-5.0, 0.01), (0.2, 7.0), (0.0, 0.0)]
)
def test_zero_is_a_level_of_every_range(low: float, high: float) -> None:
    """Otherwise padding, which is 0.0, would shift the result at each edge."""
    least, greatest = _with_exact_zero(low, high)
    level = -least / (greatest - least) * 255
    assert level == pytest.approx(round(level), abs=1e-6)
    assert least <= low + 1e-9 or low > 0
    assert greatest >= high - 1e-9


def test_decision_is_specific_to_processor_and_network(tmp_path: Path) -> None:
    network = tmp_path / "network.xml"
    folder = int8_folder(network)
    folder.mkdir()
    refused = Verdict(False, "slower", "cpu", 1.0)
    write_verdict(refused, folder)
    assert read_verdict(network, "cpu") == refused
    assert read_verdict(network, "other") is None
    write_verdict(Verdict(True, "agrees", "cpu", 0.5), folder)
    assert read_verdict(network, "cpu") is None, "accepted, but its network is missing"
    (folder / "check.json").write_text(json.dumps({"accepted": True}))
    assert read_verdict(network, "cpu") is None


class Marked:
    """A model whose detections name it by their confidence."""

    labels, input_size = ("person",), (64, 64)

    def __init__(self, confidence: float) -> None:
        self.confidence = confidence

    def submit(self, frame: Frame) -> Future[Detections]:
        future: Future[Detections] = Future()
        confidences = np.array([self.confidence], np.float32)
        future.set_result(Detections(np.zeros((1, 4), np.float32), confidences, np.zeros(1, np.int32)))
        return future

    def detect(self, frame: Frame) -> Detections:
        return self.submit(frame).result()

    def close(self) -> None:
        pass


def picture(number: int = 0) -> Frame:
    return Frame.from_bgr(np.full((36, 64, 3), number, np.uint8), datetime.now(UTC), float(number), number)


Run = Callable[..., tuple[UpgradableModel, list[list[bytes]]]]


@pytest.fixture
def upgraded(tmp_path: Path) -> Any:
    """Runs a model of 0.5 until its calibration gave the verdicts; the INT8 model is one of 0.25."""
    opened: list[UpgradableModel] = []

    def run(*verdicts: Verdict | None, attempts: int = 3) -> tuple[UpgradableModel, list[list[bytes]]]:
        left, gathered = list(verdicts), []

        def calibrate(_network: Path, jpegs: list[bytes], _stopping: threading.Event) -> Verdict | None:
            gathered.append(jpegs)
            return left.pop(0)

        plan = Plan(frames=4, seconds_between=0.0, attempts=attempts)
        model = UpgradableModel(
            Marked(0.5), tmp_path / "network.xml", plan, calibrate, load=lambda path: Marked(0.25)
        )
        opened.append(model)
        deadline = time.monotonic() + 10
        while model._thread.is_alive() and time.monotonic() < deadline:
            model.detect(picture())
            time.sleep(0.001)
        return model, gathered

    yield run
    for model in opened:
        model.close()


def confidence(model: UpgradableModel) -> float:
    return float(model.detect(picture()).confidences[0])


def test_accepted_network_replaces_the_running_one(upgraded: Run, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    model, gathered = upgraded(Verdict(True, "both find 98%", "cpu", 0.5))
    assert confidence(model) == 0.25
    assert [len(jpegs) for jpegs in gathered] == [4]
    assert all(jpeg.startswith(b"\xff\xd8") for jpeg in gathered[0]), "frames are kept as JPEG"
    assert "using INT8 for" in caplog.text
    assert "both find 98%" in caplog.text


def test_rejected_network_is_not_used(upgraded: Run, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    model, gathered = upgraded(Verdict(False, "both find 50%", "cpu", 0.5))
    assert confidence(model) == 0.5
    assert len(gathered) == 1
    assert "keeping float32 for" in caplog.text
    assert "both find 50%" in caplog.text


def test_frames_without_objects_are_replaced_by_others(upgraded: Run) -> None:
    model, gathered = upgraded(Verdict(None, "0 objects", "cpu", 0.5), Verdict(True, "agrees", "cpu", 0.5))
    assert confidence(model) == 0.25
    assert len(gathered) == 2


def test_collection_ends_after_some_attempts(upgraded: Run) -> None:
    nothing = Verdict(None, "0 objects", "cpu", 0.5)
    model, gathered = upgraded(nothing, nothing, attempts=2)
    assert confidence(model) == 0.5
    assert len(gathered) == 2


def test_failed_calibration_keeps_the_model(upgraded: Run, caplog: pytest.LogCaptureFixture) -> None:
    model, _ = upgraded(None)
    assert confidence(model) == 0.5
    model, _ = upgraded()  # the calibration raises IndexError
    assert confidence(model) == 0.5
    assert "the change to INT8 failed" in caplog.text


def test_frames_are_spread_in_time(tmp_path: Path) -> None:
    model = UpgradableModel(
        Marked(0.5), tmp_path / "network.xml", Plan(frames=2, seconds_between=60.0), lambda *_: None
    )
    for number in range(20):
        model.detect(picture(number))
    assert model._analysed.empty()
    model.close()
    assert not model._thread.is_alive()


def test_int8_can_be_disabled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIGIL_TOKEN", "x")
    assert Settings().model_int8
    monkeypatch.setenv("VIGIL_MODEL_INT8", "0")
    assert not Settings().model_int8
