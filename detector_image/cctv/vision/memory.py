"""Remembers the certain objects and what was told of them, so that nothing is told twice because it was lost for a
moment.

A tracker forgets after a few seconds, a stream breaks, a detector restarts: the object at the same place afterwards
is still the same. What moved is remembered for seconds, since somebody else may come; what stood still, for longer.
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
"""While no picture comes nobody is seen to leave: a gap counts as an absence of this length at most."""


@dataclass(frozen=True, slots=True)
class Span:
    """How long an object is remembered: by how long pictures came without it, and in all."""

    absent: timedelta
    in_all: timedelta


MOVING_REMEMBERED = Span(absent=timedelta(seconds=5), in_all=timedelta(seconds=30))
STILL_REMEMBERED = Span(absent=timedelta(seconds=60), in_all=timedelta(minutes=5))
PARKED_REMEMBERED = Span(absent=timedelta(minutes=30), in_all=timedelta(minutes=30))
"""For vehicles, which stand where they stand; a person who comes to the same place is likely another."""
STILL_AFTER_SECONDS = 5.0
SAME_PLACE_MOVING = 0.2
FORETOLD_SECONDS = 2.5
"""For how long it can be foretold where somebody who walks has got to."""
TURNED_SECONDS = 0.6
"""So soon after somebody was lost, who appears a step away is the same person, who turned round or set off."""
STEP_SIZES, STEP_SIZE_RATIO = 0.6, 0.5
"""How far that is, in square roots of the box's area; and how much the areas may differ."""
VELOCITY_WEIGHT = 0.4
LEFT_AFTER = timedelta(seconds=1)
"""Who walked out over the picture's edge and is not back after so long has left; who comes in there is another."""
EDGE = 0.015
LEAVING_SPEED = 0.2
"""Of its own width or height in a second, towards the edge."""
WITHOUT_SHAPE = frozenset({AlertType.FIRE, AlertType.SMOKE})
"""What burns is no number of things: it grows, parts and joins, but stays where it is."""
SAME_BLAZE = 0.3
"""Share of the smaller box that lies within the larger one."""
SAME_PLACE_STILL = 0.5
MOST_REMEMBERED = 200


@dataclass(slots=True)
class Remembered:
    """A certain object. `still_since` is when it came to where it is, within half a box."""

    track: str
    kind: AlertType
    box: Box
    anchor: Box
    still_since: datetime
    last_seen: datetime
    told: set[str] = field(default_factory=set)
    """Names of the rules that have told of it."""
    absent: timedelta = timedelta()
    """For how long pictures have come without it."""
    velocity: tuple[float, float] = (0.0, 0.0)
    """Of its middle, in fractions of the picture a second, over the last second or so."""

    def see(self, box: Box, now: datetime) -> None:
        """It is in view, at `box`."""
        self._measure(box, (now - self.last_seen).total_seconds())
        if float(overlap(box, [self.anchor])[0]) < SAME_PLACE_STILL:
            self.anchor, self.still_since = box, now
        self.box, self.last_seen, self.absent = box, now, timedelta()

    @property
    def is_still(self) -> bool:
        """Whether it stood at one place when it was last seen."""
        return (self.last_seen - self.still_since).total_seconds() >= STILL_AFTER_SECONDS

    def is_over(self, now: datetime) -> bool:
        """Whether whoever comes to its place now is taken for another."""
        span = MOVING_REMEMBERED
        if self.kind in WITHOUT_SHAPE:
            span = STILL_REMEMBERED
        elif self.is_still:
            span = PARKED_REMEMBERED if self.kind == AlertType.VEHICLE else STILL_REMEMBERED
        return self.absent > span.absent or now - self.last_seen > span.in_all

    def may_be(self, boxes: list[Box], kind: AlertType, now: datetime, first_seen: datetime) -> bool:
        """Whether an object that was at `boxes`, at the first of them when it was `first_seen`, can be this one."""
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
        return float(overlap(self._foretold(missed), boxes[:1])[0]) >= SAME_PLACE_MOVING

    def is_part_of(self, box: Box, kind: AlertType, now: datetime) -> bool:
        """Whether what is at `box` belongs to this blaze: `kind` is one without a shape of its own."""
        return kind == self.kind and not self.is_over(now) and _share_of_smaller(self.box, box) >= SAME_BLAZE

    def has_left(self, now: datetime) -> bool:
        """Whether it went out over the picture's edge, and not just now."""
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
        """Takes up how fast it goes."""
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

    def _foretold(self, seconds: float) -> Box:
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
    """The certain objects of one camera. Measures with the frames' own wall-clock times."""

    def __init__(self) -> None:
        self._objects: dict[str, Remembered] = {}
        self._newest: datetime | None = None

    def see(self, things: list[TrackedObject], now: datetime) -> None:
        """Notes where the certain ones among the objects in view are, and forgets what is long gone."""
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
        """The clock was set: nobody has been here for longer or shorter because of that."""
        self._newest = self._newest and self._newest + step
        for known in self._objects.values():
            known.last_seen += step
            known.still_since += step

    def __contains__(self, track: str) -> bool:
        """Whether this very track is certain."""
        return track in self._objects

    def recognise(self, thing: TrackedObject, kind: AlertType, in_view: set[str], now: datetime) -> bool:
        """Whether `thing` is a certain object that had been lost; if so it goes on under its former name.

        `in_view` names the tracks that are seen now: two things in one picture are two.
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
        """`thing` is certain, and nobody has seen it before. Of a blaze's new flames is known what was told of it."""
        box = thing.last.box
        told: set[str] = set()
        if kind in WITHOUT_SHAPE:
            told.update(*(known.told for known in self._objects.values() if known.is_part_of(box, kind, now)))
        self._objects[thing.name] = Remembered(thing.name, kind, box, box, now, now, told)
        while len(self._objects) > MOST_REMEMBERED:
            del self._objects[next(iter(self._objects))]

    def was_told(self, track: str, rule: str) -> bool:
        """Whether that rule has told of it."""
        return track in self._objects and rule in self._objects[track].told

    def tell(self, track: str, rule: str) -> None:
        """That rule tells of it now."""
        self._objects[track].told.add(rule)

    def state(self) -> dict[str, Any]:
        """All that is remembered, JSON-compatible."""
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
        """Takes up a `state()`. What is not understood is ignored: better an alert too many than none."""
        try:
            saved = _SavedMemory.model_validate(state)
        except ValidationError:
            return
        for one in saved.objects:
            self._objects[one.track] = Remembered(
                one.track, one.kind, one.box, one.anchor, one.still_since, one.last_seen, set(one.told)
            )
