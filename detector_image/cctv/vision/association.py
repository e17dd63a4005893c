"""Assign the boxes of a frame to tracks with ByteTrack (Zhang et al. 2022, arXiv 2110.06864).

Uses the implementation of `trackforge`. Weak detections continue a track, only strong ones start one. Detections of
different models are different objects: each model's boxes have their own tracker.
"""

import numpy as np
import numpy.typing as npt
from trackforge import BYTETRACK

Boxes = npt.NDArray[np.float32]

TRACK_SCALE = 1000.0
"""ByteTrack's noise parameters are in pixels: boxes in fractions are scaled to a frame of this size."""
SMALLEST_OVERLAP = 0.1
"""Below this intersection over union, a box does not match the predicted box of a track."""
LEAP_INTERVALS = 2.5
"""The tracker counts frames, not seconds. Jitter, or a model that takes every second frame, is one step. After a
longer gap the tracker also receives the missing frames, so that its predictions stay correct."""


class ByteTrack:
    """The tracks of one camera. Times must increase from call to call."""

    def __init__(self, frames_per_second: float, strong_confidence: float, lost_after_seconds: float) -> None:
        self._frames_per_second, self._strong_confidence = frames_per_second, strong_confidence
        self._lost_after_seconds = lost_after_seconds
        self._models: dict[int, _ModelTracks] = {}
        self._numbers: dict[tuple[int, int], int] = {}
        self._given = 0

    @property
    def numbers(self) -> set[int]:
        """The numbers of the active tracks."""
        return set(self._numbers.values())

    def update(
        self,
        boxes: Boxes,
        confidences: npt.NDArray[np.float32],
        seconds: float,
        claims: npt.NDArray[np.int64] | None = None,
    ) -> list[tuple[int, int]]:
        """Take a frame's boxes (N, 4), in fractions, with confidences (N,); return row indices with track numbers.

        The lowest set bit of each of `claims` (N,) identifies the first model that detects it. None: one model only.
        """
        models = claims & -claims if claims is not None else np.ones(len(boxes), np.int64)
        answer: list[tuple[int, int]] = []
        for model in sorted({*self._models, *(int(bit) for bit in models)} or {1}):
            tracks = self._models.get(model)
            if tracks is None:
                tracks = self._models[model] = self._new_tracks()
            rows = np.flatnonzero(models == model)
            for row, track in tracks.update(boxes[rows], confidences[rows], seconds):
                answer.append((int(rows[row]), self._number(model, track)))
        followed = {(model, track) for model, tracks in self._models.items() for track in tracks.followed_tracks}
        self._numbers = {key: number for key, number in self._numbers.items() if key in followed}
        return answer

    def _new_tracks(self) -> "_ModelTracks":
        return _ModelTracks(self._frames_per_second, self._strong_confidence, self._lost_after_seconds)

    def _number(self, model: int, track: int) -> int:
        if (model, track) not in self._numbers:
            self._numbers[model, track] = self._given
            self._given += 1
        return self._numbers[model, track]


class _ModelTracks:
    """The tracks of one model's detections."""

    def __init__(self, frames_per_second: float, strong_confidence: float, lost_after_seconds: float) -> None:
        self._interval_seconds, self._lost_after_seconds = 1.0 / frames_per_second, lost_after_seconds
        self._longest_steps = round(lost_after_seconds * frames_per_second)
        self._tracker = BYTETRACK(
            track_thresh=strong_confidence,
            det_thresh=strong_confidence,
            track_buffer=self._longest_steps,
            match_thresh=1.0 - SMALLEST_OVERLAP,
            second_match_thresh=1.0 - SMALLEST_OVERLAP,
        )
        self._updated_seconds: float | None = None
        self._new: set[int] = set()
        """Tracks that started in the last frame; they are dropped unless the next frame confirms them."""
        self._seen_seconds: dict[int, float] = {}

    @property
    def followed_tracks(self) -> set[int]:
        """Return the tracks that were detected in two consecutive frames, and recently."""
        return set(self._seen_seconds)

    def update(self, boxes: Boxes, confidences: npt.NDArray[np.float32], seconds: float) -> list[tuple[int, int]]:
        """Return row indices of (N, 4) boxes with the tracks that they belong to."""
        missing = self._missing_frames(seconds)
        for _ in range(missing):
            self._tracker.update([])
        matched = {
            track: row for track, _, _, _, row in self._tracker.update(_tlwh(boxes, confidences)) if row is not None
        }
        confirmed = {track for track in matched if track in self._seen_seconds or track in self._new}
        self._new = set(matched) - confirmed
        self._updated_seconds = seconds
        self._seen_seconds.update(dict.fromkeys(confirmed, seconds))
        oldest = seconds - self._lost_after_seconds
        self._seen_seconds = {track: seen for track, seen in self._seen_seconds.items() if seen >= oldest}
        return [(matched[track], track) for track in sorted(confirmed)]

    def _missing_frames(self, seconds: float) -> int:
        if self._updated_seconds is None:
            return 0
        intervals = (seconds - self._updated_seconds) / self._interval_seconds
        return 0 if intervals < LEAP_INTERVALS else min(round(intervals) - 1, self._longest_steps + 1)


def _tlwh(boxes: Boxes, confidences: npt.NDArray[np.float32]) -> list[tuple[list[float], float, int]]:
    """Convert to the library's format: ([left, top, width, height], confidence, class)."""
    scaled = boxes.reshape(-1, 4) * TRACK_SCALE
    scaled[:, 2:] -= scaled[:, :2]
    return [(box, confidence, 0) for box, confidence in zip(scaled.tolist(), confidences.tolist(), strict=True)]
