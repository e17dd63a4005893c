"""When a tracked object counts as real: by several looks over some time, never by one lucky picture."""

from statistics import median

from cctv.vision.tracking import TrackedObject

LOOKS_NEEDED = 3
LOOKS_OF_KIND_NEEDED = 2
SECONDS_NEEDED = 0.35
"""From the first to the last look: at 10 pictures a second, three looks alone would be over too soon."""
WEAK_SHARE = 0.5
WEAK_AT_MOST = 0.25


def weak_confidence(minimum_confidence: float) -> float:
    """The lower threshold: what is above it keeps an object alive and starts a track, but proves nothing."""
    return min(WEAK_AT_MOST, WEAK_SHARE * minimum_confidence)


def real_confidence(thing: TrackedObject, minimum_confidence: float) -> float | None:
    """How sure it is that `thing` is real and of its kind, 0.0 to 1.0; None while it is not sure enough.

    Two things are asked. That there is an object: the median of its last scores, whatever the model called it,
    reaches the minimum. That it is of its kind: so does the mean of the two best looks that said so. A class that
    nobody looks for has no veto: seen from above, COCO's models call most cars a phone for most of the time.
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
