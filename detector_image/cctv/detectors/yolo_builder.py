"""Builds the network of a YOLOv8 or YOLO11 checkpoint in OpenVINO operations, from the record of its modules.

The checkpoint says all: which modules there are, how they are joined, their strides and their weights. Each kind of
module is one function here, which states what Ultralytics' module of that name computes (`ultralytics.nn.modules`);
a checkpoint with another kind is refused by name.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import openvino as ov
from openvino import opset13 as ops

from cctv.detectors.errors import ModelInvalidError
from cctv.detectors.openvino_resize import anchors
from cctv.detectors.weights_archive import Array, Record

INPUT_SIZE = (640, 640)
"""(width, height). The network can be fitted to others: `openvino_network.with_input_size`."""


def build_network(checkpoint: dict[str, Any], path: Path) -> ov.Model:
    """Return the network that takes float32 (1, 3, 640, 640), RGB, 0.0 to 1.0, and gives (1, 4 + classes, anchors).

    The four rows of a box are its middle, width and height in input pixels, as in Ultralytics' own export. The names
    of the classes are in the network's `framework.names`. `path` is named in errors. Raises `ModelInvalidError`.
    """
    try:
        ema = checkpoint.get("ema")
        root = ema if isinstance(ema, Record) else checkpoint.get("model")
        if not isinstance(root, Record) or "model" not in root.modules:
            raise ModelInvalidError(f"{path}: not an Ultralytics checkpoint: it holds no network under `model`")
        model = _Builder(path).build(root)
        model.set_rt_info(repr(_names(root, path)), ["framework", "names"])
    except ModelInvalidError:
        raise
    except (ArithmeticError, AttributeError, LookupError, MemoryError, TypeError, ValueError, RuntimeError) as error:
        raise ModelInvalidError(
            f"{path}: a YOLOv8 or YOLO11 detection network cannot be made of it ({type(error).__name__}: {error})"
        ) from error
    return model


def _names(root: Record, path: Path) -> dict[int, str]:
    names = root.attributes.get("names")
    if isinstance(names, list):
        names = dict(enumerate(names))
    if not isinstance(names, dict) or not names:
        raise ModelInvalidError(f"{path}: its classes have no names")
    return {int(number): str(name) for number, name in names.items()}


class _Builder:
    """One network. Each method with the name of a module's kind returns the node of its output."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._kinds: dict[str, Callable[[Record, Any], Any]] = {
            "Conv": self._conv,
            "DWConv": self._conv,
            "Conv2d": lambda record, x: _convolve(x, record, *_weights(record)),
            "Sequential": self._sequential,
            "Bottleneck": self._bottleneck,
            "C2f": self._c2f,
            "C3k2": self._c2f,
            "C3": self._c3,
            "C3k": self._c3,
            "SPPF": self._sppf,
            "C2PSA": self._c2psa,
            "PSABlock": self._psa_block,
            "Attention": self._attention,
            "Upsample": self._upsample,
            "Identity": lambda _record, x: x,
        }

    def build(self, root: Record) -> ov.Model:
        """Join the layers as their `f` (from) says: -1 is the layer before, other numbers are layers."""
        width, height = INPUT_SIZE
        image = ops.parameter([1, 3, height, width], np.float32, name="images")
        outputs: list[Any] = []
        previous: Any = image
        for layer in root.modules["model"].modules.values():
            sources = layer.attributes["f"]
            chosen = [previous if one == -1 else outputs[one] for one in _as_list(sources)]
            if layer.kind == "Detect":
                result = self._detect(layer, chosen)
            elif layer.kind == "Concat":
                result = ops.concat(chosen, axis=int(layer.attributes["d"]))
            else:
                result = self._apply(layer, chosen[0])
            outputs.append(result)
            previous = result
        last = [*root.modules["model"].modules.values()][-1]
        if last.kind != "Detect":
            raise self._unknown_error(last)
        previous.output(0).set_names({"output0"})
        return ov.Model([previous], [image], "yolo")

    def _apply(self, record: Record, x: Any) -> Any:
        if record.kind not in self._kinds:
            raise self._unknown_error(record)
        return self._kinds[record.kind](record, x)

    def _unknown_error(self, record: Record) -> ModelInvalidError:
        return ModelInvalidError(
            f"{self._path}: its module {record.class_name} is not supported without torch: only YOLOv8 and YOLO11"
            " detection networks are; export it to OpenVINO or ONNX with ultralytics"
        )

    def _conv(self, record: Record, x: Any) -> Any:
        parts = record.modules
        kernel, bias = _weights(parts["conv"])
        if "bn" in parts:
            kernel, bias = _fold_batch_norm(kernel, bias, parts["bn"])
        return self._activate(parts.get("act"), _convolve(x, parts["conv"], kernel, bias))

    def _activate(self, act: Record | None, x: Any) -> Any:
        if act is None or act.kind == "Identity":
            return x
        if act.kind == "SiLU":
            return ops.swish(x)
        if act.kind == "ReLU":
            return ops.relu(x)
        raise self._unknown_error(act)

    def _sequential(self, record: Record, x: Any) -> Any:
        for part in record.modules.values():
            x = self._apply(part, x)
        return x

    def _bottleneck(self, record: Record, x: Any) -> Any:
        result = self._apply(record.modules["cv2"], self._apply(record.modules["cv1"], x))
        return ops.add(x, result) if record.attributes["add"] else result

    def _c2f(self, record: Record, x: Any) -> Any:
        parts = record.modules
        found = list(ops.split(self._apply(parts["cv1"], x), ops.constant(1), 2).outputs())
        for part in parts["m"].modules.values():
            found.append(self._apply(part, found[-1]))
        return self._apply(parts["cv2"], ops.concat(found, axis=1))

    def _c3(self, record: Record, x: Any) -> Any:
        parts = record.modules
        deep = self._apply(parts["m"], self._apply(parts["cv1"], x))
        return self._apply(parts["cv3"], ops.concat([deep, self._apply(parts["cv2"], x)], axis=1))

    def _sppf(self, record: Record, x: Any) -> Any:
        parts = record.modules
        size = int(_pair(parts["m"].attributes["kernel_size"])[0])
        found = [self._apply(parts["cv1"], x)]
        for _ in range(int(record.attributes.get("n", 3))):
            pooled = ops.max_pool(found[-1], [1, 1], [1, 1], [size // 2] * 2, [size // 2] * 2, [size, size])
            found.append(pooled.output(0))
        result = self._apply(parts["cv2"], ops.concat(found, axis=1))
        return ops.add(x, result) if record.attributes.get("add") else result

    def _c2psa(self, record: Record, x: Any) -> Any:
        parts = record.modules
        kept, attended = ops.split(self._apply(parts["cv1"], x), ops.constant(1), 2).outputs()
        return self._apply(parts["cv2"], ops.concat([kept, self._apply(parts["m"], attended)], axis=1))

    def _psa_block(self, record: Record, x: Any) -> Any:
        for name in ("attn", "ffn"):
            result = self._apply(record.modules[name], x)
            x = ops.add(x, result) if record.attributes["add"] else result
        return x

    def _attention(self, record: Record, x: Any) -> Any:
        """Multi-head self-attention over the cells, with a positional convolution over the values."""
        parts, given = record.modules, record.attributes
        heads, key, head = int(given["num_heads"]), int(given["key_dim"]), int(given["head_dim"])
        mixed = ops.reshape(self._apply(parts["qkv"], x), [1, heads, 2 * key + head, -1], special_zero=False)
        queries, keys, values = ops.variadic_split(mixed, 2, [key, key, head]).outputs()
        scores = ops.multiply(
            ops.matmul(queries, keys, transpose_a=True, transpose_b=False), np.float32(given["scale"])
        )
        attended = ops.matmul(values, ops.softmax(scores, -1), transpose_a=False, transpose_b=True)
        shape = ops.shape_of(x)
        placed = self._apply(parts["pe"], ops.reshape(values, shape, special_zero=False))
        return self._apply(parts["proj"], ops.add(ops.reshape(attended, shape, special_zero=False), placed))

    def _upsample(self, record: Record, x: Any) -> Any:
        factor, mode = record.attributes["scale_factor"], record.attributes["mode"]
        if mode != "nearest" or factor is None:
            raise self._unknown_error(record)
        scales = np.array(_pair(factor), np.float32)
        return ops.interpolate(
            x,
            scales,
            "nearest",
            "scales",
            axes=np.array([2, 3]),
            coordinate_transformation_mode="asymmetric",
            nearest_mode="floor",
        )

    def _detect(self, record: Record, levels: list[Any]) -> Any:
        """Build the head: distributions of the four distances from each cell's centre, and a score per class."""
        parts, bins = record.modules, int(record.attributes["reg_max"])
        classes = int(record.attributes["nc"])
        if "one2one_cv2" in parts:
            raise ModelInvalidError(
                f"{self._path}: its end-to-end head is not supported without torch; export it with ultralytics"
            )
        rows = 4 * bins + classes
        cells = []
        for box, score, x in zip(parts["cv2"].modules.values(), parts["cv3"].modules.values(), levels, strict=True):
            joined = ops.concat([self._apply(box, x), self._apply(score, x)], axis=1)
            cells.append(ops.reshape(joined, [1, rows, -1], special_zero=False))
        boxes, scores = ops.variadic_split(ops.concat(cells, axis=2), 1, [4 * bins, classes]).outputs()
        return ops.concat([_boxes(boxes, bins), ops.sigmoid(scores)], axis=1)


def _boxes(distributions: Any, bins: int) -> Any:
    """Return centre, width and height in pixels, (1, 4, anchors).

    The mean of each distribution is a distance in cells (Distribution Focal Loss, Li et al., 2020).
    """
    each = ops.softmax(ops.reshape(distributions, [1, 4, bins, -1], special_zero=False), 2)
    weights = np.arange(bins, dtype=np.float32).reshape(1, 1, bins, 1)
    distances = ops.reduce_sum(ops.multiply(each, weights), np.array([2]))
    before, after = ops.split(distances, ops.constant(1), 2).outputs()
    centres, strides = (ops.constant(values) for values in anchors(INPUT_SIZE))
    low, high = ops.subtract(centres, before), ops.add(centres, after)
    middle = ops.multiply(ops.add(low, high), np.float32(0.5))
    return ops.multiply(ops.concat([middle, ops.subtract(high, low)], axis=1), strides)


def _weights(record: Record) -> tuple[Array, Array | None]:
    """Return the kernel (out, in / groups, height, width) and the bias of a convolution, in float32."""
    kernel, bias = record.tensor("weight"), record.tensor("bias")
    if kernel is None:
        raise ValueError("a convolution has no weights")
    return kernel.astype(np.float32), None if bias is None else bias.astype(np.float32)


def _fold_batch_norm(kernel: Array, bias: Array | None, norm: Record) -> tuple[Array, Array]:
    """Return kernel and bias of a convolution merged with its batch normalisation (Ioffe and Szegedy, 2015)."""
    values = [norm.tensor(name) for name in ("weight", "bias", "running_mean", "running_var")]
    if any(value is None for value in values):
        raise ValueError("a batch normalisation has no statistics")
    gain, shift, mean, variance = (np.asarray(value, np.float64) for value in values)
    factor = gain / np.sqrt(variance + float(norm.attributes["eps"]))
    before = 0.0 if bias is None else bias.astype(np.float64)
    folded = kernel.astype(np.float64) * factor.reshape(-1, 1, 1, 1)
    return folded.astype(np.float32), (shift + (before - mean) * factor).astype(np.float32)


def _convolve(x: Any, record: Record, kernel: Array, bias: Array | None) -> Any:
    given = record.attributes
    groups = int(given["groups"])
    steps, padding, dilation = (_pair(given[name]) for name in ("stride", "padding", "dilation"))
    if groups == 1:
        result = ops.convolution(x, kernel, steps, padding, padding, dilation)
    else:
        outputs, *rest = kernel.shape
        grouped = kernel.reshape(groups, outputs // groups, *rest)
        result = ops.group_convolution(x, grouped, steps, padding, padding, dilation)
    return result if bias is None else ops.add(result, bias.reshape(1, -1, 1, 1))


def _pair(value: Any) -> list[Any]:
    return list(value) if isinstance(value, tuple | list) else [value, value]


def _as_list(value: Any) -> list[int]:
    return [int(one) for one in value] if isinstance(value, tuple | list) else [int(value)]
