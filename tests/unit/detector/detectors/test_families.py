"""Each model family returns correct boxes for any shape of frame and input."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import openvino as ov
import pytest
import yaml
from openvino import opset13 as ops
from tests.unit.detector.detectors import box_finders
from tests.unit.detector.detectors.box_finders import COLOUR, SCORE, Build

from cctv.common.frame import Frame
from cctv.detectors.errors import ModelInvalidError
from cctv.detectors.families import FAMILIES
from cctv.detectors.model import Model
from cctv.detectors.openvino_runtime import OpenVinoModel

NAMES = ["person", "car", "dog"]
INPUT = (160, 96)
SQUARE = (128, 128)

HEAD = {"names": NAMES, "head": "Detect"}
RT_DETR = {"names": NAMES, "head": "RTDETRDecoder"}
OLD_RT_DETR = {"names": NAMES, "description": "Ultralytics rtdetr-l model trained on coco.yaml"}

NETWORKS: dict[str, tuple[Build, int, int, dict[str, Any]]] = {
    "yolo": (box_finders.yolo, 3, 1, HEAD),
    "yolo, exported by an older release": (box_finders.yolo, 3, 1, {"names": NAMES}),
    "yolo end-to-end": (box_finders.yolo_end_to_end, 3, 1, {"names": NAMES, "end2end": True}),
    "yolo with nms": (box_finders.yolo_end_to_end, 3, 1, {"names": NAMES, "args": {"nms": True}}),
    "rt-detr": (box_finders.rt_detr, 3, 1, RT_DETR),
    "rt-detr, exported by an older release": (box_finders.rt_detr_8_3, 3, 1, OLD_RT_DETR),
    "rt-detr of two classes, older": (box_finders.rt_detr_8_3, 2, 1, OLD_RT_DETR | {"names": NAMES[:2]}),
    "rf-detr, published weights": (box_finders.rf_detr, 91, 3, {}),
    "rf-detr, own classes and a background slot": (box_finders.rf_detr, 4, 1, {"names": NAMES}),
    "rf-detr, own class ids": (box_finders.rf_detr, 4, 3, {"names": {1: "person", 3: "car"}}),
    "d-fine": (box_finders.d_fine, 3, 1, {"names": NAMES}),
    "d-fine, published weights": (box_finders.d_fine, 80, 2, {"names": "coco"}),
}
"""How it is built, its classes, the class id of a car, and its metadata.yaml."""


def save(folder: Path, network: ov.Model, metadata: dict[str, Any]) -> Path:
    path = folder / "network.xml"
    ov.save_model(network, path, compress_to_fp16=False)
    if metadata:
        (folder / "metadata.yaml").write_text(yaml.safe_dump(metadata))
    return path


def frame_with_a_box(width: int, height: int) -> tuple[Frame, np.ndarray]:
    """Return a frame and its box as fractions."""
    left, top, right, bottom = width * 2 // 10, height * 3 // 10, width * 6 // 10, height * 8 // 10
    picture = np.zeros((height, width, 3), np.uint8)
    picture[top:bottom, left:right] = COLOUR[::-1]
    frame = Frame.from_bgr(picture, datetime.now(UTC), 0.0, 0)
    return frame, np.array([left / width, top / height, right / width, bottom / height])


def assert_finds_the_box(path: Path, width: int, height: int) -> None:
    model = OpenVinoModel(path)
    try:
        assert_finds_the_box_by(model, width, height)
    finally:
        model.close()


def assert_finds_the_box_by(model: Model, width: int, height: int) -> None:
    frame, box = frame_with_a_box(width, height)
    found = model.detect(frame)
    assert [model.labels[number] for number in found.class_ids] == ["car"]
    np.testing.assert_allclose(found.confidences, [SCORE], atol=0.01)
    np.testing.assert_allclose(found.boxes[0], box, atol=0.03)


@pytest.mark.parametrize(("size", "width", "height"), [(INPUT, 640, 360), (SQUARE, 360, 640), (INPUT, 480, 480)])
@pytest.mark.parametrize("name", NETWORKS)
def test_boxes_are_right_in_the_frame(
    name: str, size: tuple[int, int], width: int, height: int, tmp_path: Path
) -> None:
    build, classes, class_id, metadata = NETWORKS[name]
    assert_finds_the_box(save(tmp_path, build(size, classes, class_id), metadata), width, height)


@pytest.mark.parametrize("model_type", ["d_fine", "rt_detr", "rt_detr_v2"])
def test_hugging_face_exports_are_recognised_by_configuration(model_type: str, tmp_path: Path) -> None:
    """Its model repositories have the configuration above the folder of the network."""
    folder = tmp_path / "onnx"
    folder.mkdir()
    path = save(folder, box_finders.hugging_face(SQUARE, 3, 1), {})
    names = {str(number): name for number, name in enumerate(NAMES)}
    (tmp_path / "config.json").write_text(json.dumps({"model_type": model_type, "id2label": names}))
    (tmp_path / "preprocessor_config.json").write_text(
        json.dumps({"do_normalize": False, "image_mean": [0.4, 0.4, 0.4], "image_std": [0.2, 0.2, 0.2]})
    )
    assert_finds_the_box(path, 640, 360)


def test_hugging_face_normalisation_is_applied(tmp_path: Path) -> None:
    """RF-DETR's network normalises, so it stands in for a model of theirs that does."""
    found = box_finders.finder(SQUARE, box_finders.IMAGENET)
    boxes = box_finders.row(found.fractions(found.centred()))
    logits = box_finders._logits(found, 3, 1)
    network = box_finders.model(box_finders.named({"logits": logits, "pred_boxes": boxes}), [found.image])
    path = save(tmp_path, network, {"names": NAMES})
    mean, deviation = map(list, box_finders.IMAGENET)
    (tmp_path / "config.json").write_text('{"model_type": "rt_detr"}')
    (tmp_path / "preprocessor_config.json").write_text(
        json.dumps({"do_normalize": True, "image_mean": mean, "image_std": deviation})
    )
    assert_finds_the_box(path, 640, 360)


