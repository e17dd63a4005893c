"""One observation for each thing in a picture: what several classes say about the same place, put together."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cctv.common.overlap import overlap
from cctv.detectors.model import Detections
from vigil_contracts.geometry import Box
from vigil_contracts.names import AlertType

SAME_PLACE = 0.7
"""Intersection over union above which boxes of different classes are the same thing, which can be only one."""
PART_OVERLAP, PART_WITHIN = 0.45, 0.85
"""A box of the same alert type that lies so far within a stronger one, and is not much smaller, is no second thing:
models see somebody who runs, or a car that comes in at the edge, once as a whole and once in part."""


@dataclass(frozen=True, slots=True)
class Vote:
    """How strongly a picture speaks for an alert type, and under which label."""

    confidence: float
    label: str


@dataclass(frozen=True, slots=True)
class Observation:
    """A thing in one picture. `confidence` is of its best class,
    looked for or not; `votes` holds the best class of each alert type. `claims` has a bit for each model that saw it
    and for each alert type that is voted for: two observations that share none are never the same thing.
    """

    box: Box
    confidence: float
    label: str
    votes: dict[AlertType, Vote]
    claims: int = 1


_KIND_BITS = {kind: 1 << (16 + position) for position, kind in enumerate(AlertType)}
"""Above the models' bits, of which a camera has few."""


def observe(
    detections: Detections,
    labels: tuple[str, ...],
    kinds: dict[int, AlertType],
    weakest: float,
    owners: Sequence[int] = (),
) -> list[Observation]:
    """Puts a picture's detections (the most confident first) together; those below `weakest` are left out.

    `owners` has the number of the model that each class belongs to; none: there is one model. A model that calls one
    place two things means one of them; two models may both be right: a person, and the person's weapon.
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
    """Which of `boxes` (N, 4), with those intersections over union, lie within `box` (4,) or it within them: (N,)."""
    areas, own = _areas(np.asarray(boxes, np.float32)), _areas(np.asarray(box, np.float32))
    within = shares / (1 + shares) * (areas + own) / np.maximum(np.minimum(areas, own), 1e-9)
    return np.asarray((shares >= PART_OVERLAP) & (within >= PART_WITHIN), np.bool_)


def _areas(boxes: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    return np.asarray(np.prod(boxes[..., 2:] - boxes[..., :2], axis=-1), np.float32)
