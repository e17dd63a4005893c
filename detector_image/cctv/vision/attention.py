"""Decide which frames need inference: those that may show something new.

A scene without motion needs no inference. A known object at rest needs little, even if it moves slightly. A known
moving object is analysed in about every second frame, unless a rule requires exact positions. Objects that are not
confirmed yet, and motion that no known object explains, are analysed in every frame.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum, auto

from cctv.common.overlap import overlap
from cctv.vision.motion import Motion
from cctv.vision.tracking import TrackedObject
from vigil_contracts.geometry import Box

SETTLE_SECONDS = 0.4
"""Inference continues for this long after motion ends: a model may miss a person in a single frame."""
FIDGETING_SECONDS = 2.0
"""Interval between inferences for known objects that move without leaving their place."""
STILL_SECONDS = 10.0
"""Interval between inferences for known objects without any motion."""
EMPTY_SECONDS = 60.0
"""Interval between inferences for an empty scene without motion, in case the motion gate misses something."""
FOLLOWING_SECONDS = 0.4
"""Interval between inferences for known moving objects. Position predictions are reliable for this long."""
STEADY_OVERLAP = 0.75
STEADY_SECONDS = 0.6
SEARCHED_SECONDS = 1.0
"""The place of a lost object is searched for this long."""
CALM_SECONDS = 10.0
"""A scene is calm after this long without any motion."""
UNMOVED_SECONDS = 30.0
"""Objects in a calm scene have not left their place for this long: parked vehicles, not a person who rests."""
LOOKS_UNTIL_DULL = 15
"""After this many inferences without confirmation, an object is treated as known."""
ROOM = 0.25
"""Motion belongs to a known object within its box, enlarged by this fraction of its size on each side."""


@dataclass(slots=True)
class _Anchor:
    box: Box
    since_seconds: float


class Decision(Enum):
    """How to handle a frame."""

    LOOK = auto()
    """Run the model."""
    SAME = auto()
    """Skip the frame: nothing has moved."""
    WAIT = auto()
    """Skip the frame: objects have moved, and the next inference will show where."""


class Attention:
    """Tracks what has been analysed and what stands still. Pure: times come from the frames.

    `exact`: a rule requires exact positions, so that moving objects are analysed in every frame.
    """

    def __init__(self, exact: bool = True) -> None:
        self.exact = exact
        self._anchors: dict[str, _Anchor] = {}
        self._looked_seconds = float("-inf")
        self._restless_seconds = float("-inf")
        self._found_something = False
        self._moved_seconds: float | None = None

    def decide(self, motion: Motion, things: list[TrackedObject], known: set[str], seconds: float) -> Decision:
        """Return how to handle this frame. `known` contains the tracks that need no further confirmation."""
        if motion or self._moved_seconds is None:
            self._moved_seconds = seconds
        settled = [thing for thing in things if self._is_settled(thing, known, seconds)]
        present = [thing for thing in things if self.is_present(thing)]
        followed = [] if self.exact else [thing for thing in present if thing.name in known and thing not in settled]
        if motion.is_new or self._has_unexplained(motion, [*settled, *followed]):
            self._restless_seconds = seconds
        if seconds - self._restless_seconds <= SETTLE_SECONDS or self._found_something:
            return Decision.LOOK
        if any(thing not in settled and thing not in followed for thing in present):
            return Decision.LOOK
        if followed:
            # Accept a frame up to a tenth of a second early: the frame rate need not divide the analysis rate.
            return Decision.LOOK if seconds - self._looked_seconds > FOLLOWING_SECONDS - 0.1 else Decision.WAIT
        return Decision.LOOK if seconds - self._looked_seconds >= _patience(motion, present) else Decision.SAME

    def is_calm(self, things: list[TrackedObject], known: set[str], seconds: float) -> bool:
        """Return whether few frames per second are enough: nothing moves, and nothing in view is likely to."""
        if self._moved_seconds is None or seconds - self._moved_seconds < CALM_SECONDS or self._found_something:
            return False
        present = [thing for thing in things if self.is_present(thing)]
        return all(thing.name in known and self._is_unmoved(thing, seconds) for thing in present)

    def divide(
        self, things: list[TrackedObject], known: set[str], seconds: float
    ) -> tuple[list[TrackedObject], list[TrackedObject]]:
        """Return the objects that need a closer look, and the settled ones in view. Those lost earlier are left out.

        An object that was missed once needs a closer look, even if nothing moves: the model may find it again.
        """
        settled = [thing for thing in things if self.is_present(thing) and self._is_settled(thing, known, seconds)]
        recent = [thing for thing in things if seconds - thing.last_seen_seconds <= SEARCHED_SECONDS]
        return [thing for thing in recent if thing not in settled], settled

    def is_present(self, thing: TrackedObject) -> bool:
        """Return whether the object was in view at the last inference, or has been carried over since then."""
        return thing.last_seen_seconds >= self._looked_seconds

    def note_detection(self, untracked: int, things: list[TrackedObject], seconds: float) -> None:
        """Record an inference that detected `things`, and `untracked` further objects."""
        self._looked_seconds = seconds
        self._found_something = untracked > 0  # a track begins with its second detection
        for thing in things:
            anchor = self._anchors.get(thing.name)
            if anchor is None or float(overlap(thing.last.box, [anchor.box])[0]) < STEADY_OVERLAP:
                self._anchors[thing.name] = _Anchor(thing.last.box, seconds)

    def renew(self) -> None:
        """Analyse known objects as if they were new, because the settings have changed."""
        self._anchors.clear()

    def forget(self, tracks: Iterable[str]) -> None:
        """Drop the state of all other tracks."""
        alive = set(tracks)
        self._anchors = {track: anchor for track, anchor in self._anchors.items() if track in alive}

    def _is_settled(self, thing: TrackedObject, known: set[str], seconds: float) -> bool:
        anchor = self._anchors.get(thing.name)
        if anchor is None or seconds - anchor.since_seconds < STEADY_SECONDS:
            return False
        return thing.name in known or thing.looks >= LOOKS_UNTIL_DULL

    def _is_unmoved(self, thing: TrackedObject, seconds: float) -> bool:
        anchor = self._anchors.get(thing.name)
        return anchor is not None and seconds - anchor.since_seconds >= UNMOVED_SECONDS

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
