"""Better pictures of what was reported: an alert goes out at once, and the best picture of its object may come later.

An event is told with the best picture so far. While its object stays in view, the best of the newer ones is kept, and
takes the place of the told one when it is clearly better: after some seconds, or when the object is gone.
"""

from dataclasses import dataclass

from cctv.common.frame import Frame
from cctv.vision.observations import Observation
from cctv.vision.snapshot import CLEARLY_BETTER, Picture

PAUSE_SECONDS = 10.0
"""Between two pictures of one event."""
MOST_PORTRAITS = 8
"""Each keeps a decoded picture alive. Past this number, the oldest keeps what it has."""


@dataclass(frozen=True, slots=True)
class BetterPicture:
    """A picture that an event should rather have."""

    event_id: str
    caption: str
    picture: Picture


@dataclass(slots=True)
class _Portrait:
    track: str
    event_id: str
    caption: str
    shown_quality: float
    shown_seconds: float
    best: Picture | None = None

    def take(self) -> BetterPicture | None:
        """The best picture, unless the shown one is about as good."""
        best, self.best = self.best, None
        if best is None or best.quality <= CLEARLY_BETTER * self.shown_quality:
            return None
        self.shown_quality, self.shown_seconds = best.quality, best.frame.monotonic_seconds
        return BetterPicture(self.event_id, self.caption, best)


class Portraits:
    """The reported events whose objects are in view. Times are the frames' own, in seconds, and rise."""

    def __init__(self) -> None:
        self._portraits: list[_Portrait] = []
        self._due: list[BetterPicture] = []

    def begin(self, event_id: str, track: str, caption: str, shown: Picture, seconds: float) -> None:
        """An event was told with the picture `shown`."""
        self._portraits.append(_Portrait(track, event_id, caption, shown.quality, seconds))
        while len(self._portraits) > MOST_PORTRAITS:
            self._end(self._portraits.pop(0))

    def consider(self, track: str, frame: Frame, observation: Observation) -> None:
        """The model has seen the object again."""
        portraits = [one for one in self._portraits if one.track == track]
        if not portraits:
            return
        newest = Picture.of(frame, observation)
        for one in portraits:
            if newest.quality > (one.best.quality if one.best else one.shown_quality):
                one.best = newest

    def follow(self, tracks: set[str], seconds: float) -> None:
        """`tracks` are the objects that may still be seen; the others' events have ended."""
        for one in list(self._portraits):
            if one.track not in tracks:
                self._portraits.remove(one)
                self._end(one)
            elif one.best is not None and seconds - one.shown_seconds >= PAUSE_SECONDS:
                self._end(one)

    def take(self) -> list[BetterPicture]:
        """Those that are due, each once."""
        due, self._due = self._due, []
        return due

    def _end(self, portrait: _Portrait) -> None:
        better = portrait.take()
        if better is not None:
            self._due.append(better)
