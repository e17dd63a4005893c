"""Remembers which objects have been reported, so that nothing is reported twice because it was lost for a moment.

A tracker forgets after a few seconds, a stream breaks, a detector restarts: the object at the same place afterwards
is still the same. What moved is remembered for seconds, since somebody else may come; what stood still, for longer.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from pydantic import AwareDatetime, BaseModel, ValidationError

from cctv.observations import overlap
from cctv.tracking import TrackedObject
from vigil_contracts.names import AlertType

MOVING_REMEMBERED = timedelta(seconds=5)
STILL_REMEMBERED = timedelta(seconds=60)
PARKED_REMEMBERED = timedelta(minutes=30)
"""For vehicles, which stand where they stand; a person who comes to the same place is likely another."""
STILL_AFTER_SECONDS = 5.0
SAME_PLACE_MOVING = 0.2
SAME_PLACE_STILL = 0.5
MOST_REMEMBERED = 200

Place = tuple[float, float, float, float]


@dataclass(slots=True)
class Remembered:
    """A reported object. `still_since` is when it came to where it is, within half a box."""

    track: str
    kind: AlertType
    box: Place
    anchor: Place
    still_since: datetime
    last_seen: datetime

    def see(self, box: Place, now: datetime) -> None:
        """It is in view, at `box`."""
        if float(overlap(box, [self.anchor])[0]) < SAME_PLACE_STILL:
            self.anchor, self.still_since = box, now
        self.box, self.last_seen = box, now

    @property
    def is_still(self) -> bool:
        """Whether it stood at one place when it was last seen."""
        return (self.last_seen - self.still_since).total_seconds() >= STILL_AFTER_SECONDS

    def remembered_for(self) -> timedelta:
        """How long after its last sight it is taken to be the same object."""
        if not self.is_still:
            return MOVING_REMEMBERED
        return PARKED_REMEMBERED if self.kind == AlertType.VEHICLE else STILL_REMEMBERED

    def may_be(self, boxes: list[Place], kind: AlertType, now: datetime) -> bool:
        """Whether an object that was at `boxes` can be this one."""
        if kind != self.kind or now - self.last_seen > self.remembered_for():
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


class _SavedMemory(BaseModel):
    reported: list[_Saved] = []


class Memory:
    """The reported objects of one camera. Measures with the frames' own wall-clock times."""

    def __init__(self) -> None:
        self._reported: dict[str, Remembered] = {}

    def see(self, things: list[TrackedObject], now: datetime) -> None:
        """Notes where the reported ones among the objects in view are, and forgets what is long gone."""
        for thing in things:
            known = self._reported.get(thing.name)
            if known is not None:
                known.see(thing.last.box, now)
        for track in [track for track, known in self._reported.items() if _is_over(known, now)]:
            del self._reported[track]

    def __contains__(self, track: str) -> bool:
        """Whether this very track has been reported."""
        return track in self._reported

    def recognise(self, thing: TrackedObject, kind: AlertType, in_view: set[str], now: datetime) -> bool:
        """Whether `thing` is a reported object that had been lost; if so it goes on under its former name.

        `in_view` names the tracks that are seen now: two things in one picture are two.
        """
        boxes = [thing.first.box, thing.last.box]
        for known in list(self._reported.values()):
            if known.track not in in_view and known.may_be(boxes, kind, now):
                del self._reported[known.track]
                thing.name = known.track
                self._reported[known.track] = known
                known.see(thing.last.box, now)
                return True
        return False

    def report(self, thing: TrackedObject, kind: AlertType, now: datetime) -> None:
        """`thing` has been reported."""
        box = thing.last.box
        self._reported[thing.name] = Remembered(thing.name, kind, box, box, now, now)
        while len(self._reported) > MOST_REMEMBERED:
            del self._reported[next(iter(self._reported))]

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
            )
            for known in self._reported.values()
        ]
        return _SavedMemory(reported=saved).model_dump(mode="json")

    def restore(self, state: dict[str, Any]) -> None:
        """Takes up a `state()`. What is not understood is ignored: better an alert too many than none."""
        try:
            saved = _SavedMemory.model_validate(state)
        except ValidationError:
            return
        for one in saved.reported:
            self._reported[one.track] = Remembered(
                one.track, one.kind, one.box, one.anchor, one.still_since, one.last_seen
            )


def _is_over(known: Remembered, now: datetime) -> bool:
    return now - known.last_seen > known.remembered_for()
