"""Which box of a picture belongs to which known object: ByteTrack (Zhang et al. 2022, arXiv 2110.06864).

It is Roboflow's, from `trackers`, which measures with timestamps. Weak detections keep a known object alive, only
strong ones start a new one. What two models see are different things: each model's boxes have a tracker of their own.
"""

from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

Boxes = npt.NDArray[np.float32]

TRACK_SCALE = 1000.0
"""ByteTrack's noise is meant for pixels: boxes in fractions are tracked as if pictures were this large."""
SMALLEST_OVERLAP = 0.1
"""Intersection over union below which a box is not the foretold one."""


class ByteTrack:
    """The tracks of one camera. Times rise from call to call."""

    def __init__(self, frames_per_second: float, strong_confidence: float, lost_after_seconds: float) -> None:
        self._options = {
            "lost_track_buffer": round(lost_after_seconds * 30),  # counted in frames of 1/30 s, whatever the rate
            "frame_rate": frames_per_second,
            "track_activation_threshold": strong_confidence,
            "high_conf_det_threshold": strong_confidence,
            "minimum_consecutive_frames": 1,
            "minimum_iou_threshold": SMALLEST_OVERLAP,
        }
        self._trackers: dict[int, Any] = {}
        self._numbers: dict[tuple[int, int], int] = {}

    @property
    def numbers(self) -> set[int]:
        """Those of the tracks that are still followed."""
        followed = {
            (model, int(track.tracker_id)) for model, tracker in self._trackers.items() for track in tracker.tracks
        }
        return {number for key, number in self._numbers.items() if key in followed}

    def update(
        self,
        boxes: Boxes,
        confidences: npt.NDArray[np.float32],
        seconds: float,
        claims: npt.NDArray[np.int64] | None = None,
    ) -> list[tuple[int, int]]:
        """Takes a picture's boxes (N, 4), in fractions, with confidences (N,): rows with their tracks' numbers.

        The lowest bit of each of `claims` (N,) is that of the first model that sees it. None: there is one model.
        """
        models = claims & -claims if claims is not None else np.ones(len(boxes), np.int64)
        answer: list[tuple[int, int]] = []
        for model in sorted({*self._trackers, *(int(bit) for bit in models)} or {1}):
            rows = np.flatnonzero(models == model)
            answer += self._update_one(model, boxes[rows], confidences[rows], seconds, rows)
        followed = self.numbers
        self._numbers = {key: number for key, number in self._numbers.items() if number in followed}
        return answer

    def _update_one(
        self,
        model: int,
        boxes: Boxes,
        confidences: npt.NDArray[np.float32],
        seconds: float,
        rows: npt.NDArray[np.intp],
    ) -> list[tuple[int, int]]:
        if model not in self._trackers:
            self._trackers[model] = _tracker_class()(**self._options)
        seen = _supervision_detections(boxes, confidences, rows)
        result = self._trackers[model].update(seen, timestamp=seconds)
        if not len(result):
            return []
        return [
            (int(row), self._number(model, int(track)))
            for row, track in zip(result.data["row"], result.tracker_id, strict=True)
            if int(track) >= 0
        ]

    def _number(self, model: int, tracker_id: int) -> int:
        return self._numbers.setdefault((model, tracker_id), max(self._numbers.values(), default=-1) + 1)


@cache
def _tracker_class() -> Any:
    """Imported when there is something to track: the library brings SciPy, 60 MB and two seconds."""
    from trackers import ByteTrackTracker

    return ByteTrackTracker


def _supervision_detections(boxes: Boxes, confidences: npt.NDArray[np.float32], rows: npt.NDArray[np.intp]) -> Any:
    from supervision import Detections

    return Detections(xyxy=boxes.reshape(-1, 4) * TRACK_SCALE, confidence=confidences, data={"row": rows})
