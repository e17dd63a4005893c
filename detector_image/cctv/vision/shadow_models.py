"""The model in shadow of a process: apart from the models in use, which must never wait for it."""

import threading
import time
from collections.abc import Callable

from cctv.detectors.errors import ModelInvalidError
from cctv.detectors.model import Model
from cctv.detectors.model_pool import Models
from cctv.vision.shadow_guard import ShadowGuard

HEALTHY_SECONDS = 600.0
"""A process that has run with the model for this long does not end because of it."""

ENDED_THE_DETECTOR = (
    "The detector ended twice while it ran this model, so it does not load it again. Its log, or the reason why its "
    "container was terminated, says more; often it needs more memory"
)


class ShadowModels:
    """Loads the model once for all cameras of the process. Thread-safe."""

    def __init__(
        self, models: Models, guard: ShadowGuard, trial: str, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self.trial = trial
        self._models, self._guard, self._monotonic = models, guard, monotonic
        self._lock = threading.Lock()
        self._began_seconds: float | None = None
        self._is_healthy = False

    @property
    def name(self) -> str:
        """The model's name for users."""
        return self._models.name_of("")

    def get(self) -> Model:
        """Return the loaded model. Raises `ModelInvalidError`; `ModelUnavailableError` if a later try may succeed."""
        with self._lock:
            if self._began_seconds is None:
                try:
                    may_load = self._guard.begin()
                except OSError as error:
                    raise ModelInvalidError(f"VIGIL_SPOOL_DIR: must be writable; {error.strerror}") from None
                if not may_load:
                    raise ModelInvalidError(ENDED_THE_DETECTOR)
                self._began_seconds = self._monotonic()
        return self._models.get("")

    def note_frame(self) -> None:
        """Record that the model has analysed a frame. Raises OSError if the disk fails."""
        if self._is_healthy or self._began_seconds is None:
            return
        if self._monotonic() - self._began_seconds >= HEALTHY_SECONDS:
            self._is_healthy = True
            self._guard.end()

    def close(self) -> None:
        """Close the model at the end of the process. Raises OSError if the disk fails."""
        with self._lock:
            self._models.close()
            if self._began_seconds is not None:
                self._guard.end()
