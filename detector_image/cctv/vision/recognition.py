"""Decide when a tracked object counts as real: several detections over some time, never a single lucky one."""

from statistics import median

from cctv.vision.tracking import TrackedObject
from vigil_contracts.names import AlertType

LOOKS_NEEDED = 3
LOOKS_OF_KIND_NEEDED = 2
SECONDS_NEEDED = 0.35
"""Minimum time from first to last detection: at 10 fps, three detections alone would take too little time."""
WEAK_SHARE = 0.5
WEAK_AT_MOST = 0.25
CLEAR_SHARE = 0.4
"""A clear detection lies this far between the minimum confidence and 1."""


def weak_confidence(minimum_confidence: float) -> float:
    """Return the lower threshold: detections above it continue or start a track, but do not confirm an object."""
    return min(WEAK_AT_MOST, WEAK_SHARE * minimum_confidence)


def real_confidence(thing: TrackedObject, minimum_confidence: float) -> float | None:
    """Return the confidence that `thing` is real and of its type, 0.0 to 1.0; None while it is too low.

    Two conditions: it is an object, if the median of its recent confidences, for any class, reaches the minimum; and
    it is of its type, if the mean of the two best detections of that type does too. Classes that are not selected
    have no veto: from above, COCO models classify most cars as a phone most of the time.
    """
    evidence = thing.evidence.get(thing.kind, []) if thing.kind else []
    if thing.looks < LOOKS_NEEDED or len(evidence) < LOOKS_OF_KIND_NEEDED:
        return None
    if thing.last_seen_seconds - thing.first_seen_seconds < SECONDS_NEEDED:
        return None
    best = sum(evidence[:LOOKS_OF_KIND_NEEDED]) / LOOKS_OF_KIND_NEEDED
    if median(thing.scores) < minimum_confidence or best < minimum_confidence:
        return None
    return round(min(1.0, best), 4)


def clear_kind(thing: TrackedObject, minimum_confidence: float) -> AlertType | None:
    """Return the type that the newest detection of `thing` shows clearly, before it is confirmed; None without one.

    A track begins with the second of two consecutive detections, so one lucky detection is not enough here either.
    """
    clear = minimum_confidence + CLEAR_SHARE * (1 - minimum_confidence)
    vote = thing.last.votes.get(thing.kind) if thing.kind else None
    return thing.kind if vote is not None and vote.confidence >= clear else None