@pytest.mark.parametrize(
    ("build", "classes", "metadata", "message"),
    [
        (
            box_finders.yolo,
            3,
            {"names": ["person"]},
            r"its output must be \(1, 5, anchors\) .*but it is output0 \(1, 7",
        ),
        (box_finders.yolo, 3, {}, r"its classes have no names .*`names: coco` for weights that were trained on COCO"),
        (
            box_finders.yolo_end_to_end,
            3,
            {"names": NAMES},
            r"that of YOLO26 end-to-end and of RT-DETR.*`head: Detect`",
        ),
        (
            box_finders.yolo_end_to_end,
            3,
            {"names": ["person"], "head": "Detect"},
            r"returned class 1, but `names` lists 1",
        ),
        (box_finders.rf_detr, 4, {}, r"RF-DETR with 4 class slots"),
        (box_finders.rf_detr, 4, {"names": [*NAMES, "cat", "cow"]}, r"`names` has class id 4, but the network has 4"),
        (box_finders.d_fine, 3, {}, r"its classes have no names \(D-FINE\)"),
        (box_finders.d_fine, 3, {"names": ["person"]}, r"returned class 1, but `names` lists 1 classes"),
        (box_finders.d_fine, 3, {"names": {0: "person", 2: "car"}}, r"class ids in `names` must be 0 to 1"),
        (box_finders.hugging_face, 3, {"names": NAMES}, r"needs the config.json .*d_fine, rt_detr.*it is missing"),
    ],
)
def test_missing_metadata_error_has_a_remedy(
    build: Build, classes: int, metadata: dict[str, Any], message: str, tmp_path: Path
) -> None:
    path = save(tmp_path, build(SQUARE, classes, 1), metadata)
    with pytest.raises(ModelInvalidError, match=message):
        OpenVinoModel(path).detect(frame_with_a_box(64, 64)[0])


def test_detr_is_rejected_despite_equal_output_names(tmp_path: Path) -> None:
    path = save(tmp_path, box_finders.hugging_face(SQUARE, 3, 1), {"names": NAMES})
    (tmp_path / "config.json").write_text('{"model_type": "detr"}')
    with pytest.raises(ModelInvalidError, match="it is 'detr'"):
        OpenVinoModel(path)


def test_unknown_family_error_lists_outputs_and_families(tmp_path: Path) -> None:
    image = ops.parameter([1, 3, 64, 64], ov.Type.f32)
    scores = ops.broadcast(ops.reduce_mean(image, [1, 2, 3], False), [1, 1000])
    path = save(tmp_path, box_finders.model(box_finders.named({"probabilities": scores}), [image]), {"names": NAMES})
    with pytest.raises(ModelInvalidError) as raised:
        OpenVinoModel(path)
    assert "its inputs are images (1, 3, 64, 64), its outputs probabilities (1, 1000)" in str(raised.value)
    for family in FAMILIES:
        assert f"{family.name}: {family.outputs}" in str(raised.value)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("metadata.yaml", "names: [a", "metadata.yaml: cannot be read"),
        ("metadata.yaml", "- person", "metadata.yaml: must hold keys and values"),
        ("metadata.yaml", "names: {person: 0}", "`names` must be a list of class names, or a class name for each"),
        ("config.json", "{", "config.json: cannot be read"),
    ],
)
def test_broken_files_beside_a_network_are_named(name: str, text: str, message: str, tmp_path: Path) -> None:
    path = save(tmp_path, box_finders.yolo(SQUARE, 3, 1), {})
    (tmp_path / name).write_text(text)
    with pytest.raises(ModelInvalidError, match=message):
        OpenVinoModel(path)


def test_the_documentation_lists_each_family() -> None:
    page = (Path(__file__).parents[4] / "docs" / "model.md").read_text()
    table = page.partition("| family | outputs |")[2].partition("\n\n")[0]
    rows = table.splitlines()[2:]
    assert len(rows) == len(FAMILIES)
    for family in FAMILIES:
        assert any(row.startswith(f"| {family.name}") for row in rows), family.name
