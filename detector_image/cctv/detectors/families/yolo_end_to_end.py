"""YOLO whose head returns finished detections: YOLO26 and YOLOv10 by default, the others exported with `nms=True`.

One output (1, detections, 6): x_min, y_min, x_max, y_max in input pixels, score, class id; unused rows have score 0
(Ultralytics, `Detect.postprocess` in nn/modules/head.py and `NMSModel` in engine/exporter.py, release 8.4.190).

The same release exports RT-DETR with the same name and shape, but with centres and sizes in fractions. The graph does
not distinguish them, but the metadata does: a network without it is rejected.
"""

from functools import partial

import numpy as np

from cctv.detectors.errors import ModelInvalidError
from cctv.detectors.families.base import Family, Head, NetworkInfo, Outputs, listed_names, ranked
from cctv.detectors.letterbox import Letterbox
from cctv.detectors.model import Detections

NAME = "YOLO26 end-to-end"


def head_of(info: NetworkInfo) -> Head | None:
    """Return the head of a network of this family."""
    output, metadata = info.outputs[0], info.metadata
    if len(info.inputs) != 1 or len(info.outputs) != 1 or len(output.shape) != 3 or output.shape[2] != 6:
        return None
    if metadata.is_rt_detr:
        return None
    if not metadata.is_yolo:
        raise ModelInvalidError(
            f"the output {output} is that of YOLO26 end-to-end and of RT-DETR, and nothing in the file says which;"
            " put the metadata.yaml of the export beside it, or one with `head: Detect` (YOLO) or"
            " `head: RTDETRDecoder` (RT-DETR)"
        )
    labels = listed_names(info, NAME)
    return Head(NAME, labels, partial(_decode, output.name, labels), is_letterboxed=True)


def _decode(name: str, labels: tuple[str, ...], outputs: Outputs, letterbox: Letterbox) -> Detections:
    rows = outputs[name]
    boxes = letterbox.to_fractions(rows[:, :4])
    return ranked(boxes, rows[:, 4], rows[:, 5].astype(np.int32), labels)


FAMILY = Family(NAME, "one output (1, detections, 6)", head_of)
