"""The interface of a family of detection networks: recognise a network, prepare its input, decode its outputs.

A family receives only a `NetworkInfo`: names and shapes of inputs and outputs, and the exporter's metadata. So it
works with every runtime that returns outputs by name.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from cctv.detectors.errors import ModelInvalidError
from cctv.detectors.letterbox import Letterbox
from cctv.detectors.model import Detections
from cctv.detectors.yolo_output import LOWEST_CONFIDENCE, MOST_DETECTIONS

Array = npt.NDArray[np.float32]
Outputs = Mapping[str, Array]
"""The outputs for one image, by name, without the batch dimension."""

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


@dataclass(frozen=True, slots=True)
class TensorInfo:
    """An input or output; -1 in `shape`: any size."""

    name: str
    shape: tuple[int, ...]

    def __str__(self) -> str:
        sizes = ", ".join("?" if size < 0 else str(size) for size in self.shape)
        return f"{self.name} ({sizes})"


@dataclass(frozen=True, slots=True)
class Metadata:
    """Metadata of a network from its file or from files beside it."""

    names: Mapping[int, str] = field(default_factory=dict)
    """Class names by class id; empty: unknown."""
    head: str = ""
    """Ultralytics' class of the last layer, such as `Detect` or `RTDETRDecoder`; not written before release 8.4."""
    description: str = ""
    """Ultralytics' description, such as `Ultralytics YOLO11n model`."""
    is_end_to_end: bool = False
    """Ultralytics wrote `end2end: True` or exported with `nms=True`."""
    model_type: str = ""
    """`model_type` of Hugging Face's config.json."""
    input_size: tuple[int, int] | None = None
    """(width, height) given by the exporter, for networks that accept any size."""
    mean: tuple[float, float, float] | None = None
    std: tuple[float, float, float] | None = None
    """Normalisation required by Hugging Face's preprocessor_config.json."""

    @property
    def is_rt_detr(self) -> bool:
        """Return whether Ultralytics exported this as RT-DETR."""
        return self.head == "RTDETRDecoder" or (not self.head and "rtdetr" in self.description.lower())

    @property
    def is_yolo(self) -> bool:
        """Return whether Ultralytics exported this as YOLO."""
        is_named = bool(self.head) or self.is_end_to_end or "yolo" in self.description.lower()
        return is_named and not self.is_rt_detr


@dataclass(frozen=True, slots=True)
class NetworkInfo:
    """The properties of a network by which a family recognises it."""

    inputs: tuple[TensorInfo, ...]
    outputs: tuple[TensorInfo, ...]
    metadata: Metadata

    def output(self, name: str) -> TensorInfo | None:
        """Return the output of that name; None if there is none."""
        return next((tensor for tensor in self.outputs if tensor.name == name), None)


@dataclass(frozen=True, slots=True)
class Head:
    """How to prepare the input of a network and decode its outputs."""

    family: str
    labels: tuple[str, ...]
    """The class names, by the class ids of the detections that `decode` returns."""
    decode: Callable[[Outputs, Letterbox], Detections]
    """Decodes the outputs; also receives the position of the frame in the input. Raises `ModelInvalidError` for an
    unnamed class."""
    is_letterboxed: bool = False
    """Whether the frame keeps its aspect ratio and the rest of the input is grey; otherwise the frame is
    stretched."""
    is_padded: bool = True
    """Whether a letterboxed frame is padded to whole strides; otherwise the input has the frame's aspect ratio."""
    mean: tuple[float, float, float] = (0.0, 0.0, 0.0)
    std: tuple[float, float, float] = (1.0, 1.0, 1.0)
    """For red, green and blue between 0.0 and 1.0: the input is (colour - mean) / std."""
    constants: Mapping[str, tuple[tuple[int, ...], ...]] = field(default_factory=dict)
    """Constant values of additional inputs."""

    def place(self, frame: tuple[int, int], available: tuple[int, int]) -> Letterbox:
        """Return the position of a frame of (width, height) pixels in an input of (width, height) pixels."""
        return Letterbox.fit(frame, available) if self.is_letterboxed else Letterbox(*available)


@dataclass(frozen=True, slots=True)
class Family:
    """A family of networks that share their inputs and outputs."""

    name: str
    outputs: str
    """Description of its outputs, for the error about an unrecognised network."""
    head_of: Callable[[NetworkInfo], Head | None]
    """Returns None for networks of other families. Raises `ModelInvalidError` for an incomplete network of its
    own."""


def listed_names(info: NetworkInfo, family: str) -> tuple[str, ...]:
    """Return the class names of a network whose class ids have no gaps. Raises `ModelInvalidError`."""
    names = info.metadata.names
    if not names:
        raise ModelInvalidError(
            f"its classes have no names ({family}); put a file metadata.yaml with `names:` beside it, a list of the"
            " class names, or `names: coco` for weights that were trained on COCO"
        )
    if sorted(names) != list(range(len(names))):
        raise ModelInvalidError(f"the class ids in `names` must be 0 to {len(names) - 1} ({family}), without gaps")
    return tuple(names[number] for number in range(len(names)))


def corners(boxes: Array) -> Array:
    """Convert boxes (N, 4) from centre x, centre y, width, height to x_min, y_min, x_max, y_max."""
    centre, half = boxes[:, :2], boxes[:, 2:4] / 2
    return np.hstack([centre - half, centre + half])


def ranked(boxes: Array, scores: Array, class_ids: npt.NDArray[np.integer], labels: tuple[str, ...]) -> Detections:
    """Return the detections above the minimum confidence, the most confident first.

    `boxes` are (N, 4), x_min, y_min, x_max, y_max in fractions of the frame; `scores` and `class_ids` are (N,).
    Raises `ModelInvalidError` for a class id that `labels` does not name.
    """
    if class_ids.size and not 0 <= int(class_ids.min()) <= int(class_ids.max()) < len(labels):
        raise ModelInvalidError(
            f"the network returned class {int(class_ids.max())}, but `names` lists {len(labels)} classes;"
            " correct the metadata.yaml beside it"
        )
    kept = np.flatnonzero(scores >= LOWEST_CONFIDENCE)
    kept = kept[np.argsort(-scores[kept], kind="stable")][:MOST_DETECTIONS]
    return Detections(
        np.clip(boxes[kept], 0.0, 1.0).astype(np.float32),
        scores[kept].astype(np.float32),
        class_ids[kept].astype(np.int32),
    )


def ranked_by_class(boxes: Array, logits: Array, slots: npt.NDArray[np.intp], labels: tuple[str, ...]) -> Detections:
    """Return the detections of a DETR head that scores each class of each query by a sigmoid.

    `boxes`: (queries, 4) as centre x, centre y, width, height in fractions; `logits`: (queries, classes). `slots[i]`
    is the column of `labels[i]`; other columns are ignored. A query may give one detection per class.
    """
    scores = np.asarray(1.0 / (1.0 + np.exp(-np.clip(logits[:, slots], -60.0, 60.0))), np.float32)
    queries, class_ids = np.nonzero(scores >= LOWEST_CONFIDENCE)
    return ranked(corners(boxes)[queries], scores[queries, class_ids], class_ids, labels)
