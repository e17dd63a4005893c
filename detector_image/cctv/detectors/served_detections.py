"""The tensor of detections that `cctv serve-model` returns: one definition for the server and its clients.

The raw output of YOLOv8 for a frame of 640 × 384 pixels has 1.7 MB. The server decodes it and returns 2.4 KB.
"""

from functools import partial

import numpy as np
import numpy.typing as npt

from cctv.detectors.families.base import Array, Head, NetworkInfo, Outputs, listed_names, ranked
from cctv.detectors.letterbox import Letterbox
from cctv.detectors.model import Detections
from cctv.detectors.yolo_output import MOST_DETECTIONS

HEAD = "VigilDetections"
"""`head` in the model's metadata, by which a client recognises the output."""
INPUT_NAME, OUTPUT_NAME = "image", "detections"
COLUMNS = 6
"""x_min, y_min, x_max, y_max in fractions of the image, confidence, class id."""
SHAPE = (MOST_DETECTIONS, COLUMNS)


def encode(detections: Detections) -> Array:
    """Return the detections of an image as (100, 6), float32. Unused rows are zero."""
    rows = np.zeros(SHAPE, np.float32)
    count = min(len(detections), MOST_DETECTIONS)
    rows[:count, :4] = detections.boxes[:count]
    rows[:count, 4] = detections.confidences[:count]
    rows[:count, 5] = detections.class_ids[:count]
    return rows


def served_head(info: NetworkInfo) -> Head | None:
    """Return how to read a model of `cctv serve-model`; None for other models. Raises `ModelInvalidError`."""
    if info.metadata.head != HEAD or [output.name for output in info.outputs] != [OUTPUT_NAME]:
        return None
    labels = listed_names(info, "served by Vigil")
    return Head("served by Vigil", labels, partial(_decode, labels), is_letterboxed=True, is_padded=False)


def _decode(labels: tuple[str, ...], outputs: Outputs, _: Letterbox) -> Detections:
    rows = outputs[OUTPUT_NAME]
    rows = rows[rows[:, 4] > 0.0]
    class_ids: npt.NDArray[np.int32] = rows[:, 5].astype(np.int32)
    return ranked(rows[:, :4], rows[:, 4], class_ids, labels)
