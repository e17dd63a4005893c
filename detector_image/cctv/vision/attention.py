"""Decide which frames need inference: those that may show something new.

A scene without motion needs no inference. A known object at rest needs little, even if it moves slightly. A known
moving object is analysed in about every second frame, unless a rule requires exact positions. Objects that are not
confirmed yet, and motion that no known object explains, are analysed in every frame. Objects at rest of classes that
the camera does not detect are treated as known.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum, auto

from cctv.common.overlap import overlap
from cctv.vision.motion import Motion
from cctv.vision.tracking import TrackedObject
from vigil_contracts.geometry import Box

SETTLE_SECONDS = 0.4
"""Inference continues for this long after motion that no object explained: a model may miss a person in one frame."""
FIDGETING_SECONDS, LONGEST_FIDGETING_SECONDS = 2.0, 5.0
"""Interval between inferences for known objects that move without leaving their place: it grows with the
time for which they have been at rest, unless a rule requires exact positions."""
STILL_SECONDS = 10.0
"""Interval between inferences for known objects without any motion."""
EMPTY_SECONDS = 60.0
"""Interval between inferences for an empty scene without motion, in case the motion gate misses something."""
FOLLOWING_SECONDS, FOLLOWING_FRAMES = 0.4, 2
"""Longest interval between inferences for known moving objects: predictions of their positions are reliable for this
long, and a camera that is analysed at a higher rate is meant for faster objects."""
STEADY_OVERLAP = 0.75
STEADY_SECONDS = 0.6
SEARCHED_SECONDS = 1.0
"""The place of a lost object is searched for this long."""
CALM_SECONDS = 10.0
"""A scene is calm after this long without any motion."""
UNMOVED_SECONDS = 30.0
"""Objects in a calm scene have not left their place for this long: parked vehicles, not a person who rests."""
LOOKS_UNTIL_DULL, LOOKS_UNTIL_IRRELEVANT = 15, 5
"""After this many inferences without confirmation, an object at rest is treated as known. The second number is for an
object that none of them took for a class that the camera detects, beside near objects of such a class."""
ROOM, ROOM_TO_WALK = 0.25, 0.75
"""Motion belongs to a known object within its box, enlarged by this fraction of its size on each side. The second
number is for moving near objects: at five frames per second a pedestrian moves by half of their width per frame."""
NEAR_HEIGHT = 0.25
"""Objects of at least this fraction of the frame's height are near. Smaller ones get all the inferences that near
ones are spared, since their tracks are lost more easily."""


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

    `exact`: a rule requires exact positions, so that moving objects are analysed in every frame. `frames_per_second`:
    how often the camera is analysed.
    """

    def __init__(self, exact: bool = True, frames_per_second: float = 5.0) -> None:
        self.exact, self.frames_per_second = exact, frames_per_second
        self._anchors: dict[str, _Anchor] = {}
        self._looked_seconds = float("-inf")
        self._restless_seconds = float("-inf")
        self._found_something = False
        self._moved_seconds: float | None = None
        self._newest_motion = Motion()
        self._shows_something, self._spares = False, True
        """Whether objects to detect are in view, and whether all of them are near."""

    def decide(self, motion: Motion, things: list[TrackedObject], known: set[str], seconds: float) -> Decision:
        """Return how to handle this frame. `known` contains the tracks that need no further confirmation."""
        self._newest_motion = motion
        if motion or self._moved_seconds is None:
            self._moved_seconds = seconds
        present = [thing for thing in things if self.is_present(thing)]
        of_interest = [thing for thing in present if thing.kind is not None]
        self._shows_something, self._spares = bool(of_interest), all(_is_near(thing) for thing in of_interest)
        settled = [thing for thing in things if self._is_settled(thing, known, seconds)]
        followed = [] if self.exact else [thing for thing in present if thing.name in known and thing not in settled]
        # A box of another class may cover a person: a model takes whole scenes for a dining table.
        own = [thing for thing in settled if thing.name in known or thing.looks >= LOOKS_UNTIL_DULL]
        if motion.is_new or not _is_explained(motion, own, followed):
            self._restless_seconds = seconds
        if seconds - self._restless_seconds <= SETTLE_SECONDS or self._found_something:
            return Decision.LOOK
        if any(thing not in settled and thing not in followed for thing in present):
            return Decision.LOOK
        if followed:
            # Accept an early frame, such as by jitter: the frame rate need not divide the analysis rate.
            interval = min(FOLLOWING_SECONDS - 0.1, (FOLLOWING_FRAMES - 0.5) / self.frames_per_second)
            return Decision.LOOK if seconds - self._looked_seconds > interval else Decision.WAIT
        is_due = seconds - self._looked_seconds >= self._patience_seconds(motion, present)
        return Decision.LOOK if is_due else Decision.SAME

    def is_calm(self, things: list[TrackedObject], known: set[str], seconds: float) -> bool:
        """Return whether few frames per second are enough: nothing moves, and nothing in view is likely to."""
        if self._moved_seconds is None or seconds - self._moved_seconds < CALM_SECONDS or self._found_something:
            return False
        present = [thing for thing in things if self.is_present(thing)]
        return all(
            (thing.name in known or _is_irrelevant(thing)) and self._is_unmoved(thing, seconds) for thing in present
        )

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
        """Record an inference on the newest frame that detected `things`, and `untracked` further objects."""
        self._looked_seconds = seconds
        self._found_something = untracked > 0  # a track begins with its second detection
        of_interest = [thing for thing in things if thing.kind is not None and _is_near(thing)]
        if not self.exact and self._newest_motion.places and _is_explained(self._newest_motion, (), of_interest):
            self._restless_seconds = float("-inf")  # this motion needs no second inference
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
        is_ignored = _is_irrelevant(thing) and self._shows_something and self._spares
        is_done = thing.name in known or thing.looks >= LOOKS_UNTIL_DULL or is_ignored
        return is_done and self._rest_seconds(thing, seconds) >= STEADY_SECONDS

    def _is_unmoved(self, thing: TrackedObject, seconds: float) -> bool:
        return self._rest_seconds(thing, seconds) >= UNMOVED_SECONDS

    def _rest_seconds(self, thing: TrackedObject, seconds: float) -> float:
        """Return for how long the object has been at its place."""
        anchor = self._anchors.get(thing.name)
        return 0.0 if anchor is None else seconds - anchor.since_seconds

    def _patience_seconds(self, motion: Motion, present: list[TrackedObject]) -> float:
        """Return the interval between inferences while only known objects at rest are in view."""
        if not motion:
            return STILL_SECONDS if present else EMPTY_SECONDS
        if self.exact or not present or not self._spares:
            return FIDGETING_SECONDS
        at_rest = min(self._rest_seconds(thing, self._looked_seconds) for thing in present)
        return min(max(FIDGETING_SECONDS, at_rest), LONGEST_FIDGETING_SECONDS)


def _is_near(thing: TrackedObject) -> bool:
    return thing.last.box.height >= NEAR_HEIGHT


def _is_irrelevant(thing: TrackedObject) -> bool:
    """Return whether the object is of no class that the camera detects."""
    return thing.kind is None and thing.looks >= LOOKS_UNTIL_IRRELEVANT


def _is_explained(motion: Motion, settled: Sequence[TrackedObject], moving: Sequence[TrackedObject]) -> bool:
    """Return whether all motion belongs to these objects."""
    rooms = [(thing.last.box, ROOM) for thing in settled]
    rooms += [(thing.last.box, ROOM_TO_WALK if _is_near(thing) else ROOM) for thing in moving]
    return all(any(_within(place, box, room) for box, room in rooms) for place in motion.places)


def _within(place: Box, box: Box, room: float) -> bool:
    wide, high = box.width * room, box.height * room
    return (
        place.x_min >= box.x_min - wide
        and place.y_min >= box.y_min - high
        and place.x_max <= box.x_max + wide
        and place.y_max <= box.y_max + high
    )
