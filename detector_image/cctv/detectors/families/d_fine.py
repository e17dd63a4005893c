"""D-FINE as exported by its repository; RT-DETR's repository and DEIM have the same inputs and outputs.

The second input `orig_target_sizes` (1, 2) is the width and height to which boxes are scaled. Outputs `labels`
(1, queries), class ids; `boxes` (1, queries, 4), x_min, y_min, x_max, y_max; `scores` (1, queries). Frames are
stretched, colours are between 0.0 and 1.0 (github.com/Peterande/D-FINE: tools/deployment/export_onnx.py,
tools/inference/onnx_inf.py, src/zoo/dfine/postprocessor.py). Here the size is always (1, 1), so boxes are fractions.
"""

from functools import partial

import numpy as np

from cctv.detectors.families.base import Family, Head, NetworkInfo, Outputs, listed_names, ranked
from cctv.detectors.letterbox import Letterbox
from cctv.detectors.model import Detections

NAME = "D-FINE"
_SIZES = "orig_target_sizes"


def head_of(info: NetworkInfo) -> Head | None:
    """Return the head of a network of this family."""
    if {tensor.name for tensor in info.outputs} != {"labels", "boxes", "scores"} or len(info.inputs) != 2:
        return None
    if _SIZES not in {tensor.name for tensor in info.inputs}:
        return None
    labels = listed_names(info, NAME)
    return Head(NAME, labels, partial(_decode, labels), constants={_SIZES: ((1, 1),)})


def _decode(labels: tuple[str, ...], outputs: Outputs, _: Letterbox) -> Detections:
    return ranked(outputs["boxes"], outputs["scores"], outputs["labels"].astype(np.int32), labels)


FAMILY = Family(NAME, "a second input orig_target_sizes and outputs labels, boxes and scores", head_of)
