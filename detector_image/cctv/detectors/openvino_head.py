"""Cut the end of YOLOv8's head off a network, so that `yolo_grids` computes it for the few anchors that need it.

On a CPU this saves about a tenth of an inference. Networks with another head (end to end, other bins, DETR)
are left whole: the cut is made only where the six convolutions are found, and only if what follows them computes the
same as `yolo_grids` on random values.
"""

from typing import Any

import numpy as np
import openvino as ov
from openvino import opset8

from cctv.detectors import yolo_grids, yolo_output
from cctv.detectors.yolo_grids import BINS, OUTPUTS, STRIDES

_MOST_DEVIATION_PX, _MOST_DEVIATION = 0.01, 1e-4
"""Of a box's sides and of a confidence: rounding differs."""
_BOX_CHANNELS = 4 * BINS


def can_cut(core: ov.Core, model: ov.Model) -> bool:
    """Return whether `cut_head` leaves the network's results unchanged. The network stays as it is."""
    copy = model.clone()
    ends = _ends(copy)
    try:
        return ends is not None and _is_equal(core, copy, ends)
    except RuntimeError:  # OpenVINO refuses the head as a network of its own
        return False


def cut_head(model: ov.Model) -> ov.Model:
    """Return the network with the outputs `yolo_grids.OUTPUTS`, each with a batch of one. Needs `can_cut`."""
    ends = _ends(model)
    if ends is None:
        raise ValueError("the network has no head of YOLOv8 to cut")
    results = []
    for name, end in zip(OUTPUTS, ends, strict=True):
        # The convolutions compute in this order of axes, so nothing is moved.
        by_cell = opset8.transpose(end, opset8.constant(np.array([0, 2, 3, 1], np.int64)))
        by_cell.output(0).get_tensor().set_names({name})
        results.append(opset8.result(by_cell))
    return ov.Model(results, model.get_parameters(), model.get_friendly_name())


def _ends(model: ov.Model) -> list[Any] | None:
    """Return the outputs of the last convolutions in the order of `OUTPUTS`; None for another kind of head."""
    if len(model.outputs) != 1 or len(model.inputs) != 1:
        return None
    shape = model.outputs[0].get_partial_shape()
    if not shape.is_static or len(shape) != 3 or shape[1].get_length() in {4, 4 + _BOX_CHANNELS}:
        return None
    classes = shape[1].get_length() - 4
    found: list[Any] = []
    waiting, seen = [model.outputs[0].get_node()], set[str]()
    while waiting:
        node = waiting.pop()
        if node.get_name() in seen:
            continue
        seen.add(node.get_name())
        if node.get_type_name() == "Parameter":
            return None  # the output depends on something besides the convolutions
        if _is_end(node, classes):
            found.append(node.output(0))
        elif node.get_type_name() != "ShapeOf":  # all shapes are fixed
            waiting += [value.get_node() for value in node.input_values()]
    found.sort(key=lambda end: (-_cells(end), end.get_shape()[1] != _BOX_CHANNELS))
    channels = [end.get_shape()[1] for end in found]
    sides = [_cells(end) for end in found[::2]]
    if channels != [_BOX_CHANNELS, classes] * len(STRIDES) or [_cells(end) for end in found[1::2]] != sides:
        return None
    return found if sum(sides) == shape[2].get_length() else None


def _is_end(node: Any, classes: int) -> bool:
    """Return whether a node is a convolution with its bias, or without one, of a grid of logits."""
    kind, shape = node.get_type_name(), node.get_output_partial_shape(0)
    if kind == "Add":
        kind = next((value.get_node().get_type_name() for value in node.input_values()), "")
    if kind != "Convolution" or len(shape) != 4 or not shape.is_static:
        return False
    is_float = node.get_output_element_type(0) == ov.Type.f32
    return is_float and shape[1].get_length() in {_BOX_CHANNELS, classes} and shape[2].get_length() > 0


def _cells(end: Any) -> int:
    return int(end.get_shape()[2] * end.get_shape()[3])


def _is_equal(core: ov.Core, model: ov.Model, ends: list[Any]) -> bool:
    """Return whether what follows the ends computes the same as `yolo_grids`. Changes the model."""
    for node in model.get_ordered_ops():
        if node.get_type_name() == "ShapeOf":
            shape = opset8.constant(np.array(node.get_input_shape(0), node.get_output_element_type(0).to_dtype()))
            for consumer in list(node.output(0).get_target_inputs()):
                consumer.replace_source_output(shape.output(0))
    parameters, values = [], []
    random = np.random.default_rng(1)
    for end, name in zip(ends, OUTPUTS, strict=True):
        parameter = opset8.parameter(end.get_shape(), ov.Type.f32)
        for consumer in list(end.get_target_inputs()):
            consumer.replace_source_output(parameter.output(0))
        parameters.append(parameter)
        middle = 0.0 if name.startswith("boxes") else -4.0
        values.append(random.normal(middle, 2.0, end.get_shape()).astype(np.float32))
    rest = ov.Model(model.get_results(), parameters, "head")
    output = core.compile_model(rest, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})(values)[0]
    theirs = yolo_output.candidates(output[0])
    by_cell = {name: value[0].transpose(1, 2, 0) for name, value in zip(OUTPUTS, values, strict=True)}
    ours = yolo_grids.candidates({name: np.ascontiguousarray(value) for name, value in by_cell.items()})
    if not 0 < theirs.confidences.size == ours.confidences.size:
        return False
    return (
        bool(np.array_equal(theirs.class_ids, ours.class_ids))
        and float(np.abs(theirs.boxes - ours.boxes).max()) <= _MOST_DEVIATION_PX
        and float(np.abs(theirs.confidences - ours.confidences).max()) <= _MOST_DEVIATION
    )
