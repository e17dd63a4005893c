"""Which box of a picture belongs to which known object: ByteTrack (Zhang et al. 2022, arXiv 2110.06864).

Strong detections are matched with all tracks first, weak ones with what is left over; only strong ones begin a track.
Positions are foretold by a Kalman filter of constant velocity that measures with time, so that gaps and jitter do no
harm. Written here rather than taken from a tracking library because those bring SciPy: 58 MB and two seconds in each
detector, for one assignment. That assignment is `lap`'s (Jonker and Volgenant 1987).
"""

from dataclasses import dataclass, field

import lap
import numpy as np
import numpy.typing as npt

from cctv.observations import overlaps

Boxes = npt.NDArray[np.float32]

SMALLEST_OVERLAP = 0.1
"""Intersection over union below which a box is not the foretold one."""
TENTATIVE_MISSES = 1
"""Pictures in which a track that was seen only once may be missing."""
MEASUREMENT_VARIANCE = 1e-7
DRIFT_VARIANCE = 1e-8
"""Of positions (in fractions of the picture) and of velocities, for each frame interval; a thousandth of the picture
is the unit in which both are 0.1 and 0.01."""
INITIAL_VARIANCE = 1e-6


class Motion:
    """A box's four edges, each moving at a constant speed of its own. Their uncertainty is the same, so that one 2×2
    covariance serves all four. Time is in frame intervals.
    """

    def __init__(self, box: Boxes) -> None:
        self._state = np.vstack([box, np.zeros(4)])  # positions, velocities
        self._covariance = np.eye(2) * INITIAL_VARIANCE

    @property
    def box(self) -> npt.NDArray[np.float64]:
        """Where it is thought to be: x_min, y_min, x_max, y_max."""
        return np.asarray(self._state[0], np.float64)

    def predict(self, intervals: float) -> None:
        """Time passes."""
        forward = np.array([[1.0, intervals], [0.0, 1.0]])
        self._state = forward @ self._state
        self._covariance = forward @ self._covariance @ forward.T + np.eye(2) * DRIFT_VARIANCE * intervals

    def correct(self, box: Boxes) -> None:
        """It was seen at `box`."""
        gain = self._covariance[:, 0] / (self._covariance[0, 0] + MEASUREMENT_VARIANCE)
        self._state = self._state + np.outer(gain, box - self._state[0])
        self._covariance = self._covariance - np.outer(gain, self._covariance[0])


@dataclass(slots=True)
class _Track:
    motion: Motion
    seen_seconds: float
    claims: int
    number: int = -1
    """Given with the second look: a box that is seen once is nobody."""
    misses: int = field(default=0)


class ByteTrack:
    """The tracks of one camera. Times rise from call to call."""

    def __init__(self, frames_per_second: float, strong_confidence: float, lost_after_seconds: float) -> None:
        self._frames_per_second, self._strong = frames_per_second, strong_confidence
        self._lost_after_seconds = lost_after_seconds
        self._tracks: list[_Track] = []
        self._numbers = 0
        self._seconds: float | None = None

    @property
    def numbers(self) -> set[int]:
        """Those of the tracks that are still followed."""
        return {track.number for track in self._tracks if track.number >= 0}

    def update(
        self,
        boxes: Boxes,
        confidences: npt.NDArray[np.float32],
        seconds: float,
        claims: npt.NDArray[np.int64] | None = None,
    ) -> list[tuple[int, int]]:
        """Takes a picture's boxes (N, 4), in fractions, with confidences (N,): rows with their tracks' numbers.

        `claims` (N,) are bits: a box and a track that share none are never matched. None: all share one.
        """
        claims = claims if claims is not None else np.ones(len(boxes), np.int64)
        self._pass_time(seconds)
        strong = np.flatnonzero(confidences >= self._strong)
        weak = np.flatnonzero(confidences < self._strong)
        found, unmatched, new = self._match(self._tracks, boxes, strong, claims)
        found_weakly, _, _ = self._match(unmatched, boxes, weak, claims)
        answer = []
        for row, track in [*found, *found_weakly]:
            if track.number < 0:
                track.number, self._numbers = self._numbers, self._numbers + 1
            track.motion.correct(boxes[row])
            track.seen_seconds, track.misses, track.claims = seconds, 0, int(claims[row])
            answer.append((row, track.number))
        self._tracks += [_Track(Motion(boxes[row]), seconds, int(claims[row])) for row in new]
        self._tracks = [track for track in self._tracks if self._is_alive(track, seconds)]
        return answer

    def _pass_time(self, seconds: float) -> None:
        passed = max(0.0, seconds - (self._seconds if self._seconds is not None else seconds))
        self._seconds = seconds
        for track in self._tracks:
            track.motion.predict(passed * self._frames_per_second)
            track.misses += 1
        self._tracks = [track for track in self._tracks if seconds - track.seen_seconds <= self._lost_after_seconds]

    def _match(
        self, tracks: list[_Track], boxes: Boxes, rows: npt.NDArray[np.intp], claims: npt.NDArray[np.int64]
    ) -> tuple[list[tuple[int, _Track]], list[_Track], list[int]]:
        """Pairs of row and track, the tracks left over, the rows left over."""
        if not tracks or not len(rows):
            return [], tracks, [int(row) for row in rows]
        foretold = np.array([track.motion.box for track in tracks])
        costs = 1.0 - overlaps(foretold, boxes[rows]).astype(np.float64)
        shared = np.array([track.claims for track in tracks])[:, None] & claims[rows][None]
        costs[shared == 0] = 1.0
        _, columns, owners = lap.lapjv(costs, extend_cost=True, cost_limit=1.0 - SMALLEST_OVERLAP)
        pairs = [(int(rows[column]), track) for track, column in zip(tracks, columns, strict=True) if column >= 0]
        left = [track for track, column in zip(tracks, columns, strict=True) if column < 0]
        return pairs, left, [int(row) for row, owner in zip(rows, owners, strict=True) if owner < 0]

    def _is_alive(self, track: _Track, seconds: float) -> bool:
        return track.number >= 0 or track.seen_seconds == seconds or track.misses <= TENTATIVE_MISSES
