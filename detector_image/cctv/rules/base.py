"""Input and output of a rule's check."""

from dataclasses import dataclass
from typing import Protocol

from vigil_contracts.geometry import Box, Point
from vigil_contracts.names import AlertType


@dataclass(frozen=True, slots=True)
class Subject:
    """A confirmed object in the current frame."""

    track: str
    kind: AlertType
    label: str
    confidence: float
    box: Box
    first_seen_seconds: float
    seconds: float
    """Time of the frame; monotonic."""

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
    """The rule applies to an object."""

    alert_type: AlertType
    description: str
    zone: str = ""
    zone_seconds: float | None = None
    """How long the object has been in the zone, if the rule measures it."""


class Check(Protocol):
    """A rule's condition. Called for each object in view with each frame; may keep state per track."""

    repeats: bool
    """Whether it may apply more than once to one object."""

    def check(self, subject: Subject) -> Hit | None:
        """Return a hit if the rule applies now."""

    def forget(self, tracks: set[str]) -> None:
        """Drop the state of all other tracks."""
