"""Follows objects from picture to picture, so that one object is one thing and not one per frame.

The association is ByteTrack's (`cctv.vision.association`): weak detections keep a known object alive, only strong
ones start a new one. Classes play no part in it: a car that a model calls a truck for two frames is still that car.
"""

import uuid
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from cctv.vision.association import ByteTrack
from cctv.vision.observations import Observation
from vigil_contracts.names import AlertType

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
        self._tracker = ByteTrack(frames_per_second, strong_confidence, LOST_AFTER_SECONDS)
        self._objects: dict[int, TrackedObject] = {}
        self._present: list[TrackedObject] = []
        """What was in the last picture that was looked at."""

    @property
    def objects(self) -> list[TrackedObject]:
        """All that are in view, or were until a moment ago."""
        return list(self._objects.values())

    def in_view(self, seconds: float) -> list[TrackedObject]:
        """Those that were seen, or carried on, at this time."""
        return [thing for thing in self._objects.values() if thing.last_seen_seconds == seconds]

    def update(self, observations: Sequence[Observation], seconds: float) -> list[TrackedObject]:
        """Takes one picture's observations and returns the objects seen in it."""
        boxes = np.array([seen.box for seen in observations], np.float32).reshape(-1, 4)
        confidences = np.array([seen.confidence for seen in observations], np.float32)
        found = []
        for row, tracker_id in self._tracker.update(boxes, confidences, seconds, _claims(observations)):
            observation = observations[row]
            thing = self._objects.get(tracker_id)
            if thing is None:
                thing = TrackedObject(new_track_name(), seconds, seconds, observation, observation)
                self._objects[tracker_id] = thing
            thing.look(observation, seconds)
            found.append(thing)
        self._present = list(found)
        self._forget()
        return found

    def carry(self, seconds: float) -> None:
        """Nothing moved since the last look: all that was seen in it is where it was, and nothing else is."""
        present = self._present
        if not present:
            return
        boxes = np.array([thing.last.box for thing in present], np.float32)
        certain, claims = np.ones(len(present), np.float32), _claims([thing.last for thing in present])
        self._tracker.update(boxes, certain, seconds, claims)
        for thing in present:  # who has just stopped is not where the tracker foretells, and is in view all the same
            thing.last_seen_seconds = seconds
        self._forget()

    def _forget(self) -> None:
        alive = self._tracker.numbers
        for tracker_id in [known for known in self._objects if known not in alive]:
            del self._objects[tracker_id]


def _claims(observations: Sequence[Observation]) -> npt.NDArray[np.int64]:
    return np.array([seen.claims for seen in observations], np.int64)


def new_track_name() -> str:
    """A name for an object that no other detector gives."""
    return uuid.uuid4().hex[:12]
