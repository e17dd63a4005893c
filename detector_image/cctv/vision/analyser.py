"""Derive one camera's events from its frames: motion gate, model, tracks, rules, image. No stream, no network."""

import logging
from functools import partial
from typing import Any

from cctv.common.clock import WallClock
from cctv.common.events import Event, EventImage, new_event_id
from cctv.common.frame import WHOLE, Frame
from cctv.common.jpeg import render_jpeg
from cctv.detectors.alert_types import alert_types_by_class_id, alert_types_of_prompts, unknown_classes
from cctv.detectors.model import Model
from cctv.detectors.several import SeveralModels
from cctv.rules.base import Subject
from cctv.rules.rule_book import Fired, RuleBook
from cctv.vision.attention import Attention, Decision
from cctv.vision.better_images import BetterImage, BetterImages
from cctv.vision.memory import Memory
from cctv.vision.motion import Motion, MotionGate
from cctv.vision.observations import observe
from cctv.vision.presence import ClearlySeen, Counts, count_objects, present_seconds
from cctv.vision.recognition import clear_kind, real_confidence, weak_confidence
from cctv.vision.regions import Found, RegionPlanner, is_covered, merge
from cctv.vision.snapshot import ObjectImage
from cctv.vision.tamper import TEXTS, Tampering, TamperWatch
from cctv.vision.tracking import ObjectTracker, TrackedObject
from vigil_contracts.camera import CameraConfiguration
from vigil_contracts.detection import Detection
from vigil_contracts.geometry import Box
from vigil_contracts.names import AlertType
from vigil_contracts.rules import ObjectRule

log = logging.getLogger(__name__)

SHOWN_SECONDS = 1.0
"""The live view shows an object for this long after it was last detected."""


