"""YOLO with the raw head: YOLOv8, YOLO11, YOLO12, and YOLO26 exported with `end2end=False`.

One output (1, 4 + classes, anchors): centre x, centre y, width and height in input pixels, then a score for each
class (Ultralytics, `Detect._inference` in nn/modules/head.py, release 8.4.190). Duplicates are not removed yet.
"""

from functools import partial

from cctv.detectors.errors import ModelInvalidError
from cctv.detectors.families.base import Family, Head, NetworkInfo, Outputs, listed_names
from cctv.detectors.letterbox import Letterbox
from cctv.detectors.model import Detections
from cctv.detectors.yolo_output import decode

NAME = "YOLOv8, YOLO11, YOLO12, YOLO26"


def head_of(info: NetworkInfo) -> Head | None:
    """Return the head of a network of this family."""
    output = info.outputs[0]
    if len(info.inputs) != 1 or len(info.outputs) != 1 or len(output.shape) != 3 or info.metadata.is_rt_detr:
        return None
    _, rows, anchors = output.shape
    if 0 < anchors < rows and rows != 4 + len(info.metadata.names):
        return None  # a row for each detection, not a column
    labels = listed_names(info, NAME)
    if rows not in {-1, 4 + len(labels)}:
        raise ModelInvalidError(
            f"its metadata names {len(labels)} classes, so its output must be (1, {4 + len(labels)}, anchors)"
            f" ({NAME}), but it is {output}; only detection models work, not segmentation, poses or rotated boxes"
        )
    return Head(NAME, labels, partial(_decode, output.name, len(labels)), is_letterboxed=True)


def _decode(name: str, classes: int, outputs: Outputs, letterbox: Letterbox) -> Detections:
    values = outputs[name]
    if len(values) != 4 + classes:
        raise ModelInvalidError(f"the output {name} has {len(values)} rows, but {classes} classes need {4 + classes}")
    return decode(values, letterbox)


FAMILY = Family(NAME, "one output (1, 4 + classes, anchors)", head_of)
