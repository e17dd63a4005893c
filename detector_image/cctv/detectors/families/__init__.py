"""The families of detection networks that Vigil can run, one file each. A new family is a file and a row here."""

from cctv.detectors.errors import ModelInvalidError
from cctv.detectors.families import d_fine, hugging_face, rf_detr, rt_detr, yolo, yolo_end_to_end
from cctv.detectors.families.base import Family, Head, NetworkInfo

FAMILIES: tuple[Family, ...] = (
    d_fine.FAMILY,
    rf_detr.FAMILY,
    hugging_face.FAMILY,
    rt_detr.FAMILY,
    yolo_end_to_end.FAMILY,
    yolo.FAMILY,
)
"""Asked in this order; the first that knows the network takes it."""


def recognise(info: NetworkInfo) -> Head:
    """Return how to feed and read a network, by its inputs and outputs. Raises `ModelInvalidError`."""
    for family in FAMILIES:
        head = family.head_of(info)
        if head is not None:
            return head
    inputs = ", ".join(map(str, info.inputs))
    outputs = ", ".join(map(str, info.outputs))
    known = "; ".join(f"{family.name}: {family.outputs}" for family in FAMILIES)
    raise ModelInvalidError(
        f"not a detection model of a known family: its inputs are {inputs}, its outputs {outputs}; known are {known}"
    )
