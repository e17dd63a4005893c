"""Run a new model in shadow: beside the model in use, on the same frames, without alerts; compare their events.

The model in use comes first. The shadow has a thread of its own with a low priority, starts no frame while the model
in use is at work, and leaves out frames for which it has no time. Its first error ends it.
"""

import contextlib
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from cctv.common.event_comparison import EventComparison, Outcome
from cctv.common.events import Event
from cctv.common.frame import Frame
from cctv.common.mailbox import Mailbox
from cctv.detectors.errors import ModelInvalidError, ModelUnavailableError
from cctv.detectors.model_pool import TimedModel
from cctv.logs import camera_logger
from cctv.metrics import Metrics
from cctv.vision.analyser import Analyser
from cctv.vision.analysis import Analysis, names_of_models
from cctv.vision.shadow_models import ShadowModels
from vigil_contracts.backoff import Backoff
from vigil_contracts.camera import CameraConfiguration
from vigil_contracts.names import AlertType
from vigil_contracts.shadow import CONFIDENCE_BINS, ModelUse, ShadowCounts, ShadowReport, ShadowState

SETTLING_SECONDS = 30.0
"""Events are compared from this time after the first frame on: a new tracker reports what stands in view at first."""

NICENESS = 15
LIVE_WAIT_SECONDS = 1.0
"""A frame for which the model in use leaves no time for this long is skipped."""

_TAKE_SECONDS = 0.5


@dataclass(slots=True)
class _Use:
    """What one model did; see `vigil_contracts.shadow.ModelUse`."""

    frames: int = 0
    inferences: int = 0
    inference_seconds: float = 0.0
    confidences: list[int] = field(default_factory=lambda: [0] * CONFIDENCE_BINS)

    def add_events(self, events: Sequence[Event]) -> None:
        for event in events:
            self.confidences[min(int(event.confidence * CONFIDENCE_BINS), CONFIDENCE_BINS - 1)] += 1

    def to_contract(self) -> ModelUse:
        return ModelUse(
            frames=self.frames,
            inferences=self.inferences,
            inference_seconds=round(self.inference_seconds, 6),
            confidences=tuple(self.confidences),
        )


