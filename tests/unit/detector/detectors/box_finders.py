"""Synthetic networks that find one rectangle of a known colour, with the interface of each model family.

The box is computed from the pixels, and the score is high only if the three colours arrive as the family normalises
them. So a test sees each fault of preprocessing and decoding: proportions, order of colours, mean and deviation,
layout of the boxes.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import openvino as ov
from openvino import opset13 as ops

COLOUR = (255, 128, 0)
"""Red, green, blue of the rectangle; the frame is black elsewhere."""
SCORE = 0.9
QUERIES = 300
IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))

Normalisation = tuple[tuple[float, float, float], tuple[float, float, float]]
UNCHANGED: Normalisation = ((0.0, 0.0, 0.0), (1.0, 1.0, 1.0))


@dataclass(frozen=True)
class Finder:
    """What the body of a network computes; each (1,)."""

    image: Any
    corners: tuple[Any, Any, Any, Any]
    """x_min, y_min, x_max, y_max in input pixels."""
    score: Any
    size: tuple[int, int]

    def centred(self) -> list[Any]:
        """Return centre x, centre y, width, height in input pixels."""
        left, top, right, bottom = self.corners
        half = number(0.5)
        return [
            ops.multiply(ops.add(left, right), half),
            ops.multiply(ops.add(top, bottom), half),
            ops.subtract(right, left),
            ops.subtract(bottom, top),
        ]

    def fractions(self, values: Sequence[Any]) -> list[Any]:
        """Return coordinates, x and y in turns, as fractions of the input."""
        return [ops.divide(value, number(self.size[index % 2])) for index, value in enumerate(values)]


def number(value: float) -> Any:
    return ops.constant(np.array([value], np.float32))


def finder(size: tuple[int, int], normalisation: Normalisation = UNCHANGED) -> Finder:
    """Build the body for an input of (width, height)."""
    width, height = size
    image = ops.parameter([1, 3, height, width], ov.Type.f32)
    expected = [
        (colour / 255 - mean) / deviation for colour, mean, deviation in zip(COLOUR, *normalisation, strict=True)
    ]
    channels = [ops.squeeze(channel, [0, 1]) for channel in ops.split(image, 1, 3).outputs()]
    half_red = (0.7 - normalisation[0][0]) / normalisation[1][0]
    mask = ops.greater(channels[0], number(half_red))
    score = number(1.0)
    for channel, value in zip(channels, expected, strict=True):
        brightest = ops.reduce_max(ops.select(mask, channel, number(-100.0)), [0, 1], False)
        is_near = ops.less(ops.abs(ops.subtract(brightest, number(value))), number(0.1))
        score = ops.multiply(score, ops.convert(is_near, "f32"))
    score = ops.add(ops.multiply(score, number(SCORE - 0.01)), number(0.01))
    corners = [*_extent(mask, width, 0), *_extent(mask, height, 1)]
    return Finder(image, (corners[0], corners[2], corners[1], corners[3]), score, size)


def _extent(mask: Any, length: int, across: int) -> tuple[Any, Any]:
    """Return where the mask begins and ends along the axis that is not `across`."""
    is_set = ops.greater(ops.reduce_max(ops.convert(mask, "f32"), [across], False), number(0.5))
    places = ops.constant(np.arange(length, dtype=np.float32))
    first = ops.reduce_min(ops.select(is_set, places, number(length)), [0], True)
    last = ops.reduce_max(ops.select(is_set, ops.add(places, number(1.0)), number(0.0)), [0], True)
    return first, last


def row(values: Sequence[Any], rows: int = QUERIES) -> Any:
    """Return (1, rows, values): `values` in row 7, zeros in the others."""
    one = ops.reshape(ops.concat(list(values), 0), [1, 1, len(values)], False)
    before = ops.constant(np.zeros((1, 7, len(values)), np.float32))
    after = ops.constant(np.zeros((1, rows - 8, len(values)), np.float32))
    return ops.concat([before, one, after], 1)


def named(outputs: dict[str, Any]) -> list[Any]:
    """Return results whose tensors have these names."""
    results = []
    for name, node in outputs.items():
        node.output(0).set_names({name})
        results.append(ops.result(node))
    return results


def model(results: list[Any], parameters: list[Any]) -> ov.Model:
    for parameter, name in zip(parameters, ("images", "orig_target_sizes"), strict=False):
        parameter.output(0).set_names({name})
    return ov.Model(results, parameters, "finder")


def yolo(size: tuple[int, int], classes: int, class_id: int) -> ov.Model:
    found = finder(size)
    scores = [found.score if number_ == class_id else number(0.0) for number_ in range(classes)]
    rows = row([*found.centred(), *scores], rows=315)
    return model(named({"output0": ops.transpose(rows, [0, 2, 1])}), [found.image])


def yolo_end_to_end(size: tuple[int, int], classes: int, class_id: int) -> ov.Model:
    found = finder(size)
    return model(named({"output0": row([*found.corners, found.score, number(class_id)])}), [found.image])


def rt_detr(size: tuple[int, int], classes: int, class_id: int) -> ov.Model:
    found = finder(size)
    boxes = found.fractions(found.centred())
    return model(named({"output0": row([*boxes, found.score, number(class_id)])}), [found.image])


def rt_detr_8_3(size: tuple[int, int], classes: int, class_id: int) -> ov.Model:
    found = finder(size)
    scores = [found.score if each == class_id else number(0.0) for each in range(classes)]
    return model(named({"output0": row([*found.fractions(found.centred()), *scores])}), [found.image])


def _logits(found: Finder, classes: int, class_id: int) -> Any:
    """Return (1, queries, classes): the logit of the score in one place, of nearly 0 elsewhere."""
    logit = ops.log(ops.divide(found.score, ops.subtract(number(1.0), found.score)))
    shift = number(10.0)
    scores = [ops.add(logit, shift) if each == class_id else number(0.0) for each in range(classes)]
    return ops.subtract(row(scores), ops.constant(np.full((1, 1, 1), 10.0, np.float32)))


def rf_detr(size: tuple[int, int], classes: int, class_id: int) -> ov.Model:
    found = finder(size, IMAGENET)
    outputs = {"dets": row(found.fractions(found.centred())), "labels": _logits(found, classes, class_id)}
    return model(named(outputs), [found.image])


def hugging_face(size: tuple[int, int], classes: int, class_id: int) -> ov.Model:
    found = finder(size)
    outputs = {"logits": _logits(found, classes, class_id), "pred_boxes": row(found.fractions(found.centred()))}
    return model(named(outputs), [found.image])


def d_fine(size: tuple[int, int], classes: int, class_id: int) -> ov.Model:
    found = finder(size)
    sizes = ops.parameter([-1, 2], ov.Type.i64)
    scale = ops.unsqueeze(ops.tile(ops.convert(sizes, "f32"), [1, 2]), [1])
    boxes = ops.multiply(row(found.fractions(found.corners)), scale)
    labels = np.zeros((1, QUERIES), np.int64)
    labels[0, 7] = class_id
    outputs = {
        "labels": ops.add(ops.constant(labels), ops.constant(np.zeros((1, 1), np.int64))),
        "boxes": boxes,
        "scores": ops.squeeze(row([found.score]), [2]),
    }
    return model(named(outputs), [found.image, sizes])


Build = Callable[[tuple[int, int], int, int], ov.Model]
