"""A model on a CPU has one stream until frames wait for each other, and the same precision on every processor."""

import threading
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import openvino as ov
import pytest
from openvino import opset13 as ops
from tests.unit.detector.detectors import box_finders
from tests.unit.detector.detectors.test_families import HEAD, INPUT, frame_with_a_box, save

from cctv.common.frame import Frame
from cctv.detectors import openvino_runtime
from cctv.detectors.families import recognise
from cctv.detectors.families.base import Head, NetworkInfo
from cctv.detectors.openvino_runtime import OpenVinoModel
from vigil_contracts.geometry import Box

Options = list[dict[str, object]]


@pytest.fixture
def options(monkeypatch: pytest.MonkeyPatch) -> Options:
    """Return the options of each network that was compiled, in order."""
    seen: Options = []
    compile_model = ov.Core.compile_model

    def noted(core: ov.Core, model: ov.Model, device: str, config: dict[str, object]) -> Any:
        seen.append(config)
        return compile_model(core, model, device, config)

    monkeypatch.setattr(ov.Core, "compile_model", noted)
    monkeypatch.setattr(openvino_runtime, "_most_streams", lambda _device: 2)
    return seen


@pytest.fixture
def busy(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """Keep each inference busy until the returned event is set."""
    may_end = threading.Event()

    def slow(info: NetworkInfo) -> Head:
        head = recognise(info)
        return replace(head, decode=lambda *given: (may_end.wait(30), head.decode(*given))[1])

    monkeypatch.setattr(openvino_runtime, "recognise", slow)
    return may_end


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return save(tmp_path, box_finders.yolo(INPUT, 3, 1), HEAD)


def _frame(sequence: int) -> Frame:
    pixels = np.zeros((90, 160, 3), np.uint8)
    return Frame.from_bgr(pixels, datetime.now(UTC), time.monotonic(), sequence)


def _streams(options: Options) -> list[object]:
    return [each["NUM_STREAMS"] for each in options]


def test_frame_of_a_second_camera_gets_a_stream_of_its_own(
    path: Path, options: Options, busy: threading.Event
) -> None:
    model = OpenVinoModel(path)
    answers = [model.submit(_frame(1))]
    assert _streams(options) == [1]
    answers.append(model.submit(_frame(2)))
    assert _streams(options) == [1, 2]
    assert not any(answer.done() for answer in answers)
    busy.set()
    assert [len(answer.result(30).boxes) for answer in answers] == [0, 0]
    model.close()


def test_regions_of_one_frame_run_at_the_same_time(path: Path, options: Options, busy: threading.Event) -> None:
    model, frame = OpenVinoModel(path), _frame(1)
    answers = [model.submit(part) for part in (frame, frame.crop(Box(0.2, 0.2, 0.8, 0.8)))]
    assert _streams(options) == [1, 2]
    assert not any(answer.done() for answer in answers)
    busy.set()
    assert [len(answer.result(30).boxes) for answer in answers] == [0, 0]
    model.close()


def test_frames_that_do_not_wait_share_a_stream(path: Path, options: Options) -> None:
    model = OpenVinoModel(path)
    for number in range(3):
        model.detect(_frame(number))
    assert _streams(options) == [1]
    assert options[0]["INFERENCE_NUM_THREADS"] == 1
    model.close()


def test_wider_network_finds_the_same(path: Path, options: Options) -> None:
    model = OpenVinoModel(path)
    frame, _ = frame_with_a_box(640, 360)
    before = model.detect(frame)
    after = model._widen(INPUT).submit(frame).result(30)
    assert _streams(options) == [1, 2]
    np.testing.assert_allclose(after.boxes, before.boxes, atol=1e-6)
    assert len(after.boxes) == 1
    model.close()


def test_quantised_network_computes_its_rest_in_float32_on_every_processor(tmp_path: Path, options: Options) -> None:
    network = box_finders.yolo(INPUT, 3, 1)
    image = network.get_parameters()[0]
    readers = list(image.output(0).get_target_inputs())
    bounds = [np.array(value, np.float32) for value in (0.0, 1.0, 0.0, 1.0)]
    rounded = ops.fake_quantize(image, *bounds, 256)
    for reader in readers:
        reader.replace_source_output(rounded.output(0))
    model = OpenVinoModel(save(tmp_path, network, HEAD))
    model.detect(_frame(1))
    assert model.info.precision == "int8"
    assert options[0]["INFERENCE_PRECISION_HINT"] == "f32"
    model.close()


def test_network_of_floats_uses_the_precision_of_the_processor(path: Path, options: Options) -> None:
    model = OpenVinoModel(path)
    model.detect(_frame(1))
    assert "INFERENCE_PRECISION_HINT" not in options[0]
    assert model.info.precision in {"float32", "bfloat16"}
    model.close()
