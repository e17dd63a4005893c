"""Follows objects from picture to picture, so that one object is one thing and not one per frame.

The association is ByteTrack's (Zhang et al. 2022), from Roboflow's `trackers`, which measures with timestamps: weak
detections keep a known object alive, only strong ones start a new one. Classes play no part in it: a car that a
model calls a truck for two frames is still that car.
"""

import uuid
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from cctv.observations import Observation
from vigil_contracts.names import AlertType

TRACK_SCALE = 1000.0
"""ByteTrack's noise is meant for pixels: boxes in fractions are tracked as if pictures were this large."""
LOST_AFTER_SECONDS = 5.0
SCORES_KEPT = 10


@dataclass(slots=True)
class TrackedObject:
    """Something that has been followed through several pictures."""

    name: str
    """Unique over all detectors and restarts."""
    first_seen_seconds: float
    last_seen_seconds: float
    first: Observation
    last: Observation
    looks: int = 0
    """Pictures that a model saw it in."""
    scores: deque[float] = field(default_factory=lambda: deque(maxlen=SCORES_KEPT))
    """The model's confidence in each of the last looks, whichever class it named."""
    evidence: dict[AlertType, list[float]] = field(default_factory=dict)
    """For each alert type the confidences of the looks that spoke for it, the strongest first, at most ten."""
    support: dict[AlertType, dict[str, float]] = field(default_factory=dict)
    """For each alert type and label, the sum of the confidences that spoke for it."""

    def look(self, observation: Observation, seconds: float) -> None:
        """Takes in what the model saw."""
        self.looks += 1
        self.last = observation
        self.last_seen_seconds = seconds
        self.scores.append(observation.confidence)
        for kind, vote in observation.votes.items():
            known = self.evidence.get(kind, [])
            self.evidence[kind] = sorted([*known, vote.confidence], reverse=True)[:SCORES_KEPT]
            support = self.support.setdefault(kind, {})
            support[vote.label] = support.get(vote.label, 0.0) + vote.confidence

    @property
    def kind(self) -> AlertType | None:
        """The alert type that most spoke for, among those that are looked for."""
        if not self.support:
            return None
        return max(self.support, key=lambda kind: sum(self.support[kind].values()))

    @property
    def label(self) -> str:
        """The label that most spoke for, of the object's alert type; else what it was last called."""
        votes = self.support[self.kind] if self.kind else {}
        return max(votes, key=lambda label: votes[label]) if votes else self.last.label


class ObjectTracker:
    """The objects of one camera. Times rise from call to call; gaps and jitter are fine."""

    def __init__(self, frames_per_second: float, strong_confidence: float) -> None:
        self._tracker = _byte_track()(
            lost_track_buffer=round(LOST_AFTER_SECONDS * 30),  # counted in frames of 1/30 s, whatever the rate
            frame_rate=frames_per_second,
            track_activation_threshold=strong_confidence,
            high_conf_det_threshold=strong_confidence,
            minimum_consecutive_frames=1,
            minimum_iou_threshold=0.1,
        )
        self._objects: dict[int, TrackedObject] = {}

    @property
    def objects(self) -> list[TrackedObject]:
        """All that are in view, or were until a moment ago."""
        return list(self._objects.values())

    def in_view(self, seconds: float) -> list[TrackedObject]:
        """Those that were seen, or carried on, at this time."""
        return [thing for thing in self._objects.values() if thing.last_seen_seconds == seconds]

    def update(self, observations: Sequence[Observation], seconds: float) -> list[TrackedObject]:
        """Takes one picture's observations and returns the objects seen in it."""
        boxes = np.array([seen.box for seen in observations], np.float32)
        confidences = np.array([seen.confidence for seen in observations], np.float32)
        found = []
        for row, tracker_id in self._associate(boxes, confidences, seconds):
            observation = observations[row]
            thing = self._objects.get(tracker_id)
            if thing is None:
                thing = TrackedObject(new_track_name(), seconds, seconds, observation, observation)
                self._objects[tracker_id] = thing
            thing.look(observation, seconds)
            found.append(thing)
        self._forget()
        return found

    def carry(self, seconds: float) -> None:
        """Nothing moved since the last picture: all that was in it is where it was."""
        newest = max((thing.last_seen_seconds for thing in self._objects.values()), default=seconds)
        present = [thing for thing in self._objects.values() if thing.last_seen_seconds == newest]
        if not present:
            return
        boxes = np.array([thing.last.box for thing in present], np.float32)
        for row, tracker_id in self._associate(boxes, np.ones(len(present), np.float32), seconds):
            thing = self._objects.get(tracker_id, present[row])
            thing.last = replace(thing.last, box=present[row].last.box)
            thing.last_seen_seconds = seconds
        self._forget()

    def _associate(
        self, boxes: npt.NDArray[np.float32], confidences: npt.NDArray[np.float32], seconds: float
    ) -> list[tuple[int, int]]:
        """Rows of `boxes` with the track that each belongs to."""
        result = self._tracker.update(_supervision_detections(boxes, confidences), timestamp=seconds)
        if not len(result):
            return []
        return [
            (int(row), int(track))
            for row, track in zip(result.data["row"], result.tracker_id, strict=True)
            if int(track) >= 0
        ]

    def _forget(self) -> None:
        alive = {int(track.tracker_id) for track in self._tracker.tracks}
        for tracker_id in [known for known in self._objects if known not in alive]:
            del self._objects[tracker_id]


def new_track_name() -> str:
    """A name for an object that no other detector gives."""
    return uuid.uuid4().hex[:12]


@cache
def _byte_track() -> Any:
    """Imported when there is something to track: the library brings SciPy, 60 MB and two seconds."""
    from trackers import ByteTrackTracker

    return ByteTrackTracker


def _supervision_detections(boxes: npt.NDArray[np.float32], confidences: npt.NDArray[np.float32]) -> Any:
    from supervision import Detections

    rows = np.arange(len(confidences))
    return Detections(xyxy=boxes.reshape(-1, 4) * TRACK_SCALE, confidence=confidences, data={"row": rows})
