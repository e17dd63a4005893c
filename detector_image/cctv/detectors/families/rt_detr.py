"""RT-DETR as Ultralytics exports it.

One output, boxes as centre x, centre y, width and height in fractions of the input, in one of two layouts
(`RTDETRDecoder.forward` in nn/modules/head.py):

- 8.4.190: (1, queries, 6), the box, a score and a class id;
- 8.3: (1, queries, 4 + classes), the box and a score for each class.

Frames are stretched to the input (`scale_fill` in models/rtdetr/predict.py). Exports of RT-DETR's own repository have
the inputs and outputs of D-FINE.
"""

from functools import partial

import numpy as np

from cctv.detectors.families.base import Family, Head, NetworkInfo, Outputs, corners, listed_names, ranked
from cctv.detectors.letterbox import Letterbox
from cctv.detectors.model import Detections
from cctv.detectors.yolo_output import LOWEST_CONFIDENCE

NAME = "RT-DETR"


def head_of(info: NetworkInfo) -> Head | None:
    """Return the head of a network of this family."""
    output, metadata = info.outputs[0], info.metadata
    if len(info.inputs) != 1 or len(info.outputs) != 1 or len(output.shape) != 3 or not metadata.is_rt_detr:
        return None
    labels = listed_names(info, NAME)
    if metadata.head and output.shape[2] == 6:
        return Head(NAME, labels, partial(_decode_ranked, output.name, labels))
    if output.shape[2] == 4 + len(labels):
        return Head(NAME, labels, partial(_decode_scores, output.name, labels))
    return None


def _decode_ranked(name: str, labels: tuple[str, ...], outputs: Outputs, _: Letterbox) -> Detections:
    rows = outputs[name]
    return ranked(corners(rows), rows[:, 4], rows[:, 5].round().astype(np.int32), labels)


def _decode_scores(name: str, labels: tuple[str, ...], outputs: Outputs, _: Letterbox) -> Detections:
    rows = outputs[name]
    queries, class_ids = np.nonzero(rows[:, 4:] >= LOWEST_CONFIDENCE)
    return ranked(corners(rows)[queries], rows[queries, 4 + class_ids], class_ids, labels)


FAMILY = Family(NAME, "one output (1, queries, 6) or (1, queries, 4 + classes)", head_of)
