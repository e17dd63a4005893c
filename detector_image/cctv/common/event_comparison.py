"""Compare the events of two models that analyse the same frames.

Two events are the same if they have the same type, rule and zone, are at most `MATCH_SECONDS` apart, and their boxes
are where one object can have been at both times.
"""

from collections import deque
from collections.abc import Sequence
from enum import StrEnum

from cctv.common.events import Event
from vigil_contracts.geometry import Box

MATCH_SECONDS = 5.0
"""One model may confirm an object earlier than the other."""

MARGIN, SPEED = 0.02, 0.15
"""An object moves by this part of the frame per second, in addition to the margin. A person who crosses the view of a
camera needs about six seconds."""

MAX_PENDING = 1000
"""Events of each model that wait for one of the other; the oldest are no longer compared."""


class Outcome(StrEnum):
    """What became of an event."""

    AGREED = "agreed"
    """Both models have it."""
    MISSED = "missed"
    """Only the model in use has it."""
    NEW = "new"
    """Only the model in shadow has it."""


class EventComparison:
    """Takes the events of both models in the order of their frames. Not thread-safe."""

    def __init__(self) -> None:
        self._live: deque[tuple[float, Event]] = deque(maxlen=MAX_PENDING)
        self._shadow: deque[tuple[float, Event]] = deque(maxlen=MAX_PENDING)
        self._live_seconds = self._shadow_seconds = float("-inf")

    def add_live(self, events: Sequence[Event], seconds: float) -> list[Outcome]:
        """Add what the model in use found in the frame of this monotonic time; return the outcomes known by it."""
        self._live_seconds = seconds
        agreed = _match(events, seconds, self._shadow, self._live)
        return agreed + _settle(self._shadow, self._live_seconds, Outcome.NEW)

    def add_shadow(self, events: Sequence[Event], seconds: float) -> list[Outcome]:
        """Add what the model in shadow found in that frame; return the outcomes known by it."""
        self._shadow_seconds = seconds
        agreed = _match(events, seconds, self._live, self._shadow)
        return agreed + _settle(self._live, self._shadow_seconds, Outcome.MISSED)


def is_same(one: Event, other: Event, seconds_apart: float) -> bool:
    """Return whether two events of different models tell of the same thing."""
    if (one.alert_type, one.rule, one.zone) != (other.alert_type, other.rule, other.zone):
        return False
    if abs(seconds_apart) > MATCH_SECONDS:
        return False
    if one.box is None or other.box is None:
        return True
    return _gap(one.box, other.box) <= MARGIN + SPEED * abs(seconds_apart)


def _match(
    events: Sequence[Event],
    seconds: float,
    others: deque[tuple[float, Event]],
    own: deque[tuple[float, Event]],
) -> list[Outcome]:
    agreed = []
    for event in events:
        same = [(at, other) for at, other in others if is_same(event, other, seconds - at)]
        if same:
            others.remove(min(same, key=lambda found: (_distance(event, found[1]), abs(seconds - found[0]))))
            agreed.append(Outcome.AGREED)
        else:
            own.append((seconds, event))
    return agreed


def _settle(pending: deque[tuple[float, Event]], other_seconds: float, outcome: Outcome) -> list[Outcome]:
    """Return the outcomes of events that the other model can no longer have."""
    settled = []
    while pending and pending[0][0] + MATCH_SECONDS < other_seconds:
        pending.popleft()
        settled.append(outcome)
    return settled


def _gap(one: Box, other: Box) -> float:
    """Return the distance between two boxes on the axis where it is larger; 0.0 or less if they touch."""
    across = max(one.x_min, other.x_min) - min(one.x_max, other.x_max)
    down = max(one.y_min, other.y_min) - min(one.y_max, other.y_max)
    return max(across, down)


def _distance(one: Event, other: Event) -> float:
    """Return the distance of the boxes' centres on the axis where it is larger; 0.0 for an event without a box."""
    if one.box is None or other.box is None:
        return 0.0
    across = abs(one.box.x_min + one.box.x_max - other.box.x_min - other.box.x_max) / 2
    down = abs(one.box.y_min + one.box.y_max - other.box.y_min - other.box.y_max) / 2
    return max(across, down)
