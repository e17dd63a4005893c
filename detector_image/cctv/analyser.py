"""One camera's way from pictures to events: motion gate, model, tracks, rules, snapshot. No stream, no network."""

from typing import Any

from cctv.detectors.model import Model
from cctv.events import Event
from cctv.frame import Frame
from vigil_contracts.camera import CameraConfiguration


class Analyser:
    """Analyses the frames of one camera. Not thread-safe: one thread per camera calls it."""

    def __init__(self, camera: CameraConfiguration, model: Model) -> None:
        self._camera = camera
        self._model = model

    def process(self, frame: Frame) -> list[Event]:
        """Takes the next frame (their times rise) and returns the events that it completed."""
        raise NotImplementedError

    def reconfigure(self, camera: CameraConfiguration) -> None:
        """New settings from the next frame on; tracks and what was already reported are kept."""
        self._camera = camera

    def state(self) -> dict[str, Any]:
        """What a restarted detector must know so that it does not report an object again; JSON-compatible."""
        raise NotImplementedError

    def restore(self, state: dict[str, Any]) -> None:
        """Takes up a `state()`; what is too old or not understood is ignored."""
        raise NotImplementedError
