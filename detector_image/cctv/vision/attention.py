"""Decides which pictures the model looks at: those in which something may have happened that is not known yet.

A scene in which nothing moves needs no look. An object that is known and stands still needs few, though it fidgets.
One that is known and moves is followed in every second picture or so, unless a rule asks where exactly it goes.
Whatever is not certain yet, or not explained by what is known, is looked at in every picture.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum, auto

from cctv.common.overlap import overlap
from cctv.vision.motion import Motion
from cctv.vision.tracking import TrackedObject
from vigil_contracts.geometry import Box

SETTLE_SECONDS = 0.4
"""Looks go on for this long after motion ends: a model may miss somebody in one picture."""
FIDGETING_SECONDS = 2.0
"""Between looks at known objects that move without leaving their places."""
STILL_SECONDS = 10.0
"""Between looks at known objects while nothing at all moves."""
EMPTY_SECONDS = 60.0
"""Between looks at a scene that is still and empty; a guard against a gate that sees nothing."""
FOLLOWING_SECONDS = 0.4
"""Between looks at known objects that walk about. Their next place is foretold well for as long."""
STEADY_OVERLAP = 0.75
STEADY_SECONDS = 0.6
LOOKS_UNTIL_DULL = 15
"""An object that is not certain after so many looks is treated as known."""
ROOM = 0.25
"""Motion within a known object's box, grown by this share of its size on each side, is that object's."""


@dataclass(slots=True)
class _Anchor:
    box: Box
    since_seconds: float


class Decision(Enum):
    """What to do with a picture."""

    LOOK = auto()
    """The model looks at it."""
    SAME = auto()
    """Everything is where it was."""
    WAIT = auto()
    """Things have moved on; where to, the next look will tell."""


class Attention:
    """What has been looked at, and what stands still. Pure: times come from the frames.

    `exact`: a rule asks where objects go, so that those that move are looked at in every picture.
    """

    def __init__(self, exact: bool = True) -> None:
        self.exact = exact
        self._anchors: dict[str, _Anchor] = {}
        self._looked_seconds = float("-inf")
        self._restless_seconds = float("-inf")
        self._found_something = False

    def decide(self, motion: Motion, things: list[TrackedObject], known: set[str], seconds: float) -> Decision:
        """What to do with this picture. `known` names the tracks that need no more certainty."""
        settled = [thing for thing in things if self._is_settled(thing, known, seconds)]
        present = [thing for thing in things if thing.last_seen_seconds >= self._looked_seconds]
        followed = [] if self.exact else [thing for thing in present if thing.name in known and thing not in settled]
        if motion.is_new or self._has_unexplained(motion, [*settled, *followed]):
            self._restless_seconds = seconds
        if seconds - self._restless_seconds <= SETTLE_SECONDS or self._found_something:
            return Decision.LOOK
        if any(thing not in settled and thing not in followed for thing in present):
            return Decision.LOOK
        if followed:
            # A tenth of a second early is on time: the pictures' rate need not divide this one.
            return Decision.LOOK if seconds - self._looked_seconds > FOLLOWING_SECONDS - 0.1 else Decision.WAIT
        return Decision.LOOK if seconds - self._looked_seconds >= _patience(motion, present) else Decision.SAME

    def looked(self, observed: int, things: list[TrackedObject], seconds: float) -> None:
        """The model has looked and found `observed` things, of which `things` are tracked."""
        self._looked_seconds = seconds
        self._found_something = observed > len(things)  # a track begins with its second look
        for thing in things:
            anchor = self._anchors.get(thing.name)
            if anchor is None or float(overlap(thing.last.box, [anchor.box])[0]) < STEADY_OVERLAP:
                self._anchors[thing.name] = _Anchor(thing.last.box, seconds)

    def renew(self) -> None:
        """Other things are asked for now: what stands there is looked at as if it had just come."""
        self._anchors.clear()

    def forget(self, tracks: Iterable[str]) -> None:
        """Keeps only what belongs to these tracks."""
        alive = set(tracks)
        self._anchors = {track: anchor for track, anchor in self._anchors.items() if track in alive}

    def _is_settled(self, thing: TrackedObject, known: set[str], seconds: float) -> bool:
        anchor = self._anchors.get(thing.name)
        if anchor is None or seconds - anchor.since_seconds < STEADY_SECONDS:
            return False
        return thing.name in known or thing.looks >= LOOKS_UNTIL_DULL

    def _has_unexplained(self, motion: Motion, settled: list[TrackedObject]) -> bool:
        return not all(any(_within(place, thing.last.box) for thing in settled) for place in motion.places)


def _patience(motion: Motion, present: list[TrackedObject]) -> float:
    if motion:
        return FIDGETING_SECONDS
    return STILL_SECONDS if present else EMPTY_SECONDS


def _within(place: Box, box: Box) -> bool:
    wide, high = box.width * ROOM, box.height * ROOM
    return (
        place.x_min >= box.x_min - wide
        and place.y_min >= box.y_min - high
        and place.x_max <= box.x_max + wide
        and place.y_max <= box.y_max + high
    )