class Shadow:
    """The shadow of one camera's analysis, from its creation to `stop`. Thread-safe; no method raises or waits."""

    def __init__(
        self,
        camera: CameraConfiguration,
        analysis: Analysis,
        models: ShadowModels,
        metrics: Metrics,
        settling_seconds: float = SETTLING_SECONDS,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._camera = _without_tamper(camera)
        self._analysis, self._models, self._metrics = analysis, models, metrics
        self._settling_seconds, self._monotonic = settling_seconds, monotonic
        self._known: dict[str, Any] = analysis.analyser.state()
        self._log = camera_logger(camera.id)
        self._mailbox: Mailbox[Frame] = Mailbox()
        self._stopping = threading.Event()
        self._live_is_idle = threading.Event()
        self._live_is_idle.set()
        self._lock = threading.Lock()
        self._comparison = EventComparison()
        self._compared_from_seconds: float | None = None
        self._outcomes = dict.fromkeys(Outcome, 0)
        self._skipped = 0
        self._live, self._shadow = _Use(), _Use()
        self._live_before = (analysis.uses, analysis.inference_seconds)
        self._state, self._failure = ShadowState.LOADING, ""
        self._run_id = uuid4().hex
        metrics.begin_shadow(camera.id)
        self._thread = threading.Thread(target=self._run, name=f"shadow-{camera.id}", daemon=True)
        self._thread.start()

    @contextlib.contextmanager
    def paused(self) -> Iterator[None]:
        """Let no frame of the shadow begin while the model in use analyses one."""
        self._live_is_idle.clear()
        try:
            yield
        finally:
            self._live_is_idle.set()

    def offer(self, frame: Frame, events: Sequence[Event]) -> None:
        """Give a frame that the model in use has analysed, with its events."""
        if self._state is not ShadowState.RUNNING:
            return
        with self._lock:
            uses, seconds = self._analysis.uses, self._analysis.inference_seconds
            self._live.frames += 1
            self._live.inferences += uses - self._live_before[0]
            self._live.inference_seconds += seconds - self._live_before[1]
            self._live_before = (uses, seconds)
            if self._is_compared(frame):
                events = [event for event in events if event.alert_type is not AlertType.TAMPER]
                self._live.add_events(events)
                self._count(self._comparison.add_live(events, frame.monotonic_seconds))
        if self._mailbox.put(frame):
            self._skip()

    def report(self) -> ShadowReport:
        """Return what was compared so far."""
        with self._lock:
            return ShadowReport(
                trial=self._models.trial,
                run=self._run_id,
                model=self._models.name[:500],
                state=self._state,
                failure=self._failure[:500],
                counts=ShadowCounts(
                    agreed=self._outcomes[Outcome.AGREED],
                    missed=self._outcomes[Outcome.MISSED],
                    new=self._outcomes[Outcome.NEW],
                    skipped_frames=self._skipped,
                    live=self._live.to_contract(),
                    shadow=self._shadow.to_contract(),
                ),
            )

    def stop(self, timeout_seconds: float = 0.0) -> None:
        """End the shadow; wait at most this long for its current frame."""
        self._stopping.set()
        self._mailbox.close()
        if timeout_seconds > 0:
            self._thread.join(timeout_seconds)

    def _run(self) -> None:
        with contextlib.suppress(OSError):  # of this thread only, on Linux
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)
        try:
            model = self._load()
            if model is not None:
                self._analyse_frames(model)
        except ModelInvalidError as error:
            self._fail(error.shown)
            self._log.error("the model in shadow was stopped: %s; the model in use goes on", error)
        except Exception as error:  # noqa: BLE001 - of any kind, it must not reach the model in use
            self._fail(f"The model failed: {type(error).__name__}")
            self._log.exception("the model in shadow was stopped; the model in use goes on")

    def _load(self) -> TimedModel | None:
        """Return the loaded model; None if the shadow is stopped first. Raises `ModelInvalidError`."""
        backoff = Backoff(2.0, 60.0)
        while not self._stopping.is_set():
            try:
                return TimedModel(self._models.get(), self._camera.id)
            except ModelUnavailableError as error:
                self._log.warning("the model in shadow is not available: %s; retrying", error)
                self._stopping.wait(backoff.next_seconds())
        return None

    def _analyse_frames(self, model: TimedModel) -> None:
        analyser = Analyser(self._camera, model)
        # What was reported before is not new.
        analyser.restore(self._known)
        with self._lock:
            self._live_before = (self._analysis.uses, self._analysis.inference_seconds)
            self._state = ShadowState.RUNNING
        self._metrics.shadow_up.labels(str(self._camera.id)).set(1)
        self._log.info("the model %s runs in shadow", self._models.name)
        while not self._stopping.is_set():
            frame = self._mailbox.take(_TAKE_SECONDS)
            if frame is None:
                continue
            if not self._live_is_idle.wait(LIVE_WAIT_SECONDS):
                self._skip()
                continue
            try:
                self._analyse(frame, analyser, model)
            except ModelUnavailableError:
                self._skip()

    def _analyse(self, frame: Frame, analyser: Analyser, model: TimedModel) -> None:
        uses, seconds = model.uses, model.seconds
        events = analyser.process(frame)
        analyser.better_images()  # nobody receives them
        self._models.note_frame()
        uses, seconds = model.uses - uses, model.seconds - seconds
        with self._lock:
            self._shadow.frames += 1
            self._shadow.inferences += uses
            self._shadow.inference_seconds += seconds
            if self._compared_from_seconds is None:
                self._compared_from_seconds = frame.monotonic_seconds + self._settling_seconds
            if self._is_compared(frame):
                self._shadow.add_events(events)
                self._count(self._comparison.add_shadow(events, frame.monotonic_seconds))
        self._metrics.shadow_frames.labels(str(self._camera.id), "analysed").inc()
        if uses:
            self._metrics.shadow_inference.labels(str(self._camera.id)).observe(seconds / uses)

    def _is_compared(self, frame: Frame) -> bool:
        return self._compared_from_seconds is not None and frame.monotonic_seconds >= self._compared_from_seconds

    def _count(self, outcomes: Sequence[Outcome]) -> None:
        for outcome in outcomes:
            self._outcomes[outcome] += 1
            self._metrics.shadow_events.labels(str(self._camera.id), outcome).inc()

    def _skip(self) -> None:
        with self._lock:
            self._skipped += 1
        self._metrics.shadow_frames.labels(str(self._camera.id), "skipped").inc()

    def _fail(self, why: str) -> None:
        with self._lock:
            self._state, self._failure = ShadowState.FAILED, why
        self._metrics.shadow_up.labels(str(self._camera.id)).set(0)


def can_shadow(camera: CameraConfiguration) -> bool:
    """Return whether the camera uses the detector's default model and no other, which the shadow is compared with."""
    return names_of_models(camera) == [("", ())]


def _without_tamper(camera: CameraConfiguration) -> CameraConfiguration:
    """Return the camera without tamper detection, which needs no model."""
    return camera.model_copy(update={"detection": camera.detection.model_copy(update={"tamper": False})})
