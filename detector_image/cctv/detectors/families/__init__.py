"""The families of detection networks that Vigil can run. A new family is one file and one entry here."""

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
"""Tried in this order; the first family that recognises the network is used."""


def recognise(info: NetworkInfo) -> Head:
    """Return the head of a network, recognised by its inputs and outputs. Raises `ModelInvalidError`."""
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