class Analyser:
    """Analyses the frames of one camera. Not thread-safe: one thread per camera calls it."""

    def __init__(self, camera: CameraConfiguration, model: Model) -> None:
        self._camera = camera
        self._model = model
        self._owners = model.owners if isinstance(model, SeveralModels) else ()
        self._kinds = self._classes_looked_for()
        self._tracker: ObjectTracker | None = None
        self._clock = WallClock()
        self._memory = Memory()
        self._gate = MotionGate(camera.detection.motion_masks)
        self.has_motion = False
        """Whether the last frame differs from the last one that the model has seen."""
        self.motion_places: tuple[Box, ...] = ()
        """Where it does."""
        self.is_calm = False
        """Whether a few frames per second are enough at the moment."""
        self._planner = RegionPlanner(model.input_size)
        self._tamper = TamperWatch()
        self._rules = RuleBook(camera.detection)
        self._attention = Attention(_ask_for_positions(camera.detection), camera.detection.frames_per_second)
        self._pictures: dict[str, ObjectImage] = {}
        """The best image so far of each object that has not been reported yet, by track."""
        self._better_images = BetterImages()
        self._clearly_seen = ClearlySeen()

    def process(self, frame: Frame) -> list[Event]:
        """Take the next frame and return the events that it completes. Times must increase from frame to frame."""
        if step := self._clock.step(frame.received_at, frame.monotonic_seconds):
            self._memory.shift(step)
            self._rules.shift(step)
        events = self._guard(frame) + self._find(frame)
        self.is_calm = not events and self._attention.is_calm(self._things(), self._known(), frame.monotonic_seconds)
        return events

    def in_view(self, seconds: float) -> list[tuple[Box, str]]:
        """Return the boxes of the objects in view, each with label and confidence, for the live view."""
        return [
            (thing.last.box, f"{thing.label} {thing.last.confidence:.0%}")
            for thing in self._things()
            if thing.kind is not None and seconds - thing.last_seen_seconds <= SHOWN_SECONDS
        ]

    def object_counts(self, seconds: float) -> Counts:
        """Return how many objects of each detected type are in view at this time, per zone.

        They are confirmed, or were clearly detected a moment ago.
        """
        detection = self._camera.detection
        since = seconds - present_seconds(detection.frames_per_second)
        present = [
            thing
            for thing in self._things()
            if thing.last_seen_seconds >= since
            and (thing.name in self._memory or self._clearly_seen.counts(thing.name, seconds))
        ]
        return count_objects(present, set(self._kinds.values()), detection.zones)

    def better_images(self, *, is_last: bool = False) -> list[EventImage]:
        """Return better images for earlier events, each once. `is_last`: no further frame follows."""
        if is_last:
            self._better_images.follow(set(), 0.0)
        return [_event_image(better) for better in self._better_images.take()]

    def reconfigure(self, camera: CameraConfiguration) -> None:
        """Apply new settings from the next frame on; tracks and the memory of reported objects are kept."""
        former = self._camera.detection
        self._camera = camera
        self._kinds = self._classes_looked_for()
        if camera.detection != former:
            told = self._rules.state()
            self._rules = RuleBook(camera.detection)
            self._rules.restore(told)
            self._gate = MotionGate(camera.detection.motion_masks)
            if camera.detection.privacy_masks != former.privacy_masks:
                self._pictures, self._better_images = {}, BetterImages()  # they may show what is masked now
            self._attention.exact = _ask_for_positions(camera.detection)
            self._attention.frames_per_second = camera.detection.frames_per_second
            self._attention.renew()
            self.is_calm = False

    def state(self) -> dict[str, Any]:
        """Return the state that prevents a restarted detector from reporting an object again; JSON-compatible."""
        return {"memory": self._memory.state(), "rules": self._rules.state(), "tamper": self._tamper.state()}

    def restore(self, state: dict[str, Any]) -> None:
        """Load a `state()`; entries that are too old or invalid are ignored."""
        try:
            self._memory.restore(state.get("memory", {}))
            self._rules.restore(state.get("rules", {}))
            self._tamper.restore(state.get("tamper", {}))
        except (AttributeError, TypeError, ValueError):
            log.warning("camera %s: ignoring the saved state because it is invalid", self._camera.id)

    def _guard(self, frame: Frame) -> list[Event]:
        """Return tamper events. They do not depend on the schedule or the rules."""
        if not self._camera.detection.tamper:
            return []
        tampering = self._tamper.check(frame.luma(), frame.monotonic_seconds)
        return [_tamper_event(tampering, frame)] if tampering else []

    def _find(self, frame: Frame) -> list[Event]:
        """Return the events of the objects in view."""
        motion = self._gate.compare(frame.luma())
        self.has_motion, self.motion_places = bool(motion.places), motion.places
        decision = self._decide(motion, frame)
        if decision is Decision.LOOK:
            seen = self._detect(motion, frame)
        elif decision is Decision.SAME and self._tracker is not None:
            self._tracker.carry(frame.monotonic_seconds)
            seen = self._tracker.in_view(frame.monotonic_seconds)
        else:
            return []
        self._memory.see(seen, frame.received_at)
        events = [event for thing in seen for event in self._judge(thing, seen, frame)]
        self._forget(frame.monotonic_seconds)
        return events

    def _classes_looked_for(self) -> dict[int, AlertType]:
        """Return the alert type of each class to detect, by class id."""
        detection = self._camera.detection
        kinds: dict[int, AlertType] = {}
        unknown_to_all, unknown_to_one = set(detection.classes), set[str]()
        for number, chosen in enumerate(detection.chosen_models):
            class_ids = [each for each in range(len(self._model.labels)) if self._owner(each) == number]
            labels = tuple(self._model.labels[each] for each in class_ids)
            own = alert_types_of_prompts(chosen.prompts) | {one.label: one.alert_type for one in chosen.alert_types}
            found = alert_types_by_class_id(labels, chosen.classes or detection.classes, own)
            kinds |= {class_ids[each]: kind for each, kind in found.items()}
            unknown_to_all &= set(unknown_classes(labels, detection.classes, own))
            unknown_to_one |= set(unknown_classes(labels, chosen.classes, own))
        for name in sorted(unknown_to_all | unknown_to_one):
            log.warning("camera %s: the model has no class %r; it will not be detected", self._camera.id, name)
        return kinds

    def _owner(self, class_id: int) -> int:
        return self._owners[class_id] if self._owners else 0

    def _decide(self, motion: Motion, frame: Frame) -> Decision:
        return self._attention.decide(motion, self._things(), self._known(), frame.monotonic_seconds)

    def _things(self) -> list[TrackedObject]:
        return self._tracker.objects if self._tracker is not None else []

    def _known(self) -> set[str]:
        return {thing.name for thing in self._things() if thing.name in self._memory}

    def _detect(self, motion: Motion, frame: Frame) -> list[TrackedObject]:
        """Run the model on the regions where something happens and return the objects in view."""
        seconds = frame.monotonic_seconds
        regions = self._plan(motion, frame)
        self._gate.set_reference(regions)
        found = self._run(frame, regions)
        carried = [
            thing
            for thing in self._things()
            if self._attention.is_present(thing) and not is_covered(thing.last.box, regions)
        ]
        cut = self._planner.note(found.cut, [thing.last.box for thing in self._things()], seconds)
        weakest = weak_confidence(self._camera.detection.minimum_confidence)
        observations = observe(found.detections, self._model.labels, self._kinds, weakest, self._owners)
        detected: list[TrackedObject] = []
        if observations and self._tracker is None:
            self._tracker = ObjectTracker(self._camera.detection.frames_per_second, weakest)
        if self._tracker is not None:
            detected = self._tracker.update(observations, seconds, carried)
            self._attention.forget(thing.name for thing in self._tracker.objects)
        for thing in detected:
            self._better_images.consider(thing.name, frame, thing.last)
            if clear_kind(thing, self._camera.detection.minimum_confidence):
                self._clearly_seen.note(thing.name, seconds)
        self._attention.note_detection(len(observations) + cut - len(detected), detected, seconds)
        return detected + [thing for thing in carried if thing not in detected]

    def _plan(self, motion: Motion, frame: Frame) -> tuple[Box, ...]:
        busy, still = self._attention.divide(self._things(), self._known(), frame.monotonic_seconds)
        places = [*motion.places, *(thing.last.box for thing in busy)]
        return self._planner.plan(
            (frame.width, frame.height), places, [thing.last.box for thing in still], frame.monotonic_seconds
        )

    def _run(self, frame: Frame, regions: tuple[Box, ...]) -> Found:
        """Run the model on all regions at the same time, if its runtime can."""
        parts = [frame if region == WHOLE else frame.crop(region) for region in regions]
        answers = [self._model.submit(part) for part in parts]
        return merge([part.region for part in parts], [answer.result() for answer in answers])

    def _judge(self, thing: TrackedObject, seen: list[TrackedObject], frame: Frame) -> list[Event]:
        """Return the events that an object in view triggers now."""
        kind = thing.kind
        if kind is None:
            return []
        picture = ObjectImage.of(frame, thing.last) if thing.name not in self._memory else None
        if picture is not None:
            picture = self._pictures[thing.name] = self._best(thing, picture)
            if not self._is_certain(thing, kind, seen, frame):
                return []
        minimum = self._camera.detection.minimum_confidence
        confidence = real_confidence(thing, minimum) or max(minimum, thing.last.confidence)
        subject = Subject(
            thing.name,
            kind,
            thing.label,
            confidence,
            thing.last.box,
            thing.first_seen_seconds,
            frame.monotonic_seconds,
        )
        events = []
        for fired in self._rules.apply(subject, partial(self._memory.has_reported, thing.name), frame.received_at):
            self._memory.record_report(thing.name, fired.rule)
            shown = picture or ObjectImage.of(frame, thing.last)
            event = _event(subject, fired, shown)
            self._better_images.begin(event.event_id, thing.name, _caption(subject), shown, frame.monotonic_seconds)
            events.append(event)
        return events

    def _best(self, thing: TrackedObject, newest: ObjectImage) -> ObjectImage:
        return self._pictures[thing.name].better_of(newest) if thing.name in self._pictures else newest

    def _is_certain(self, thing: TrackedObject, kind: AlertType, seen: list[TrackedObject], frame: Frame) -> bool:
        """Return whether the object is confirmed. An object that is recognised continues under its former name."""
        if real_confidence(thing, self._camera.detection.minimum_confidence) is None:
            return False
        in_view = {other.name for other in seen}
        if not self._memory.recognise(thing, kind, in_view, frame.received_at):
            self._memory.admit(thing, kind, frame.received_at)
        return True

    def _forget(self, now_seconds: float) -> None:
        """Drop the state of objects that have left, and images that are no longer needed."""
        tracked = {thing.name for thing in self._tracker.objects} if self._tracker else set()
        self._rules.forget(tracked)
        self._clearly_seen.forget(tracked)
        self._better_images.follow(tracked, now_seconds)
        waiting = {name for name in tracked if name not in self._memory}
        for name in [name for name in self._pictures if name not in waiting]:
            del self._pictures[name]


