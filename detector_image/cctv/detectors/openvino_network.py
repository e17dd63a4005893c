"""Read networks of any family for OpenVINO (`.xml` with its `.bin`, or `.onnx`) and prepare their input."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import openvino as ov
from openvino import opset8
from openvino.preprocess import PrePostProcessor

from cctv.detectors.errors import ModelInvalidError
from cctv.detectors.families import recognise
from cctv.detectors.families.base import Head, NetworkInfo, TensorInfo
from cctv.detectors.network_metadata import read_metadata
from cctv.detectors.openvino_resize import STRIDE, Size, is_resizable, set_input_size

_USUAL_SIDE_PX = 640

__all__ = ["STRIDE", "Network", "last_line", "read_network", "resize", "with_input_size"]


@dataclass(frozen=True, slots=True)
class Network:
    """A network as read from its file; the input of `model` is one float32 image (1, 3, height, width), RGB."""

    path: Path
    model: ov.Model
    head: Head
    input_size: Size
    resizable: bool
    """Whether it also accepts smaller images, in whole strides."""
    info: NetworkInfo
    """By which it was recognised."""

    @property
    def labels(self) -> tuple[str, ...]:
        """Class names by class id."""
        return self.head.labels

    @property
    def is_quantised(self) -> bool:
        """Return whether it computes in INT8."""
        return any(node.get_type_name() == "FakeQuantize" for node in self.model.get_ordered_ops())


def read_network(core: ov.Core, path: Path) -> Network:
    """Read a network and recognise its family. Raises `ModelInvalidError`."""
    try:
        model = core.read_model(path)
    except RuntimeError as error:
        raise ModelInvalidError(f"{path}: OpenVINO cannot read it: {last_line(error)}") from error
    metadata = read_metadata(path, _embedded_texts(model))
    image = _image_input(path, model)
    shape = image.get_partial_shape()
    takes_any = shape[2].is_dynamic or shape[3].is_dynamic
    size = _input_size(shape, metadata.input_size)
    try:
        _fix_shapes(model, image, size)
    except RuntimeError as error:
        raise ModelInvalidError(f"{path}: takes no image of {size[0]}x{size[1]}: {last_line(error)}") from error
    info = NetworkInfo(_describe(model.inputs), _describe(model.outputs), metadata)
    try:
        head = recognise(info)
    except ModelInvalidError as error:
        raise ModelInvalidError(f"{path}: {error}") from error
    _set_constants(model, head)
    is_flexible = head.is_letterboxed and (takes_any or is_resizable(model, size))
    return Network(path, model, head, size, is_flexible, info)


def resize(network: Network, size: Size) -> ov.Model:
    """Change the model's input to (width, height) pixels, in place, and return the model."""
    set_input_size(network.model, network.input_size, size)
    return network.model


def with_input_size(network: Network, size: Size) -> ov.Model:
    """Return the network for images of (width, height), with the input uint8 (1, height, width, 3), RGB."""
    steps = PrePostProcessor(resize(network, size))
    steps.input().tensor().set_element_type(ov.Type.u8).set_layout(ov.Layout("NHWC"))
    steps.input().model().set_layout(ov.Layout("NCHW"))
    convert = steps.input().preprocess().convert_element_type(ov.Type.f32)
    if any(network.head.mean):
        convert = convert.mean([255.0 * mean for mean in network.head.mean])
    if network.head.std == (1.0, 1.0, 1.0):
        convert.scale(255.0)
    else:
        convert.scale([255.0 * deviation for deviation in network.head.std])
    for number in range(len(network.model.outputs)):
        steps.output(number).tensor().set_element_type(ov.Type.f32)
    return steps.build()


def last_line(error: RuntimeError) -> str:
    """Return the last line of OpenVINO's long messages, which contains the cause."""
    lines = str(error).strip().splitlines()
    return lines[-1].strip() if lines else type(error).__name__


def _image_input(path: Path, model: ov.Model) -> Any:
    images = [tensor for tensor in model.inputs if len(tensor.get_partial_shape()) == 4]
    channels = images[0].get_partial_shape()[1] if len(images) == 1 else None
    if channels is None or (channels.is_static and channels.get_length() != 3):
        found = ", ".join(f"{tensor.get_partial_shape()}" for tensor in model.inputs)
        raise ModelInvalidError(
            f"{path}: is no detection model: it must take one image as (1, 3, height, width), but takes {found}"
        )
    return images[0]


def _input_size(shape: Any, named: Size | None) -> Size:
    width, height = named or (_USUAL_SIDE_PX, _USUAL_SIDE_PX)
    return (
        width if shape[3].is_dynamic else shape[3].get_length(),
        height if shape[2].is_dynamic else shape[2].get_length(),
    )


def _fix_shapes(model: ov.Model, image: Any, size: Size) -> None:
    """Set the shapes for one image of `size`, and a batch of one for all other inputs."""
    shapes = {}
    for number, tensor in enumerate(model.inputs):
        shape = tensor.get_partial_shape()
        if tensor == image:
            shapes[number] = ov.PartialShape([1, 3, size[1], size[0]])
        elif len(shape):
            shape[0] = 1
            shapes[number] = shape
    if any(model.input(number).get_partial_shape() != shape for number, shape in shapes.items()):
        model.reshape(shapes)


def _describe(tensors: Sequence[Any]) -> tuple[TensorInfo, ...]:
    return tuple(
        TensorInfo(
            tensor.get_any_name() if tensor.get_names() else f"output{number}",
            tuple(-1 if side.is_dynamic else side.get_length() for side in tensor.get_partial_shape()),
        )
        for number, tensor in enumerate(tensors)
    )


def _set_constants(model: ov.Model, head: Head) -> None:
    """Replace the network's additional inputs by the head's constants, so that the image is the only input."""
    for tensor in list(model.inputs):
        name = tensor.get_any_name() if tensor.get_names() else ""
        if name not in head.constants:
            continue
        values = np.array(head.constants[name], tensor.get_element_type().to_dtype())
        constant = opset8.constant(values).output(0)
        for consumer in list(tensor.get_node().output(0).get_target_inputs()):
            consumer.replace_source_output(constant)
        model.remove_parameter(tensor.get_node())
    model.validate_nodes_and_infer_types()


def _embedded_texts(model: ov.Model) -> dict[str, str]:
    """Return the texts that an exporter wrote into the file."""
    found: dict[str, str] = {}
    for key in ("names", "head", "description", "end2end", "args", "imgsz"):
        if model.has_rt_info(["framework", key]):
            found[key] = str(model.get_rt_info(["framework", key]).astype(str))
    if "names" not in found and model.has_rt_info(["model_info", "labels"]):
        # OpenVINO separates labels by spaces, so exporters write spaces within a label as underscores.
        labels = str(model.get_rt_info(["model_info", "labels"]).astype(str))
        found["names"] = repr([label.replace("_", " ") for label in labels.split()])
    return found
