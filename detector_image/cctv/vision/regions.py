"""Choose the parts of a frame that the model analyses, and merge what it finds in them.

A network sees about 640 pixels. In a 1080p frame that is scaled to them, too little is left of a person who is far
away. The motion gate and the tracker know where something happens: the model sees these parts in more detail, at the
price of one inference for each. The whole frame is analysed at the beginning, now and then, and if much of it moves.

Pure: sizes are in fractions of the frame, times come from the frames.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import reduce
from itertools import combinations

import numpy as np
import numpy.typing as npt

from cctv.common.frame import WHOLE
from cctv.common.overlap import overlap
from cctv.detectors.model import Detections
from vigil_contracts.geometry import Box

WHOLE_FRAME_SCALE, WHOLE_FRAME_PX = 1.5, 960
"""Frames up to this many times the network's input, or up to this many pixels, are always analysed whole. Measured by
their longer sides."""
LARGEST_ZOOM = 3.0
"""A region is enlarged by at most this factor: a blurred object does not become clearer."""
MARGIN = 1.6
"""A region is at least this many times as wide and as high as what moves in it."""
LARGEST_REGION = 0.7
"""Above this fraction of the frame's width, a region shows hardly more detail than the whole frame."""
JOINED_GROWTH = 1.5
"""Two regions become one if it is larger than both by at most this factor."""
MOST_REGIONS = 3
"""In one frame, to limit the work. With more places, neighbours share a region and get less detail."""
MOST_GROUPS = 12
"""With more places that are far apart, much of the frame moves, and it is analysed whole."""
WHOLE_SECONDS = 10.0
"""Interval between inferences on the whole frame while something moves."""
WIDER_SECONDS = 1.0
"""An object that a region's border has cut off gets a larger region for this long, so that it becomes a known one."""
SMALL = 0.15
"""Objects below this fraction of the frame's height are hard to recognise in the whole frame."""
CUT = 0.03
"""A box within this fraction of a region's border, which is not the frame's border, is probably cut off by it."""
EDGE = 0.005
"""A region's border this close to the frame's border is that border: regions end at even pixels."""
COVERED = 0.9
"""An object was analysed if this fraction of its box lies within one region."""
EXPLAINED = 0.6
"""A box that was cut off belongs to a known object if this fraction of it lies within that object's box."""
SAME_OBJECT, SAME_PART = 0.6, 0.7
"""Boxes of one class in two regions are the same object above this intersection over union, or above this fraction of
the smaller box."""


@dataclass(frozen=True, slots=True)
class Found:
    """The detections of a frame in fractions of the frame, and the boxes that a region's border cut off."""

    detections: Detections
    cut: tuple[Box, ...] = ()


class RegionPlanner:
    """The regions of one camera's frames. Times must increase from call to call."""

    def __init__(self, input_size: tuple[int, int]) -> None:
        self._input_side = max(input_size)
        self._whole_seconds = float("-inf")
        self._wider: list[Box] = []
        self._wider_until_seconds = float("-inf")

    def plan(
        self, frame_size: tuple[int, int], places: Sequence[Box], still: Sequence[Box], seconds: float
    ) -> tuple[Box, ...]:
        """Return the regions to analyse; `WHOLE` for the whole frame.

        `frame_size`: width and height in pixels. `places`: where something moves, and where objects are that need a
        closer look. `still`: boxes of further objects, which do not move.
        """
        side = max(frame_size)
        if seconds > self._wider_until_seconds:
            self._wider = []
        interests = [*places, *self._wider]
        if side <= max(WHOLE_FRAME_SCALE * self._input_side, WHOLE_FRAME_PX):
            return (WHOLE,)
        is_due = seconds - self._whole_seconds >= WHOLE_SECONDS or not interests
        if is_due:
            self._whole_seconds = seconds
        interests += [
            box
            for box in still
            if any(_touches(box, place) for place in interests) or (is_due and box.height < SMALL)
        ]
        regions = _regions(interests, self._input_side / LARGEST_ZOOM / side)
        detailed = tuple(region for region in regions if region.width <= LARGEST_REGION)
        return detailed if detailed == tuple(regions) and not is_due else (WHOLE, *detailed)

    def note(self, cut: Iterable[Box], known: Sequence[Box], seconds: float) -> int:
        """Record the boxes that borders cut off; return how many need a larger region in the next frames.

        `known`: boxes of objects that are known already, which explain those that were cut off.
        """
        unknown = [_grown(box) for box in cut if not any(_explains(box, other) for other in known)]
        if unknown:
            others = [box for box in self._wider if not any(_touches(box, one) for one in unknown)]
            self._wider = [*others, *unknown]
            self._wider_until_seconds = seconds + WIDER_SECONDS
        return len(unknown)


def merge(regions: Sequence[Box], answers: Sequence[Detections]) -> Found:
    """Return the detections of all regions: each object once, boxes that a border cut off separately."""
    if list(regions) == [WHOLE]:
        return Found(answers[0])
    boxes, confidences, class_ids, owners, cut = [], [], [], [], []
    for number, (region, answer) in enumerate(zip(regions, answers, strict=True)):
        placed, is_cut = _placed(answer.boxes, region), _is_cut(answer.boxes, region)
        cut += [Box(*(float(value) for value in box)) for box in placed[is_cut]]
        boxes.append(placed[~is_cut])
        confidences.append(answer.confidences[~is_cut])
        class_ids.append(answer.class_ids[~is_cut])
        owners.append(np.full(int((~is_cut).sum()), number))
    order = np.argsort(-np.concatenate(confidences), kind="stable")
    every = np.concatenate(boxes)[order]
    kinds, sources = np.concatenate(class_ids)[order], np.concatenate(owners)[order]
    kept = _without_duplicates(every, kinds, sources)
    found = Detections(every[kept], np.concatenate(confidences)[order][kept], kinds[kept])
    return Found(found, tuple(box for box in cut if not any(_explains(box, Box(*other)) for other in found.boxes)))


