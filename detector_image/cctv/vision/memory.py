"""Remember confirmed objects and their reported rules, so that an object is not reported twice after a short absence.

A tracker forgets after seconds, a stream breaks, a detector restarts: an object at the same place afterwards is still
the same. Moving objects are remembered for seconds, since another may follow; standing objects for longer.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from pydantic import AwareDatetime, BaseModel, ValidationError

from cctv.common.overlap import overlap
from cctv.vision.tracking import TrackedObject
from vigil_contracts.geometry import Box
from vigil_contracts.names import AlertType

ABSENCE_BETWEEN_PICTURES = timedelta(seconds=1)
"""Longest absence that a gap without frames counts as: without frames, no object is seen to leave."""


@dataclass(frozen=True, slots=True)
class Span:
    """How long an object is remembered: in time with frames but without the object, and in total."""

    absent: timedelta
    in_all: timedelta


MOVING_REMEMBERED = Span(absent=timedelta(seconds=5), in_all=timedelta(seconds=30))
STILL_REMEMBERED = Span(absent=timedelta(seconds=60), in_all=timedelta(minutes=5))
PARKED_REMEMBERED = Span(absent=timedelta(minutes=30), in_all=timedelta(minutes=30))
"""For vehicles, which stay parked. A person who appears at the same place is probably another one."""
STILL_AFTER_SECONDS = 5.0
SAME_PLACE_MOVING = 0.2
FORETOLD_SECONDS = 2.5
"""The position of a walking person can be predicted for this long."""
TURNED_SECONDS = 0.6
"""A person who reappears one step away within this time is the same person, who turned or started walking."""
STEP_SIZES, STEP_SIZE_RATIO = 0.6, 0.5
"""The distance of that step in square roots of the box's area, and the permitted ratio of the areas."""
VELOCITY_WEIGHT = 0.4
LEFT_AFTER = timedelta(seconds=1)
"""A person who left the frame this long ago is gone: the next one to enter is another person."""
EDGE = 0.015
LEAVING_SPEED = 0.2
"""Speed towards the edge, in own widths or heights per second."""
WITHOUT_SHAPE = frozenset({AlertType.FIRE, AlertType.SMOKE})
"""Fire and smoke are not countable objects: blobs grow, split and merge, but stay in place."""
SAME_BLAZE = 0.3
"""Fraction of the smaller box that lies within the larger one."""
SAME_PLACE_STILL = 0.5
MOST_REMEMBERED = 200


@dataclass(slots=True)
class Remembered:
    """A confirmed object. `still_since` is when it arrived at its current place, within half a box."""

    track: str
    kind: AlertType
    box: Box
    anchor: Box
    still_since: datetime
    last_seen: datetime
    told: set[str] = field(default_factory=set)
    """Names of the rules that have reported it."""
    absent: timedelta = timedelta()
    """How long frames have come without it."""
    velocity: tuple[float, float] = (0.0, 0.0)
    """Velocity of its centre, in fractions of the frame per second, over about the last second."""

    def see(self, box: Box, now: datetime) -> None:
        """Record that it is in view at `box`."""
        self._measure(box, (now - self.last_seen).total_seconds())
        if float(overlap(box, [self.anchor])[0]) < SAME_PLACE_STILL:
            self.anchor, self.still_since = box, now
        self.box, self.last_seen, self.absent = box, now, timedelta()

    @property
    def is_still(self) -> bool:
        """Return whether it stood still when last detected."""
        return (self.last_seen - self.still_since).total_seconds() >= STILL_AFTER_SECONDS

    def is_over(self, now: datetime) -> bool:
        """Return whether an object that now appears at its place counts as a different one."""
        span = MOVING_REMEMBERED
        if self.kind in WITHOUT_SHAPE:
            span = STILL_REMEMBERED
        elif self.is_still:
            span = PARKED_REMEMBERED if self.kind == AlertType.VEHICLE else STILL_REMEMBERED
        return self.absent > span.absent or now - self.last_seen > span.in_all

    def may_be(self, boxes: list[Box], kind: AlertType, now: datetime, first_seen: datetime) -> bool:
        """Return whether an object that was at `boxes`, the first of them at `first_seen`, can be this one."""
        if kind != self.kind or self.is_over(now) or self.has_left(first_seen):
            return False
        needed = SAME_PLACE_STILL if self.is_still else SAME_PLACE_MOVING
        if float(overlap(self.box, boxes).max()) >= needed:
            return True
        missed = (first_seen - self.last_seen).total_seconds()
        if self.is_still or not 0 < missed <= FORETOLD_SECONDS:
            return False
        if missed <= TURNED_SECONDS and _is_a_step_away(self.box, boxes[0]):
            return True
        return float(overlap(self._predict(missed), boxes[:1])[0]) >= SAME_PLACE_MOVING

    def is_part_of(self, box: Box, kind: AlertType, now: datetime) -> bool:
        """Return whether `box` belongs to the same fire or smoke."""
        return kind == self.kind and not self.is_over(now) and _share_of_smaller(self.box, box) >= SAME_BLAZE

    def has_left(self, now: datetime) -> bool:
        """Return whether it left through the frame's edge a while ago."""
        if self.kind in WITHOUT_SHAPE or self.is_still:
            return False
        if self.absent < LEFT_AFTER or now - self.last_seen < LEFT_AFTER:
            return False
        box, (right, down) = self.box, self.velocity
        wide, high = LEAVING_SPEED * box.width, LEAVING_SPEED * box.height
        return (
            (box.x_min <= EDGE and right < -wide)
            or (box.x_max >= 1 - EDGE and right > wide)
            or (box.y_min <= EDGE and down < -high)
            or (box.y_max >= 1 - EDGE and down > high)
        )

    def _measure(self, box: Box, seconds: float) -> None:
        """Update its velocity."""
        if seconds <= 0:
            return
        (x, y), (former_x, former_y) = box.centre, self.box.centre
        if seconds > FORETOLD_SECONDS:
            self.velocity = (0.0, 0.0)
            return
        weight = VELOCITY_WEIGHT if self.velocity != (0.0, 0.0) else 1.0
        right, down = self.velocity
        self.velocity = (
            right + weight * ((x - former_x) / seconds - right),
            down + weight * ((y - former_y) / seconds - down),
        )

    def _predict(self, seconds: float) -> Box:
        return self.box.shifted(self.velocity[0] * seconds, self.velocity[1] * seconds)


