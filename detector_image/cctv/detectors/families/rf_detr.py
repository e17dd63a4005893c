"""RF-DETR as the package `rfdetr` exports it.

Outputs `dets` (1, queries, 4), centre x, centre y, width and height in fractions of the input, and `labels`
(1, queries, slots), a logit for each class slot. Outputs are matched by name: a model of three classes has two of the
same shape. Frames are stretched; colours are normalised by ImageNet's mean and deviation
(`_run_inference` in rfdetr/export/_onnx/inference.py, rfdetr 1.11.2).

The published weights keep COCO's own ids: 91 slots, of which slot 0 and ten others are unused. Weights trained on
other data usually start their classes at slot 0 and use the last slot for the background. The file contains no names,
so such weights need a metadata.yaml.
"""

from functools import partial

import numpy as np
import numpy.typing as npt

from cctv.detectors.errors import ModelInvalidError
from cctv.detectors.families.base import (
    IMAGENET_MEAN,
    IMAGENET_STD,
    Family,
    Head,
    NetworkInfo,
    Outputs,
    ranked_by_class,
)
from cctv.detectors.families.coco import COCO_IDS, COCO_NAMES
from cctv.detectors.letterbox import Letterbox
from cctv.detectors.model import Detections

NAME = "RF-DETR"
_COCO_SLOTS = 91


def head_of(info: NetworkInfo) -> Head | None:
    """Return the head of a network of this family."""
    boxes, logits = info.output("dets"), info.output("labels")
    if boxes is None or logits is None or len(boxes.shape) != 3 or len(logits.shape) != 3:
        return None
    names = _names(info, logits.shape[2])
    slots = np.array(sorted(names), np.intp)
    labels = tuple(names[int(slot)] for slot in slots)
    return Head(NAME, labels, partial(_decode, labels, slots), mean=IMAGENET_MEAN, std=IMAGENET_STD)


def _names(info: NetworkInfo, slots: int) -> dict[int, str]:
    """Return the class names by slot."""
    names = dict(info.metadata.names)
    if slots == _COCO_SLOTS and (not names or tuple(names.values()) == COCO_NAMES):
        return dict(zip(COCO_IDS, COCO_NAMES, strict=True))
    if not names:
        raise ModelInvalidError(
            f"its classes have no names ({NAME} with {slots} class slots); put a file metadata.yaml with `names:`"
            " beside it, a list of the class names in the order of the training data"
        )
    if max(names) >= slots:
        raise ModelInvalidError(
            f"`names` has class id {max(names)}, but the network has {slots} class slots ({NAME})"
        )
    return names


def _decode(labels: tuple[str, ...], slots: npt.NDArray[np.intp], outputs: Outputs, _: Letterbox) -> Detections:
    return ranked_by_class(outputs["dets"], outputs["labels"], slots, labels)


FAMILY = Family(NAME, "outputs dets (1, queries, 4) and labels (1, queries, classes)", head_of)
