"""Merge the detections of a frame into one observation per object."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cctv.common.overlap import overlap
from cctv.detectors.model import Detections
from vigil_contracts.geometry import Box
from vigil_contracts.names import AlertType

SAME_PLACE = 0.7
"""Above this intersection over union, boxes of different classes belong to the same object."""
PART_OVERLAP, PART_WITHIN = 0.45, 0.85
"""A box of the same alert type that lies this far within a stronger one, and is not much smaller, is the same object:
models detect a running person, or a car entering at the edge, both as a whole and in part."""


@dataclass(frozen=True, slots=True)
class Vote:
    """The confidence of one alert type in a frame, with its label."""

    confidence: float
    label: str


@dataclass(frozen=True, slots=True)
class Observation:
    """An object in one frame. `confidence` is that of its best class,
    selected or not; `votes` has the best class of each alert type. `claims` has a bit for each model that detected it
    and for each alert type in `votes`: two observations without a common bit are never the same object.
    """

    box: Box
    confidence: float
    label: str
    votes: dict[AlertType, Vote]
    claims: int = 1


_KIND_BITS = {kind: 1 << (16 + position) for position, kind in enumerate(AlertType)}
"""Bits above those of the models; a camera has few models."""


def observe(
    detections: Detections,
    labels: tuple[str, ...],
    kinds: dict[int, AlertType],
    weakest: float,
    owners: Sequence[int] = (),
) -> list[Observation]:
    """Merge a frame's detections (the most confident first); those below `weakest` are dropped.

    `owners` has the model number of each class; without it there is one model. If one model assigns two classes to
    the same place, only one is correct; two models may both be right, for example a person and the person's weapon.
    """
    claims = [
        (1 << (owners[class_id] if owners else 0)) | _KIND_BITS.get(kinds.get(class_id), 0)  # type: ignore[arg-type]
        for class_id in range(len(labels))
    ]
    rows = [row for row in range(len(detections)) if detections.confidences[row] >= weakest]
    observations: list[Observation] = []
    while rows:
        first, rest = rows[0], rows[1:]
        shares = overlap(detections.boxes[first], detections.boxes[rest])
        parts = _parts(detections.boxes[first], detections.boxes[rest], shares)
        claim = own = claims[int(detections.class_ids[first])]
        same = []
        for row, share, is_part in zip(rest, shares, parts, strict=True):
            theirs = claims[int(detections.class_ids[row])]
            if (share >= SAME_PLACE and theirs & claim) or (is_part and theirs == own):
                same.append(row)
                claim |= claims[int(detections.class_ids[row])]
        rows = [row for row in rest if row not in same]
        votes: dict[AlertType, Vote] = {}
        for row in [first, *same]:
            class_id = int(detections.class_ids[row])
            if class_id in kinds:
                votes.setdefault(kinds[class_id], Vote(float(detections.confidences[row]), labels[class_id]))
        observations.append(
            Observation(
                Box(*(float(value) for value in detections.boxes[first])),
                float(detections.confidences[first]),
                labels[int(detections.class_ids[first])],
                votes,
                claim,
            )
        )
    return observations


def _parts(box: npt.ArrayLike, boxes: npt.ArrayLike, shares: npt.NDArray[np.float32]) -> npt.NDArray[np.bool_]:
    """Return which of `boxes` (N, 4), with overlaps `shares`, contain `box` (4,) or lie within it: (N,)."""
    areas, own = _areas(np.asarray(boxes, np.float32)), _areas(np.asarray(box, np.float32))
    within = shares / (1 + shares) * (areas + own) / np.maximum(np.minimum(areas, own), 1e-9)
    return np.asarray((shares >= PART_OVERLAP) & (within >= PART_WITHIN), np.bool_)


def _areas(boxes: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    return np.asarray(np.prod(boxes[..., 2:] - boxes[..., :2], axis=-1), np.float32)