def _is_a_step_away(one: Box, other: Box) -> bool:
    sizes = sorted((one.area, other.area))
    (x, y), (other_x, other_y) = one.centre, other.centre
    near = (x - other_x) ** 2 + (y - other_y) ** 2 <= STEP_SIZES**2 * sizes[1]
    return near and sizes[0] >= STEP_SIZE_RATIO * sizes[1]


def _share_of_smaller(one: Box, other: Box) -> float:
    smaller = min(one.area, other.area)
    return one.intersection(other) / smaller if smaller > 0 else 0.0


class _Saved(BaseModel):
    track: str
    kind: AlertType
    box: Box
    anchor: Box
    still_since: AwareDatetime
    last_seen: AwareDatetime
    told: list[str]


class _SavedMemory(BaseModel):
    objects: list[_Saved] = []


class Memory:
    """The confirmed objects of one camera. Uses the frames' wall-clock times."""

    def __init__(self) -> None:
        self._objects: dict[str, Remembered] = {}
        self._newest: datetime | None = None

    def see(self, things: list[TrackedObject], now: datetime) -> None:
        """Update the confirmed objects in view, and drop those that expired."""
        passed = min(ABSENCE_BETWEEN_PICTURES, max(timedelta(), now - (self._newest or now)))
        self._newest = now
        boxes = {thing.name: thing.last.box for thing in things}
        for known in list(self._objects.values()):
            if known.track in boxes:
                known.see(boxes[known.track], now)
            else:
                known.absent += passed
            if known.is_over(now):
                del self._objects[known.track]

    def shift(self, step: timedelta) -> None:
        """Adjust all times after the clock was set, so that absences become neither longer nor shorter."""
        self._newest = self._newest and self._newest + step
        for known in self._objects.values():
            known.last_seen += step
            known.still_since += step

    def __contains__(self, track: str) -> bool:
        """Return whether this track is confirmed."""
        return track in self._objects

    def recognise(self, thing: TrackedObject, kind: AlertType, in_view: set[str], now: datetime) -> bool:
        """Return whether `thing` is a confirmed object that had been lost; if so, it gets its former name back.

        `in_view` contains the tracks detected now: two objects in one frame are never the same.
        """
        boxes = [thing.first.box, thing.last.box]
        first_seen = now - timedelta(seconds=thing.last_seen_seconds - thing.first_seen_seconds)
        for known in list(self._objects.values()):
            if known.track not in in_view and known.may_be(boxes, kind, now, first_seen):
                del self._objects[known.track]
                thing.name = known.track
                self._objects[known.track] = known
                known.see(thing.last.box, now)
                return True
        return False

    def admit(self, thing: TrackedObject, kind: AlertType, now: datetime) -> None:
        """Add a newly confirmed object. New blobs of a known fire or smoke inherit its reported rules."""
        box = thing.last.box
        told: set[str] = set()
        if kind in WITHOUT_SHAPE:
            told.update(*(known.told for known in self._objects.values() if known.is_part_of(box, kind, now)))
        self._objects[thing.name] = Remembered(thing.name, kind, box, box, now, now, told)
        while len(self._objects) > MOST_REMEMBERED:
            del self._objects[next(iter(self._objects))]

    def has_reported(self, track: str, rule: str) -> bool:
        """Return whether that rule has reported the object."""
        return track in self._objects and rule in self._objects[track].told

    def record_report(self, track: str, rule: str) -> None:
        """Record that the rule reports the object."""
        self._objects[track].told.add(rule)

    def state(self) -> dict[str, Any]:
        """Return the memory, JSON-compatible."""
        saved = [
            _Saved(
                track=known.track,
                kind=known.kind,
                box=known.box,
                anchor=known.anchor,
                still_since=known.still_since,
                last_seen=known.last_seen,
                told=sorted(known.told),
            )
            for known in self._objects.values()
        ]
        return _SavedMemory(objects=saved).model_dump(mode="json")

    def restore(self, state: dict[str, Any]) -> None:
        """Load a `state()`. Invalid entries are ignored: one alert too many is better than a missing one."""
        try:
            saved = _SavedMemory.model_validate(state)
        except ValidationError:
            return
        for one in saved.objects:
            self._objects[one.track] = Remembered(
                one.track, one.kind, one.box, one.anchor, one.still_since, one.last_seen, set(one.told)
            )
