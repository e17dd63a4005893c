"""Adapt YOLO networks of a fixed input size to other sizes, so that one file serves all aspect ratios.

An export contains two kinds of constants that depend on the size. The positions of the anchors are recognised by
their values. In ONNX files, the target shapes of Reshape operations are recognised if the operation shows which
dimensions depend on the input. A network with other such constants (YOLO12, NMS within the graph) keeps its size;
OpenVINO's shape inference decides.
"""

from typing import Any

import numpy as np
import numpy.typing as npt
import openvino as ov
from openvino import opset8

STRIDE = 32
_LEVELS = (8, 16, 32)
"""Input pixels per cell of YOLO's three grids."""

Size = tuple[int, int]
"""(width, height) in pixels."""


def anchors(size: Size) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Return the cells' centres (1, 2, N) in cells and strides (1, 1, N) in pixels, in the order of YOLOv8's head."""
    width, height = size
    centres, strides = [], []
    for stride in _LEVELS:
        y, x = np.mgrid[0 : height // stride, 0 : width // stride].astype(np.float32) + 0.5
        centres.append(np.stack([x.ravel(), y.ravel()]))
        strides.append(np.full((1, x.size), stride, np.float32))
    return np.concatenate(centres, axis=1)[None], np.concatenate(strides, axis=1)[None]


def is_resizable(model: ov.Model, size: Size) -> bool:
    """Return whether a network with an input of `size` also accepts every smaller one, in whole strides.

    Only networks with the raw head do: others choose a fixed number of anchors, which a small input does not have.
    """
    width, height = size
    if width % STRIDE or height % STRIDE or set(_anchor_constants(model, size).values()) != {0, 1}:
        return False
    return all(_takes(model, size, smallest) for smallest in (size, (width, STRIDE), (STRIDE, height)))


def set_input_size(model: ov.Model, former: Size, size: Size) -> None:
    """Change a network's input from `former` to `size`, in place. Raises `RuntimeError` if that is impossible."""
    if size == former:
        return
    replacements = anchors(size)
    _loosen_reshapes(model, former, size)
    for constant, number in _anchor_constants(model, former).items():
        values = replacements[number].reshape(*constant.get_output_shape(0)[:-1], -1)
        fitted = opset8.constant(values.astype(constant.data.dtype))
        for consumer in constant.output(0).get_target_inputs():
            consumer.replace_source_output(fitted.output(0))
    model.get_parameters()[0].set_partial_shape(ov.PartialShape([1, 3, size[1], size[0]]))
    model.validate_nodes_and_infer_types()


def _takes(model: ov.Model, former: Size, size: Size) -> bool:
    """Return whether a copy of the network accepts images of `size`, with one output column per anchor."""
    copy = model.clone()
    rows = copy.outputs[0].get_partial_shape()[1].get_length()
    try:
        set_input_size(copy, former, size)
    except RuntimeError:
        return False
    shape = copy.outputs[0].get_partial_shape()
    return bool(shape.is_static) and list(shape.to_shape()) == [1, rows, anchors(size)[1].shape[2]]


def _loosen_reshapes(model: ov.Model, former: Size, size: Size) -> None:
    grids = {(former[1] // level, former[0] // level): (size[1] // level, size[0] // level) for level in _LEVELS}
    counts = {rows * columns for rows, columns in grids} | {sum(rows * columns for rows, columns in grids)}
    for node in model.get_ordered_ops():
        if node.get_type_name() != "Reshape":
            continue
        target = node.input_value(1).get_node()
        if target.get_type_name() != "Constant":
            continue
        source, result = list(node.get_input_shape(0)), list(node.get_output_shape(0))
        if (fitted := _fit_target(source, result, grids, counts)) is not None:
            node.input(1).replace_source_output(opset8.constant(np.array(fitted, np.int64)).output(0))


def _fit_target(
    source: list[int], result: list[int], grids: dict[tuple[int, int], tuple[int, int]], counts: set[int]
) -> list[int] | None:
    """Return the target shape of a Reshape from `source` to `result` for the new grids; None: unchanged."""
    if len(source) == 4 and (source[2], source[3]) in grids and result[-1] == source[2] * source[3]:
        return [*result[:-1], -1]  # flattens a grid into one row of cells
    if result[-1] == source[-1] and result[-1] in counts:
        return [*result[:-1], -1]  # splits or joins channels; the cells are unchanged
    grid = (result[2], result[3]) if len(result) == 4 else (0, 0)
    if grid in grids and source[-1] == grid[0] * grid[1]:
        return [*result[:2], *grids[grid]]  # turns a row of cells back into a grid
    return None


def _anchor_constants(model: ov.Model, size: Size) -> dict[Any, int]:
    """Return the constants that contain a result of `anchors`, each with its index in that result.

    Exports differ in the number of axes of length 1, and may hold the same values twice.
    """
    expected = [values.squeeze(0) for values in anchors(size)]
    found = {}
    for node in model.get_ordered_ops():
        if node.get_type_name() != "Constant" or int(np.prod(node.get_output_shape(0))) not in _lengths(expected):
            continue
        for number, values in enumerate(expected):
            if np.array_equal(np.squeeze(node.data), np.squeeze(values)):
                found[node] = number
    return found


def _lengths(arrays: list[npt.NDArray[np.float32]]) -> set[int]:
    return {array.size for array in arrays}
