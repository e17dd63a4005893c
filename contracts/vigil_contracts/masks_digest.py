"""Name the privacy masks with which a frame was taken, so that frames of other masks can be told apart. Pure."""

import hashlib
import json

LENGTH = 16
HEADER = "X-Privacy-Masks"
"""The header of a live frame that carries the digest."""


def masks_digest(masks: object) -> str:
    """Return `LENGTH` hexadecimal digits that change with the masks; empty without masks.

    `masks`: as `Detection.privacy_masks`, or as stored in JSON: polygons of points (x, y). Others give a digest that
    no frame has.
    """
    if not masks:
        return ""
    try:
        points = [[[float(x), float(y)] for x, y in polygon] for polygon in masks]  # type: ignore[attr-defined]
    except (TypeError, ValueError):
        return "-" * LENGTH
    return hashlib.sha256(json.dumps(points).encode()).hexdigest()[:LENGTH]