def is_covered(box: Box, regions: Sequence[Box]) -> bool:
    """Return whether one of the regions shows the object with this box."""
    return any(region.intersection(box) >= COVERED * box.area for region in regions)


def _regions(boxes: Sequence[Box], smallest: float) -> list[Box]:
    """Return regions around all boxes: as few and as small as possible."""
    groups: list[Box] = []
    for box in boxes:
        near = next((one for one in groups if _may_share(one, box, smallest)), None)
        if near is not None:
            groups.remove(near)
        groups.append(box if near is None else _union(near, box))
    if len(groups) > MOST_GROUPS:
        groups = [reduce(_union, groups)]
    while pair := _nearest_pair(groups, smallest):
        groups = [box for box in groups if box not in pair] + [_union(*pair)]
    return [_around(box, smallest) for box in groups]


def _nearest_pair(groups: Sequence[Box], smallest: float) -> tuple[Box, Box] | None:
    """Return the two groups that should share a region, those with the smallest one first."""
    pairs = list(combinations(groups, 2))
    if len(groups) <= MOST_REGIONS:
        pairs = [pair for pair in pairs if _may_share(*pair, smallest)]
    return min(pairs, key=lambda pair: _side(_union(*pair), smallest), default=None)


def _may_share(one: Box, other: Box, smallest: float) -> bool:
    """Return whether a common region shows about as much detail as two regions.

    What moves within an object's box belongs to it. Beside a large object, a small one keeps its own region.
    """
    sides = _side(one, smallest), _side(other, smallest)
    most = max(sides) if _touches(one, other) else min(sides)
    return _side(_union(one, other), smallest) <= JOINED_GROWTH * most


def _side(box: Box, smallest: float) -> float:
    return min(1.0, max(smallest, MARGIN * box.width, MARGIN * box.height))


def _around(box: Box, smallest: float) -> Box:
    """Return the region around a box: of the frame's shape, and within the frame."""
    side = _side(box, smallest)
    left, top = (min(max(0.0, middle - side / 2), 1.0 - side) for middle in box.centre)
    return Box(left, top, left + side, top + side)


def _union(one: Box, other: Box) -> Box:
    return Box(
        min(one.x_min, other.x_min),
        min(one.y_min, other.y_min),
        max(one.x_max, other.x_max),
        max(one.y_max, other.y_max),
    )


def _grown(box: Box) -> Box:
    """Return the box with half of its size more at each side, within the frame."""
    wide, high = box.width / 2, box.height / 2
    return Box(
        max(0.0, box.x_min - wide), max(0.0, box.y_min - high), min(1.0, box.x_max + wide), min(1.0, box.y_max + high)
    )


def _touches(one: Box, other: Box) -> bool:
    return one.intersection(other) > 0


def _explains(cut: Box, known: Box) -> bool:
    return known.intersection(cut) >= EXPLAINED * cut.area


def _placed(boxes: npt.NDArray[np.float32], region: Box) -> npt.NDArray[np.float32]:
    """Convert (N, 4) boxes from fractions of the region to fractions of the frame."""
    scale = np.array([region.width, region.height] * 2, np.float32)
    return np.asarray(boxes * scale + np.array([region.x_min, region.y_min] * 2, np.float32), np.float32)


def _is_cut(boxes: npt.NDArray[np.float32], region: Box) -> npt.NDArray[np.bool_]:
    """Return which of (N, 4) boxes, in fractions of the region, touch a border that is not the frame's: (N,)."""
    least, most = EDGE, 1.0 - EDGE
    is_inner = np.array([region.x_min > least, region.y_min > least, region.x_max < most, region.y_max < most])
    touches = np.hstack([boxes[:, :2] <= CUT, boxes[:, 2:] >= 1.0 - CUT])
    return np.asarray((touches & is_inner).any(axis=1), np.bool_)


def _without_duplicates(
    boxes: npt.NDArray[np.float32], class_ids: npt.NDArray[np.int32], sources: npt.NDArray[np.intp]
) -> list[int]:
    """Return the rows to keep of boxes (N, 4), the most confident first; a region has no duplicates of its own."""
    kept: list[int] = []
    for row in range(len(boxes)):
        rivals = [one for one in kept if class_ids[one] == class_ids[row] and sources[one] != sources[row]]
        if not rivals:
            kept.append(row)
            continue
        shares = overlap(boxes[row], boxes[rivals])
        own = float(np.prod(boxes[row, 2:] - boxes[row, :2]))
        others = np.prod(boxes[rivals, 2:] - boxes[rivals, :2], axis=1)
        parts = shares / (1 + shares) * (own + others) / np.maximum(np.minimum(own, others), 1e-9)
        if not ((shares >= SAME_OBJECT) | (parts >= SAME_PART)).any():
            kept.append(row)
    return kept
