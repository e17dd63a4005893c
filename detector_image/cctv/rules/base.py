"""What a rule sees of an object, and what it answers."""

from dataclasses import dataclass
from typing import Protocol

from vigil_contracts.geometry import Box, Point
from vigil_contracts.names import AlertType


@dataclass(frozen=True, slots=True)
class Subject:
    """A certain object now."""

    track: str
    kind: AlertType
    label: str
    confidence: float
    box: Box
    first_seen_seconds: float
    seconds: float
    """Now; monotonic."""

    @property
    def foot(self) -> Point:
        """Return where it stands."""
        return self.box.foot

    @property
    def size(self) -> float:
        """Return the share of the frame that it covers."""
        return self.box.area


@dataclass(frozen=True, slots=True)
class Hit:
    """A rule has come true for an object."""

    alert_type: AlertType
    description: str
    zone: str = ""
    zone_seconds: float | None = None
    """How long the object has been in the zone, where the rule measures it."""


class Check(Protocol):
    """A rule's own condition. Called for each object in view with each picture; keeps what it must per track."""

    repeats: bool
    """Whether it may come true more than once for one object."""

    def check(self, subject: Subject) -> Hit | None:
        """Whether it comes true now."""

    def forget(self, tracks: set[str]) -> None:
        """Keeps only what belongs to these tracks."""
