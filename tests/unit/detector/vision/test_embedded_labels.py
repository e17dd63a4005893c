"""Labels of an OpenVINO network without `metadata.yaml`: those that the file itself holds."""

from pathlib import Path

import openvino as ov
import pytest
from openvino import opset13 as ops

from cctv.detectors.openvino_network import _labels


def _network(place: list[str], text: str) -> ov.Model:
    node = ops.parameter([1, 3, 32, 32], ov.Type.f32)
    model = ov.Model([ops.relu(node)], [node], "tiny")
    model.set_rt_info(text, place)
    return model


@pytest.mark.parametrize(
    ("place", "text", "labels"),
    [
        (["model_info", "labels"], "person traffic_light fire_hydrant", ("person", "traffic light", "fire hydrant")),
        (["framework", "names"], "{0: 'person', 1: 'traffic light'}", ("person", "traffic light")),
        (["framework", "names"], "{0: 'forklift_v2'}", ("forklift_v2",)),
    ],
)
def test_labels_have_the_spaces_that_their_form_cannot_hold(
    place: list[str], text: str, labels: tuple[str, ...], tmp_path: Path
) -> None:
    assert _labels(tmp_path / "tiny.xml", _network(place, text)) == labels
