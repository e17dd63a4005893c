"""Track objects across frames, so that one object is one track and not one detection per frame.

Association is ByteTrack's (`cctv.vision.association`): weak detections continue a track, only strong ones start one.
It ignores classes: a car that a model labels as a truck for two frames is still the same car.
"""

import uuid
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from cctv.vision.association import ByteTrack
from cctv.vision.observations import Observation
from vigil_contracts.geometry import Box
from vigil_contracts.names import AlertType

LOST_AFTER_SECONDS = 5.0
TAKEN_SECONDS, TAKEN_OVERLAP = 1.0, 0.3
"""A new track continues an object whose own track went to something else this long ago, at about the same place."""
SCORES_KEPT = 10


@dataclass(slots=True)
class TrackedObject:
    """An object that has been tracked over several frames."""

    name: str
    """Unique across all detectors and restarts."""
    first_seen_seconds: float
    last_seen_seconds: float
    first: Observation
    last: Observation
    looks: int = 0
    """Number of frames in which a model detected it."""
    scores: deque[float] = field(default_factory=lambda: deque(maxlen=SCORES_KEPT))
    """The confidences of the most recent detections, whatever their class."""
    evidence: dict[AlertType, list[float]] = field(default_factory=dict)
    """For each alert type, the ten highest confidences, in descending order."""
    support: dict[AlertType, dict[str, float]] = field(default_factory=dict)
    """For each alert type and label, the sum of the confidences."""
    certain_box: Box | None = None
    certain_seconds: float = float("-inf")
    """Where and when it was last detected as an object of its own alert type."""

    def observe(self, observation: Observation, seconds: float) -> None:
        """Add a detection of the object."""
        self.looks += 1
        self.last = observation
        self.last_seen_seconds = seconds
        self.scores.append(observation.confidence)
        for kind, vote in observation.votes.items():
            known = self.evidence.get(kind, [])
            self.evidence[kind] = sorted([*known, vote.confidence], reverse=True)[:SCORES_KEPT]
            support = self.support.setdefault(kind, {})
            support[vote.label] = support.get(vote.label, 0.0) + vote.confidence
        if self.kind in observation.votes:
            self.certain_box, self.certain_seconds = observation.box, seconds

    @property
    def kind(self) -> AlertType | None:
        """Return the most likely alert type among the selected ones."""
        if not self.support:
            return None
        return max(self.support, key=lambda kind: sum(self.support[kind].values()))

    @property
    def label(self) -> str:
        """Return the most likely label of the object's alert type; without one, the most recent label."""
        votes = self.support[self.kind] if self.kind else {}
        return max(votes, key=lambda label: votes[label]) if votes else self.last.label


class ObjectTracker:
    """The objects of one camera. Times must increase from call to call; gaps and jitter are allowed."""

    def __init__(self, frames_per_second: float, strong_confidence: float) -> None:
        self._tracker = ByteTrack(frames_per_second, strong_confidence, LOST_AFTER_SECONDS)
        self._objects: dict[int, TrackedObject] = {}
        self._present: list[TrackedObject] = []
        """The objects in the last analysed frame."""

    @property
    def objects(self) -> list[TrackedObject]:
        """Return all objects that are in view, or were a moment ago."""
        return list(self._objects.values())

    def in_view(self, seconds: float) -> list[TrackedObject]:
        """Return the objects that were detected, or carried over, at this time."""
        return [thing for thing in self._objects.values() if thing.last_seen_seconds == seconds]

    def update(
        self, observations: Sequence[Observation], seconds: float, carried: Sequence[TrackedObject] = ()
    ) -> list[TrackedObject]:
        """Take one frame's observations and return the objects detected in it.

        `carried`: objects outside the analysed regions. They are in view as before, without a new detection.
        """
        everything = [*observations, *(thing.last for thing in carried)]
        boxes = np.array([seen.box for seen in everything], np.float32).reshape(-1, 4)
        confidences = np.ones(len(everything), np.float32)
        confidences[: len(observations)] = [seen.confidence for seen in observations]
        found: list[TrackedObject] = []
        for row, tracker_id in self._tracker.update(boxes, confidences, seconds, _claims(everything)):
            if row >= len(observations):
                continue
            observation = observations[row]
            thing = self._objects.get(tracker_id)
            if thing is None:
                thing = self._take_back(observation, seconds, found) or _new_object(observation, seconds)
                self._objects[tracker_id] = thing
            thing.observe(observation, seconds)
            found.append(thing)
        for thing in carried:
            thing.last_seen_seconds = seconds
        self._present = [*found, *(thing for thing in carried if thing not in found)]
        self._forget()
        return found

    def carry(self, seconds: float) -> None:
        """Carry the objects over to this time: nothing has moved since the last inference."""
        present = self._present
        if not present:
            return
        boxes = np.array([thing.last.box for thing in present], np.float32)
        certain, claims = np.ones(len(present), np.float32), _claims([thing.last for thing in present])
        self._tracker.update(boxes, certain, seconds, claims)
        for thing in present:  # an object that has just stopped is in view, but not where the tracker predicts it
            thing.last_seen_seconds = seconds
        self._forget()

    def _take_back(
        self, observation: Observation, seconds: float, found: list[TrackedObject]
    ) -> TrackedObject | None:
        """Return the object whose track something else has taken, such as the chair from which a person gets up.

        Association ignores classes, so the chair may continue the person's track, and the person starts a new one.
        The track's further detections are a new object, also in `found`, the objects of this frame.
        """
        for number, thing in self._objects.items():
            if (
                thing.certain_box is not None
                and thing.kind in observation.votes
                and thing.kind not in thing.last.votes
                and seconds - thing.certain_seconds <= TAKEN_SECONDS
                and thing.certain_box.iou(observation.box) >= TAKEN_OVERLAP
            ):
                other = self._objects[number] = _new_object(thing.last, thing.last_seen_seconds)
                found[:] = [other if one is thing else one for one in found]
                return thing
        return None

    def _forget(self) -> None:
        alive = self._tracker.numbers
        for tracker_id in [known for known in self._objects if known not in alive]:
            del self._objects[tracker_id]


def _new_object(observation: Observation, seconds: float) -> TrackedObject:
    return TrackedObject(new_track_name(), seconds, seconds, observation, observation)


def _claims(observations: Sequence[Observation]) -> npt.NDArray[np.int64]:
    return np.array([seen.claims for seen in observations], np.int64)


def new_track_name() -> str:
    """Return a track name that no other detector uses."""
    return uuid.uuid4().hex[:12]
