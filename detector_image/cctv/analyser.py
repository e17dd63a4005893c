"""One camera's way from pictures to events: motion gate, model, tracks, rules, snapshot. No stream, no network."""

import logging
from typing import Any

from cctv.attention import Attention
from cctv.detectors.alert_types import alert_types_by_class_id, unknown_classes
from cctv.detectors.model import Model
from cctv.events import Event, new_event_id
from cctv.frame import Frame
from cctv.memory import Memory
from cctv.motion import MotionGate
from cctv.observations import observe
from cctv.recognition import real_confidence, weak_confidence
from cctv.snapshot import Picture, render_jpeg
from cctv.tracking import ObjectTracker, TrackedObject
from vigil_contracts.alert import Box
from vigil_contracts.camera import CameraConfiguration
from vigil_contracts.names import AlertType

log = logging.getLogger(__name__)


class Analyser:
    """Analyses the frames of one camera. Not thread-safe: one thread per camera calls it."""

    def __init__(self, camera: CameraConfiguration, model: Model) -> None:
        self._camera = camera
        self._model = model
        self._kinds = self._classes_looked_for()
        self._tracker: ObjectTracker | None = None
        self._memory = Memory()
        self._gate = MotionGate()
        self._attention = Attention()
        self._pictures: dict[str, Picture] = {}
        """The best picture so far of each object that is not reported yet, by track."""

    def process(self, frame: Frame) -> list[Event]:
        """Takes the next frame (their times rise) and returns the events that it completed."""
        if not self._wants_look(frame):
            if self._tracker is not None:
                self._tracker.carry(frame.monotonic_seconds)
                self._memory.see(self._tracker.in_view(frame.monotonic_seconds), frame.received_at)
            return []
        seen = self._look(frame)
        self._memory.see(seen, frame.received_at)
        events = [event for thing in seen if (event := self._report(thing, seen, frame)) is not None]
        self._drop_pictures()
        return events

    def reconfigure(self, camera: CameraConfiguration) -> None:
        """New settings from the next frame on; tracks and what was already reported are kept."""
        self._camera = camera
        self._kinds = self._classes_looked_for()

    def state(self) -> dict[str, Any]:
        """What a restarted detector must know so that it does not report an object again; JSON-compatible."""
        return self._memory.state()

    def restore(self, state: dict[str, Any]) -> None:
        """Takes up a `state()`; what is too old or not understood is ignored."""
        self._memory.restore(state)

    def _classes_looked_for(self) -> dict[int, AlertType]:
        wanted = self._camera.detection.classes
        for name in unknown_classes(self._model.labels, wanted):
            log.warning("camera %s: the model knows no class %r; nothing will be found for it", self._camera.id, name)
        return alert_types_by_class_id(self._model.labels, wanted)

    def _wants_look(self, frame: Frame) -> bool:
        motion = self._gate.compare(frame.luma())
        things = self._tracker.objects if self._tracker is not None else []
        known = {thing.name for thing in things if thing.name in self._memory}
        return self._attention.wants_look(motion, things, known, frame.monotonic_seconds)

    def _look(self, frame: Frame) -> list[TrackedObject]:
        """Asks the model, and returns the objects that it sees."""
        self._gate.looked()
        weakest = weak_confidence(self._camera.detection.minimum_confidence)
        observations = observe(self._model.detect(frame), self._model.labels, self._kinds, weakest)
        seen: list[TrackedObject] = []
        if observations and self._tracker is None:
            self._tracker = ObjectTracker(self._camera.detection.frames_per_second, weakest)
        if self._tracker is not None:
            seen = self._tracker.update(observations, frame.monotonic_seconds)
            self._attention.forget(thing.name for thing in self._tracker.objects)
        self._attention.looked(len(observations), seen, frame.monotonic_seconds)
        return seen

    def _report(self, thing: TrackedObject, seen: list[TrackedObject], frame: Frame) -> Event | None:
        """The event of an object that has become certain with this frame, unless it is an old acquaintance."""
        kind = thing.kind
        if kind is None or thing.name in self._memory:
            return None
        newest = Picture.of(frame, thing.last)
        best = self._pictures[thing.name].better_of(newest) if thing.name in self._pictures else newest
        self._pictures[thing.name] = best
        confidence = real_confidence(thing, self._camera.detection.minimum_confidence)
        if confidence is None:
            return None
        in_view = {other.name for other in seen}
        if self._memory.recognise(thing, kind, in_view, frame.received_at):
            return None
        self._memory.report(thing, kind, frame.received_at)
        return _event(thing, kind, confidence, best)

    def _drop_pictures(self) -> None:
        tracked = {thing.name for thing in self._tracker.objects} if self._tracker else set()
        waiting = {name for name in tracked if name not in self._memory}
        for name in [name for name in self._pictures if name not in waiting]:
            del self._pictures[name]


def _event(thing: TrackedObject, kind: AlertType, confidence: float, picture: Picture) -> Event:
    label = thing.label
    x_min, y_min, x_max, y_max = picture.observation.box
    return Event(
        event_id=new_event_id(),
        alert_type=kind,
        label=label,
        confidence=confidence,
        timestamp=picture.frame.received_at,
        box=Box(x_min=x_min, y_min=y_min, x_max=x_max, y_max=y_max),
        track=thing.name,
        description=f"{label} seen ({confidence:.0%})",
        snapshot_jpeg=render_jpeg(picture.frame, picture.observation.box, f"{label} {confidence:.0%}"),
    )
