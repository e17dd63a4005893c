"""Reads YOLOv8 networks for OpenVINO (`.xml` with its `.bin`, or `.onnx`) and fits them to an input size.

Exported networks have one fixed input size: the positions of the anchors are constants in the graph. They are
recognised by their values and replaced, so that one file serves pictures of any proportions.
"""

import ast
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import openvino as ov
import yaml
from openvino import opset8
from openvino.preprocess import PrePostProcessor

from cctv.detectors.errors import ModelInvalidError

STRIDE = 32
_LEVELS = (8, 16, 32)
"""Input pixels per cell of YOLOv8's three grids."""


@dataclass(frozen=True, slots=True)
class Network:
    """A network as read from its file; `model` takes float32 pictures (1, 3, height, width), 0.0 to 1.0, RGB."""

    path: Path
    model: ov.Model
    labels: tuple[str, ...]
    input_size: tuple[int, int]
    """(width, height) in pixels."""
    resizable: bool


def read_network(core: ov.Core, path: Path) -> Network:
    """Reads and checks a network. Raises `ModelInvalidError`."""
    try:
        model = core.read_model(path)
    except RuntimeError as error:
        raise ModelInvalidError(f"{path}: OpenVINO cannot read it: {last_words(error)}") from error
    shape = model.inputs[0].get_partial_shape()
    if len(model.inputs) != 1 or len(shape) != 4:
        raise ModelInvalidError(f"{path}: is no detection model: it must take one picture as (1, 3, height, width)")
    if shape.is_dynamic:
        model.reshape([1, 3, 640, 640])
        shape = model.inputs[0].get_partial_shape()
    _, channels, height, width = shape.to_shape()
    labels = _labels(path, model)
    output = model.outputs[0].get_partial_shape()
    rows = 4 + len(labels)
    if channels != 3 or len(output) != 3 or output[1].get_length() != rows:
        raise ModelInvalidError(
            f"{path}: is no YOLOv8 detection model of {len(labels)} classes: its output must be (1, {rows}, anchors),"
            f" and is {output}; export it without `nms=True`"
        )
    return Network(path, model, labels, (width, height), len(_anchor_constants(model, (width, height))) == 2)


def resize(network: Network, size: tuple[int, int]) -> ov.Model:
    """Give the network's model an input of (width, height) pixels, in place, and return it."""
    model = network.model
    if size != network.input_size:
        replacements = anchors(size)
        for constant in _anchor_constants(model, network.input_size):
            values = next(new for new in replacements if new.shape[1] == constant.get_output_shape(0)[1])
            fitted = opset8.constant(values.astype(constant.data.dtype))
            for consumer in constant.output(0).get_target_inputs():
                consumer.replace_source_output(fitted.output(0))
        model.get_parameters()[0].set_partial_shape(ov.PartialShape([1, 3, size[1], size[0]]))
        model.validate_nodes_and_infer_types()
    return model


def with_input_size(network: Network, size: tuple[int, int]) -> ov.Model:
    """The network for pictures of (width, height), taking uint8 (1, height, width, 3), RGB."""
    steps = PrePostProcessor(resize(network, size))
    steps.input().tensor().set_element_type(ov.Type.u8).set_layout(ov.Layout("NHWC"))
    steps.input().model().set_layout(ov.Layout("NCHW"))
    steps.input().preprocess().convert_element_type(ov.Type.f32).scale(255.0)
    return steps.build()


def last_words(error: RuntimeError) -> str:
    """The line of OpenVINO's long messages that says what is wrong."""
    lines = str(error).strip().splitlines()
    return lines[-1].strip() if lines else type(error).__name__


def anchors(size: tuple[int, int]) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """The cells' centres (1, 2, N) in cells and their strides (1, 1, N) in pixels, as YOLOv8's head orders them."""
    width, height = size
    centres, strides = [], []
    for stride in _LEVELS:
        y, x = np.mgrid[0 : height // stride, 0 : width // stride].astype(np.float32) + 0.5
        centres.append(np.stack([x.ravel(), y.ravel()]))
        strides.append(np.full((1, x.size), stride, np.float32))
    return np.concatenate(centres, axis=1)[None], np.concatenate(strides, axis=1)[None]


def _anchor_constants(model: ov.Model, size: tuple[int, int]) -> list[Any]:
    expected = anchors(size)
    return [
        node
        for node in model.get_ordered_ops()
        if node.get_type_name() == "Constant"
        and any(
            list(node.get_output_shape(0)) == list(values.shape) and np.array_equal(node.data, values)
            for values in expected
        )
    ]


def _labels(path: Path, model: ov.Model) -> tuple[str, ...]:
    """The classes' names: from `metadata.yaml` beside the network, or from within it."""
    names: Any = None
    metadata = path.with_name("metadata.yaml")
    if metadata.is_file():
        names = (yaml.safe_load(metadata.read_text()) or {}).get("names")
    if not names:
        names = _embedded_names(model)
    if isinstance(names, dict):
        names = [names[key] for key in sorted(names, key=int)]
    if not isinstance(names, list) or not names:
        raise ModelInvalidError(f"{path}: its classes have no names; put Ultralytics' metadata.yaml beside it")
    return tuple(str(name) for name in names)


def _embedded_names(model: ov.Model) -> Any:
    for place in (["framework", "names"], ["model_info", "labels"]):
        if not model.has_rt_info(place):
            continue
        text = str(model.get_rt_info(place).astype(str))
        if place[1] == "labels":
            # OpenVINO separates labels by spaces, so exporters write a label's own spaces as underscores.
            return [label.replace("_", " ") for label in text.split()]
        try:
            return ast.literal_eval(text)
        except (SyntaxError, ValueError):
            return None
    return None
