"""Class names inside an OpenVINO network without `metadata.yaml`."""

from pathlib import Path

import openvino as ov
import pytest
from openvino import opset13 as ops

from cctv.detectors.openvino_network import read_network


def _save(path: Path, place: list[str], text: str, classes: int) -> None:
    """Save a network with the output of YOLOv8."""
    node = ops.parameter([1, 3, 32, 32], ov.Type.f32)
    output = ops.broadcast(ops.reduce_mean(node, [1, 2, 3], False), [1, 4 + classes, 21])
    model = ov.Model([output], [node], "tiny")
    model.set_rt_info(text, place)
    ov.save_model(model, path)


@pytest.mark.parametrize(
    ("place", "text", "labels"),
    [
        (["model_info", "labels"], "person traffic_light fire_hydrant", ("person", "traffic light", "fire hydrant")),
        (["framework", "names"], "{0: 'person', 1: 'traffic light'}", ("person", "traffic light")),
        (["framework", "names"], "{0: 'forklift_v2'}", ("forklift_v2",)),
    ],
)
def test_underscores_in_labels_become_spaces(
    place: list[str], text: str, labels: tuple[str, ...], tmp_path: Path
) -> None:
    _save(tmp_path / "tiny.xml", place, text, len(labels))
    assert read_network(ov.Core(), tmp_path / "tiny.xml").labels == labels