def _ask_for_positions(detection: Detection) -> bool:
    """Return whether a rule needs exact positions of objects that are already known."""
    return any(not isinstance(rule, ObjectRule) or rule.zone is not None for rule in detection.rules)


def _event(subject: Subject, fired: Fired, picture: ObjectImage) -> Event:
    return Event(
        event_id=new_event_id(),
        alert_type=fired.hit.alert_type,
        label=subject.label,
        confidence=subject.confidence,
        timestamp=picture.frame.received_at,
        box=picture.observation.box,
        track=subject.track,
        zone=fired.hit.zone,
        zone_seconds=fired.hit.zone_seconds,
        rule=fired.rule,
        description=fired.hit.description,
        snapshot_jpeg=render_jpeg(picture.frame, picture.observation.box, _caption(subject)),
    )


def _event_image(better: BetterImage) -> EventImage:
    picture = better.picture
    jpeg = render_jpeg(picture.frame, picture.observation.box, better.caption)
    return EventImage(better.event_id, picture.observation.box, jpeg)


def _caption(subject: Subject) -> str:
    return f"{subject.label} {subject.confidence:.0%}"


def _tamper_event(tampering: Tampering, frame: Frame) -> Event:
    return Event(
        event_id=new_event_id(),
        alert_type=AlertType.TAMPER,
        label=tampering,
        confidence=1.0,
        timestamp=frame.received_at,
        box=None,
        track="",
        description=TEXTS[tampering],
        snapshot_jpeg=render_jpeg(frame, None, ""),
    )
