"""Count right, missed and false events against what a clip shows. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Visit:
    """An object in a clip: its alert type and the seconds between which it is in view."""

    kind: str
    begin: float
    end: float


@dataclass(frozen=True, slots=True)
class Score:
    """The number of visits with an event, without one, and of events without a visit of their own."""

    right: int
    missed: int
    false: int


def score(events: Sequence[tuple[str, float]], visits: Sequence[Visit]) -> Score:
    """Assign events (alert type, seconds), in their order, to visits; each visit has one event at most."""
    open_visits = sorted(visits, key=lambda visit: visit.end)
    false = 0
    for kind, seconds in events:
        fitting = [visit for visit in open_visits if visit.kind == kind and visit.begin <= seconds <= visit.end]
        if fitting:
            open_visits.remove(fitting[0])
        else:
            false += 1
    return Score(len(visits) - len(open_visits), len(open_visits), false)
