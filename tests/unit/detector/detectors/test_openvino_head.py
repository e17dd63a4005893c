"""The end of YOLOv8's head is cut off a network only if the results stay the same."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import openvino as ov
import pytest
from openvino import opset13 as ops
from tests.unit.detector.detectors.test_families import save

import cctv
from cctv.common.frame import Frame
from cctv.detectors import openvino_runtime, yolo_grids, yolo_output
from cctv.detectors.letterbox import Letterbox
from cctv.detectors.openvino_head import can_cut, cut_head
from cctv.detectors.openvino_network import read_network, with_input_size
from cctv.detectors.openvino_resize import anchors
from cctv.detectors.openvino_runtime import OpenVinoModel

NAMES = ["person", "car", "dog"]
SIZE = (128, 64)
"""(width, height) of the input."""


def _logits(image: Any, stride: int, channels: int, random: np.random.Generator) -> Any:
    """Return a convolution of the image over a grid, with its bias."""
    weights = random.normal(0.0, 2.0 / stride, (channels, 3, stride, stride)).astype(np.float32)
    bias = np.full((1, channels, 1, 1), -1.5, np.float32)
    found = ops.convolution(image, ops.constant(weights), [stride, stride], [0, 0], [0, 0], [1, 1])
    return ops.add(found, ops.constant(bias))


def _constant(values: Any) -> Any:
    return ops.constant(np.asarray(values))


def network(bins: int = 16, score: Callable[[Any], Any] = ops.sigmoid, first_distance: float = 0.0) -> ov.Model:
    """Return a network of random convolutions with the head of YOLOv8."""
    random = np.random.default_rng(3)
    image = ops.parameter([1, 3, SIZE[1], SIZE[0]], ov.Type.f32)
    image.output(0).get_tensor().set_names({"images"})
    boxes, scores = [], []
    for stride in yolo_grids.STRIDES:
        boxes.append(ops.reshape(_logits(image, stride, 4 * bins, random), _constant([1, 4 * bins, -1]), False))
        scores.append(ops.reshape(_logits(image, stride, len(NAMES), random), _constant([1, len(NAMES), -1]), False))
    sides = ops.softmax(ops.reshape(ops.concat(boxes, 2), _constant([1, 4, bins, -1]), False), 2)
    values = (np.arange(bins) + first_distance).reshape(1, 1, bins, 1).astype(np.float32)
    distances = ops.reduce_sum(ops.multiply(sides, ops.constant(values)), _constant([2]), False)
    first, last = ops.split(distances, 1, 2).outputs()
    centres, strides = (ops.constant(value) for value in anchors(SIZE))
    low, high = ops.subtract(centres, first), ops.add(centres, last)
    middle = ops.multiply(ops.add(low, high), _constant(np.float32(0.5)))
    placed = ops.multiply(ops.concat([middle, ops.subtract(high, low)], 1), strides)
    output = ops.concat([placed, score(ops.concat(scores, 2))], 1)
    return ov.Model([ops.result(output)], [image], "network")


def _run(model: ov.Model, image: np.ndarray) -> list[np.ndarray]:
    compiled = ov.Core().compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    return [np.asarray(value[0]) for value in compiled([image]).values()]


def test_the_rest_computes_what_the_whole_network_does() -> None:
    whole = network()
    assert can_cut(ov.Core(), whole)
    image = np.random.default_rng(4).random((1, 3, SIZE[1], SIZE[0])).astype(np.float32)
    theirs = yolo_output.candidates(_run(whole, image)[0])
    grids = dict(zip(yolo_grids.OUTPUTS, _run(cut_head(whole), image), strict=True))
    ours = yolo_grids.candidates(grids)
    assert 10 < len(theirs.confidences) < 168, "some of the cells, not all"
    np.testing.assert_array_equal(ours.class_ids, theirs.class_ids)
    np.testing.assert_allclose(ours.confidences, theirs.confidences, atol=1e-5)
    np.testing.assert_allclose(ours.boxes, theirs.boxes, atol=1e-3)


def test_no_candidates_are_no_detections() -> None:
    grids = {
        f"{name}_{stride}": np.full((2, 3, channels), -9.0, np.float32)
        for stride in yolo_grids.STRIDES
        for name, channels in (("boxes", 64), ("scores", 3))
    }
    assert len(yolo_grids.decode(grids, Letterbox(96, 64))) == 0


@pytest.mark.parametrize(
    "other",
    [
        lambda: network(bins=8),
        lambda: network(score=lambda logits: logits),
        lambda: network(score=lambda logits: ops.softmax(logits, 1)),
        lambda: network(first_distance=0.5),
    ],
    ids=["other bins", "no sigmoid", "softmax of the classes", "other distances"],
)
def test_another_head_is_left_whole(other: Callable[[], ov.Model]) -> None:
    model = other()
    operations = len(model.get_ordered_ops())
    assert not can_cut(ov.Core(), model)
    assert len(model.get_ordered_ops()) == operations


@pytest.mark.parametrize("size", [(160, 90), (90, 160)], ids=["wide", "high"])
def test_a_model_finds_the_same_with_and_without_the_cut(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: tuple[int, int]
) -> None:
    path = save(tmp_path, network(), {"names": NAMES, "head": "Detect"})
    pixels = np.random.default_rng(5).integers(0, 256, (size[1], size[0], 3), np.uint8)
    frame = Frame.from_rgb(pixels, datetime.now(UTC), 0.0, 0)
    cut = OpenVinoModel(path)
    assert len(next(iter(_compiled(cut, frame))).outputs) == len(yolo_grids.OUTPUTS)
    monkeypatch.setattr(openvino_runtime, "can_cut", lambda _core, _model: False)
    whole = OpenVinoModel(path)
    ours, theirs = cut.detect(frame), whole.detect(frame)
    assert len(theirs) > 3
    assert [len(next(iter(_compiled(whole, frame))).outputs), whole.labels] == [1, cut.labels]
    np.testing.assert_array_equal(ours.class_ids, theirs.class_ids)
    np.testing.assert_allclose(ours.confidences, theirs.confidences, atol=1e-5)
    np.testing.assert_allclose(ours.boxes, theirs.boxes, atol=1e-5)


def _compiled(model: OpenVinoModel, frame: Frame) -> list[ov.CompiledModel]:
    model.prepare(frame.width, frame.height)
    return [one.compiled for one in model._compiled.values()]


def test_the_demo_model_is_cut() -> None:
    path = Path(cctv.__file__).parent / "models" / "demo" / "vigil-demo.xml"
    core = ov.Core()
    network = read_network(core, path)
    assert can_cut(core, network.model)
    assert {name for end in cut_head(with_input_size(network, (320, 192))).outputs for name in end.names} == set(
        yolo_grids.OUTPUTS
    )
