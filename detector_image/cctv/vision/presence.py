"""Count the objects in view, per type and zone, and decide when a change is reported."""

from collections.abc import Iterable

from cctv.vision.tracking import TrackedObject
from vigil_contracts.geometry import is_inside
from vigil_contracts.health import MAX_OBJECTS, ObjectCount
from vigil_contracts.names import AlertType
from vigil_contracts.rules import Zone

Counts = tuple[ObjectCount, ...]

PRESENT_SECONDS = 2.0
"""An object counts as present for this long after it was last detected: a model may miss it in a few frames."""
PRESENT_FRAMES = 2.0
"""The same in frames, for cameras that are analysed less than once a second."""
UNCONFIRMED_SECONDS = 5.0
"""A clearly detected object counts for this long before it is confirmed. Most are confirmed 0.4 s later."""
COUNTS_EVERY_SECONDS = 1.0
"""Minimum time between two reports that only change a number. «Someone» and «nobody» are reported at once."""


def present_seconds(frames_per_second: float) -> float:
    """Return how long an object counts as present after its last detection."""
    return max(PRESENT_SECONDS, PRESENT_FRAMES / frames_per_second)


def count_objects(things: Iterable[TrackedObject], kinds: Iterable[AlertType], zones: Iterable[Zone]) -> Counts:
    """Return the number of objects of each type in the frame and in each zone, zeros included."""
    feet: dict[AlertType, list[tuple[float, float]]] = {kind: [] for kind in sorted(kinds)}
    for thing in things:
        if thing.kind in feet:
            feet[thing.kind].append(thing.last.box.foot)
    areas = tuple(zones)
    counts = []
    for kind, places in feet.items():
        counts.append(_count(kind, "", len(places)))
        counts += [_count(kind, zone.name, sum(is_inside(place, zone.points) for place in places)) for zone in areas]
    return tuple(counts)


def _count(kind: AlertType, zone: str, number: int) -> ObjectCount:
    return ObjectCount(alert_type=kind, zone=zone, count=min(number, MAX_OBJECTS))


class ClearlySeen:
    """The objects of one camera that count although they are not confirmed yet, so that presence shows earlier.

    Alerts need confirmed objects. An object stays here after one clear detection: presence must not flicker with the
    confidence of the next ones.
    """

    def __init__(self) -> None:
        self._since: dict[str, float] = {}

    def note(self, track: str, seconds: float) -> None:
        """Note a clear detection of a track."""
        self._since.setdefault(track, seconds)

    def counts(self, track: str, seconds: float) -> bool:
        """Return whether the track counts at this time even if it is not confirmed."""
        return seconds - self._since.get(track, float("-inf")) <= UNCONFIRMED_SECONDS

    def forget(self, tracked: set[str]) -> None:
        """Drop all other tracks."""
        self._since = {track: since for track, since in self._since.items() if track in tracked}


class Presence:
    """The latest counts of one camera. Pure: times come from the frames."""

    def __init__(self) -> None:
        self.counts: Counts | None = None
        """The latest counts; None before the first frame."""
        self._reported: Counts | None = None
        self._reported_seconds = 0.0

    def update(self, counts: Counts, seconds: float) -> bool:
        """Take the counts of a frame; return whether they must be reported now."""
        self.counts = counts
        if counts == self._reported:
            return False
        is_early = self._reported is not None and seconds - self._reported_seconds < COUNTS_EVERY_SECONDS
        if is_early and _occupied(counts) == _occupied(self._reported or ()):
            return False
        self._reported, self._reported_seconds = counts, seconds
        return True


def _occupied(counts: Counts) -> frozenset[tuple[AlertType, str]]:
    return frozenset((one.alert_type, one.zone) for one in counts if one.count)
