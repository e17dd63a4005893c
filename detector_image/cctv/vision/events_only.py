"""Stands in for the analyser of a camera that is analysed by no model: its alerts are the camera's own events."""

from typing import Any, Protocol

from cctv.common.events import Event, EventImage
from cctv.common.frame import Frame
from cctv.vision.presence import Counts
from vigil_contracts.camera import CameraConfiguration
from vigil_contracts.geometry import Box


class FrameAnalyser(Protocol):
    """Derives events from frames; `cctv.vision.analyser.Analyser` describes the methods."""

    has_motion: bool
    motion_places: tuple[Box, ...]
    is_calm: bool

    def process(self, frame: Frame) -> list[Event]:
        """Take the next frame and return the events that it completes."""

    def in_view(self, seconds: float) -> list[tuple[Box, str]]:
        """Return boxes for the live view."""

    def object_counts(self, seconds: float) -> Counts:
        """Return how many confirmed objects of each type are in view."""

    def better_images(self, *, is_last: bool = False) -> list[EventImage]:
        """Return better images for earlier events."""

    def reconfigure(self, camera: CameraConfiguration) -> None:
        """Apply new settings."""

    def state(self) -> dict[str, Any]:
        """Return the state to keep over a restart."""

    def restore(self, state: dict[str, Any]) -> None:
        """Load a `state()`."""


class NoAnalyser:
    """Finds nothing, and needs no processor time."""

    has_motion = False
    motion_places: tuple[Box, ...] = ()
    is_calm = True

    def process(self, _frame: Frame) -> list[Event]:
        """Return no events."""
        return []

    def in_view(self, _seconds: float) -> list[tuple[Box, str]]:
        """Return no boxes."""
        return []

    def object_counts(self, _seconds: float) -> Counts:
        """Return no counts: a camera does not report them."""
        return ()

    def better_images(self, *, is_last: bool = False) -> list[EventImage]:
        """Return no images."""
        return []

    def reconfigure(self, camera: CameraConfiguration) -> None:
        """Nothing depends on the settings."""

    def state(self) -> dict[str, Any]:
        """Return no state."""
        return {}

    def restore(self, _state: dict[str, Any]) -> None:
        """Nothing is kept."""
