"""An analyser with its models and outage detection, and their state on disk."""

import json
import time
from typing import Any

from cctv.detectors.model_pool import MeasuredModel, Models
from cctv.detectors.several import as_one
from cctv.metrics import Metrics
from cctv.vision.analyser import Analyser
from cctv.vision.events_only import FrameAnalyser, NoAnalyser
from cctv.vision.offline import OutageWatch
from cctv.vision.state_store import StateStore
from vigil_contracts.camera import CameraConfiguration
from vigil_contracts.health import InferenceHealth


class Analysis:
    """The components of one camera's analysis thread. Raises `ModelInvalidError` if a model cannot be loaded."""

    def __init__(
        self,
        camera: CameraConfiguration,
        models: Models,
        states: StateStore,
        metrics: Metrics,
        offline_alert_after_seconds: float,
    ) -> None:
        self._models = [
            MeasuredModel(models.get(*name), metrics, camera.id, models.busy) for name in names_of_models(camera)
        ]
        self._names = ", ".join(models.name_of(name) for name, _ in names_of_models(camera))
        self.analyser: FrameAnalyser = Analyser(camera, as_one(self._models)) if self._models else NoAnalyser()
        self.outage = OutageWatch(offline_alert_after_seconds)
        self._camera_id, self._states = camera.id, states
        self._saved = ""
        self.checked_at = time.monotonic()
        state: dict[str, Any] = states.load(camera.id)
        if state:
            self.analyser.restore(state.get("analyser", {}))
            self.outage.restore(state.get("outage", {}))

    @property
    def uses(self) -> int:
        """Return the number of inferences, over all models."""
        return self._models[0].uses if self._models else 0

    @property
    def inference_seconds(self) -> float:
        """Return the sum over these inferences."""
        return self._models[0].seconds if self._models else 0.0

    def inference(self) -> InferenceHealth:
        """Return what the models use. All share one device, so the first model stands for them."""
        info = self._models[0].info if self._models else None
        if info is None:
            return InferenceHealth(model=self._names[:500])
        return InferenceHealth(
            model=self._names[:500], runtime=info.runtime, device=info.device, precision=info.precision
        )

    def check(self) -> None:
        """Raise `ModelInvalidError` if a model is unavailable."""
        self.checked_at = time.monotonic()
        for model in self._models:
            model.check()

    def save(self) -> None:
        """Write the state to disk if it has changed."""
        state = {"analyser": self.analyser.state(), "outage": self.outage.state()}
        text = json.dumps(state, sort_keys=True)
        if text != self._saved:
            self._saved = text
            self._states.save(self._camera_id, state)


def names_of_models(camera: CameraConfiguration) -> list[tuple[str, tuple[str, ...]]]:
    """Return the camera's models by name and prompts; none where its own events create the alerts."""
    if not camera.detection.uses_models:
        return []
    return [(one.model, one.prompts) for one in camera.detection.chosen_models]
