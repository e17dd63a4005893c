"""Remembers the certain objects and what was told of them, so that nothing is told twice because it was lost for a
moment.

A tracker forgets after a few seconds, a stream breaks, a detector restarts: the object at the same place afterwards
is still the same. What moved is remembered for seconds, since somebody else may come; what stood still, for longer.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from pydantic import AwareDatetime, BaseModel, ValidationError

from cctv.observations import overlap
from cctv.tracking import TrackedObject
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
SAME_PLACE_STILL = 0.5
MOST_REMEMBERED = 200

Place = tuple[float, float, float, float]


@dataclass(slots=True)
class Remembered:
    """A certain object. `still_since` is when it came to where it is, within half a box."""

    track: str
    kind: AlertType
    box: Place
    anchor: Place
    still_since: datetime
    last_seen: datetime
    told: set[str] = field(default_factory=set)
    """Names of the rules that have told of it."""
    absent: timedelta = timedelta()
    """For how long pictures have come without it."""

    def see(self, box: Place, now: datetime) -> None:
        """It is in view, at `box`."""
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
        if self.is_still:
            span = PARKED_REMEMBERED if self.kind == AlertType.VEHICLE else STILL_REMEMBERED
        return self.absent > span.absent or now - self.last_seen > span.in_all

    def may_be(self, boxes: list[Place], kind: AlertType, now: datetime) -> bool:
        """Whether an object that was at `boxes` can be this one."""
        if kind != self.kind or self.is_over(now):
            return False
        needed = SAME_PLACE_STILL if self.is_still else SAME_PLACE_MOVING
        return float(overlap(self.box, boxes).max()) >= needed


class _Saved(BaseModel):
    track: str
    kind: AlertType
    box: Place
    anchor: Place
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
        for known in list(self._objects.values()):
            if known.track not in in_view and known.may_be(boxes, kind, now):
                del self._objects[known.track]
                thing.name = known.track
                self._objects[known.track] = known
                known.see(thing.last.box, now)
                return True
        return False

    def admit(self, thing: TrackedObject, kind: AlertType, now: datetime) -> None:
        """`thing` is certain, and nobody has seen it before."""
        box = thing.last.box
        self._objects[thing.name] = Remembered(thing.name, kind, box, box, now, now)
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
