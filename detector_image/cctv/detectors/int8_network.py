"""Quantise a YOLO network to INT8 by post-training min-max calibration, using only OpenVINO operations.

Each convolution gets weights in 8 bits (symmetric, a scale per output channel) and a `FakeQuantize` at its input
(asymmetric, 256 levels, the mean of the frames' minima and maxima). OpenVINO's low precision transformations turn
both into INT8 kernels. NNCF does this and more, but needs 163 MB of packages (scipy, scikit-learn, …).
"""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import openvino as ov
from openvino import opset13 as ops

Ranges = Mapping[str, tuple[float, float]]
"""Minimum and maximum input value of each convolution, by its name."""

_LEVELS = 256
_WEIGHT_LEVELS, _FIRST_WEIGHT_LEVELS = 127, 64
"""Largest absolute weight. Processors without VNNI add products of 8 bits in 16 bits, which overflows for the first
convolution, whose inputs use all of 0 to 255 (NNCF: `OverflowFix.FIRST_LAYER`)."""


def input_ranges(core: ov.Core, model: ov.Model, images: Iterable[npt.NDArray[np.uint8]]) -> dict[str, Any]:
    """Return the minimum and maximum input of each convolution of `model` as (images, 2)."""
    sources: dict[tuple[str, int], Any] = {}
    readers: list[tuple[str, int]] = []
    for convolution in _convolutions(model):
        source = convolution.input_value(0)
        key = (source.get_node().get_friendly_name(), source.get_index())
        sources[key] = source
        readers.append((convolution.get_friendly_name(), list(sources).index(key)))
    axes = np.arange(4)
    results = [
        ops.result(reduce(source, axes, False))
        for source in sources.values()
        for reduce in (ops.reduce_min, ops.reduce_max)
    ]
    probe = ov.Model(results, model.get_parameters(), "ranges")
    options = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": 1}
    compiled = core.compile_model(probe, "CPU", options)
    rows = []
    for image in images:
        values = compiled(image[None])
        rows.append([float(values[number]) for number in range(len(results))])
    table = np.array(rows).reshape(len(rows), len(sources), 2)
    return {name: table[:, number] for name, number in readers}


def mean_ranges(parts: Iterable[Mapping[str, Any]]) -> dict[str, tuple[float, float]]:
    """Return the mean range over all images of several calls of `input_ranges`."""
    collected: dict[str, list[Any]] = {}
    for part in parts:
        for name, rows in part.items():
            collected.setdefault(name, []).append(rows)
    means = {name: np.concatenate(rows).mean(axis=0) for name, rows in collected.items()}
    return {name: (float(low), float(high)) for name, (low, high) in means.items()}


def quantise(model: ov.Model, ranges: Ranges) -> None:
    """Quantise the convolutions of `model` in place."""
    fakes: dict[tuple[str, int], Any] = {}
    for number, convolution in enumerate(_convolutions(model)):
        _quantise_weights(convolution, _WEIGHT_LEVELS if number else _FIRST_WEIGHT_LEVELS)
        source = convolution.input_value(0)
        key = (source.get_node().get_friendly_name(), source.get_index())
        if key not in fakes:
            low, high = ranges[convolution.get_friendly_name()] if number else (0.0, 1.0)
            bounds = [np.full((1, 1, 1, 1), bound, np.float32) for bound in _with_exact_zero(low, high)]
            fakes[key] = ops.fake_quantize(source, *bounds, *bounds, _LEVELS)
        convolution.input(0).replace_source_output(fakes[key].output(0))
    model.validate_nodes_and_infer_types()


def _convolutions(model: ov.Model) -> list[Any]:
    """Return the convolutions with constant weights and several channels, in execution order.

    One with a single channel is the sum of YOLOv8's head, which makes a distance from its bins: rounding would move
    the boxes, and the head could not be cut (`openvino_head`).
    """
    return [
        node
        for node in model.get_ordered_ops()
        if node.get_type_name() == "Convolution"
        and node.input_value(1).get_node().get_type_name() == "Constant"
        and node.input_value(1).get_shape()[0] > 1
    ]


def _quantise_weights(convolution: Any, levels: int) -> None:
    weights = convolution.input_value(1).get_node().data
    scale = np.abs(weights).max(axis=(1, 2, 3), keepdims=True) / levels
    scale = np.maximum(scale, np.finfo(np.float32).tiny).astype(np.float32)
    integers = np.clip(np.round(weights / scale), -levels, levels).astype(np.int8)
    product = ops.multiply(ops.convert(ops.constant(integers), "f32"), ops.constant(scale))
    convolution.input(1).replace_source_output(product.output(0))


def _with_exact_zero(low: float, high: float) -> tuple[float, float]:
    """Widen the range so that 0.0, the padding value of convolutions, is one of its levels."""
    low, high = min(low, 0.0), max(high, 1e-6)
    if low == 0.0:
        return low, high
    zero = min(_LEVELS - 2, max(1, round(-low / (high - low) * (_LEVELS - 1))))
    step = max(high / (_LEVELS - 1 - zero), -low / zero)
    return -zero * step, (_LEVELS - 1 - zero) * step
