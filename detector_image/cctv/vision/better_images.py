"""Better images of reported events: an alert is sent at once, and a better image of its object may follow.

An event is sent with the best image so far. While its object is in view, the best newer image is kept. It replaces
the sent one if it is clearly better: after some seconds, or when the object has left.
"""

from dataclasses import dataclass

from cctv.common.frame import Frame
from cctv.vision.observations import Observation
from cctv.vision.snapshot import CLEARLY_BETTER, ObjectImage

PAUSE_SECONDS = 10.0
"""Minimum interval between two images of one event."""
MAX_CANDIDATES = 8
"""Each entry keeps a decoded frame in memory. Above this number, the oldest event keeps its current image."""


@dataclass(frozen=True, slots=True)
class BetterImage:
    """A better image for an event."""

    event_id: str
    caption: str
    picture: ObjectImage


@dataclass(slots=True)
class _Candidate:
    track: str
    event_id: str
    caption: str
    shown_quality: float
    shown_seconds: float
    best: ObjectImage | None = None

    def take(self) -> BetterImage | None:
        """Return the best image, unless the sent one is about as good."""
        best, self.best = self.best, None
        if best is None or best.quality <= CLEARLY_BETTER * self.shown_quality:
            return None
        self.shown_quality, self.shown_seconds = best.quality, best.frame.monotonic_seconds
        return BetterImage(self.event_id, self.caption, best)


class BetterImages:
    """The reported events whose objects are in view. Times come from the frames, in seconds, and must increase."""

    def __init__(self) -> None:
        self._better_images: list[_Candidate] = []
        self._due: list[BetterImage] = []

    def begin(self, event_id: str, track: str, caption: str, shown: ObjectImage, seconds: float) -> None:
        """Record an event that was sent with the image `shown`."""
        self._better_images.append(_Candidate(track, event_id, caption, shown.quality, seconds))
        while len(self._better_images) > MAX_CANDIDATES:
            self._end(self._better_images.pop(0))

    def consider(self, track: str, frame: Frame, observation: Observation) -> None:
        """Consider a new detection of the object for a better image."""
        candidates = [one for one in self._better_images if one.track == track]
        if not candidates:
            return
        newest = ObjectImage.of(frame, observation)
        for one in candidates:
            if newest.quality > (one.best.quality if one.best else one.shown_quality):
                one.best = newest

    def follow(self, tracks: set[str], seconds: float) -> None:
        """End the events of all objects except `tracks`, which may still be detected."""
        for one in list(self._better_images):
            if one.track not in tracks:
                self._better_images.remove(one)
                self._end(one)
            elif one.best is not None and seconds - one.shown_seconds >= PAUSE_SECONDS:
                self._end(one)

    def take(self) -> list[BetterImage]:
        """Return the images that are due, each once."""
        due, self._due = self._due, []
        return due

    def _end(self, portrait: _Candidate) -> None:
        better = portrait.take()
        if better is not None:
            self._due.append(better)
