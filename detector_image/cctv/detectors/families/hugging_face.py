"""RT-DETR and D-FINE as Hugging Face's optimum exports them.

Outputs `logits` (1, queries, classes) and `pred_boxes` (1, queries, 4), centre x, centre y, width and height in
fractions of the input. Frames are stretched. Other architectures use the same output names with another meaning (DETR
uses a softmax with a class for «no object»), so `config.json` is required: its `model_type` decides, and its
`id2label` names the classes. `preprocessor_config.json` says whether colours are normalised (transformers:
`post_process_object_detection` of RTDetrImageProcessor, models `rt_detr`, `rt_detr_v2`, `d_fine`).
"""

from functools import partial

import numpy as np

from cctv.detectors.errors import ModelInvalidError
from cctv.detectors.families.base import Family, Head, NetworkInfo, Outputs, listed_names, ranked_by_class
from cctv.detectors.letterbox import Letterbox
from cctv.detectors.model import Detections

NAME = "RT-DETR and D-FINE of Hugging Face"
_KNOWN_TYPES = ("d_fine", "rt_detr", "rt_detr_v2")


def head_of(info: NetworkInfo) -> Head | None:
    """Return the head of a network of this family."""
    logits, boxes, metadata = info.output("logits"), info.output("pred_boxes"), info.metadata
    if logits is None or boxes is None or len(logits.shape) != 3 or len(boxes.shape) != 3:
        return None
    if metadata.model_type not in _KNOWN_TYPES:
        found = repr(metadata.model_type) if metadata.model_type else "missing"
        raise ModelInvalidError(
            "with outputs logits and pred_boxes it needs the config.json of the same model beside it or in the"
            f" folder above, with a `model_type` of {', '.join(_KNOWN_TYPES)}; it is {found}"
        )
    labels = listed_names(info, NAME)
    if logits.shape[2] not in {-1, len(labels)}:
        raise ModelInvalidError(
            f"config.json names {len(labels)} classes, but the network has {logits.shape[2]} ({NAME})"
        )
    decode = partial(_decode, labels)
    if metadata.mean is None or metadata.std is None:
        return Head(NAME, labels, decode)
    return Head(NAME, labels, decode, mean=metadata.mean, std=metadata.std)


def _decode(labels: tuple[str, ...], outputs: Outputs, _: Letterbox) -> Detections:
    return ranked_by_class(outputs["pred_boxes"], outputs["logits"], np.arange(len(labels)), labels)


FAMILY = Family(NAME, "outputs logits (1, queries, classes) and pred_boxes (1, queries, 4)", head_of)
