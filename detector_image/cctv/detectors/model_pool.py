"""The models of a process: each is loaded once for all cameras, and measured per camera."""

import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import numpy as np

from cctv.common.busy_time import BusyTime
from cctv.common.frame import Frame
from cctv.detectors.errors import DeviceUnavailableError, ModelInvalidError, without_folders
from cctv.detectors.inference_server import InferenceServer
from cctv.detectors.loader import load_model
from cctv.detectors.model import DEFAULT_BATCH_SIZE, DescribedModel, Detections, Model, ModelInfo, RemoteModel
from cctv.detectors.model_files import DEMO_MODEL, PUBLISHED, rebuild_advice
from cctv.metrics import Metrics
from vigil_contracts.names import DEFAULT_MODEL

Loader = Callable[[str, tuple[str, ...]], Model]
"""Receives a name and prompts."""

NOT_USABLE = "{name}: the detector cannot use this as a model; its log says why. Name a model that it has, or yolov8n"
"""The text does not depend on whether the file exists: camera settings must not reveal the detector's files."""

_GPU_ERRORS = frozenset({"OutOfMemoryError", "AcceleratorError"})
"""Exceptions of torch by name, because torch may not be installed."""

WARM_UP_PICTURE = (360, 640)
"""Height and width. Nearly every camera is 16:9, and networks are compiled per aspect ratio, not per size."""


class Models:
    """Thread-safe. A model that failed to load is retried by the next caller, but only once at a time."""

    def __init__(
        self,
        default: str,
        *,
        runtime: str = "",
        device: str = "",
        precision: str = "auto",
        sha256: str = "",
        pins: Mapping[str, str] | None = None,
        server_url: str = "",
        int8: bool = False,
        batch_size: int = DEFAULT_BATCH_SIZE,
        load: Loader | None = None,
    ) -> None:
        self._default, self._int8, self._batch_size = default, int8, batch_size
        self._runtime, self._device, self._precision = runtime, device, precision
        self._pins = {**(pins or {}), **({default: sha256} if sha256 else {})}
        self._server = InferenceServer(server_url) if server_url else None
        self._load = load or (self._load_by_name if self._server is None else partial(_from_server, self._server))
        self._lock = threading.Lock()
        self._loaded: dict[tuple[str, tuple[str, ...]], Model] = {}
        self.busy = BusyTime()
        """During how much time one of the models is in use by a camera."""

    def get(self, name: str, prompts: tuple[str, ...] = ()) -> Model:
        """Return the model of that name (`""`: the default) for these prompts.

        Raises `ModelInvalidError`; `ModelUnavailableError` if a later try may succeed.
        """
        wanted = name or self._default, prompts
        with self._lock:
            if wanted not in self._loaded:
                try:
                    self._loaded[wanted] = self._warm_up(*wanted)
                except ModelInvalidError as error:
                    if self._server is None and not self._is_known(wanted[0]):
                        error.shown = NOT_USABLE.format(name=wanted[0])
                    raise
            return self._loaded[wanted]

    def _is_known(self, name: str) -> bool:
        """Return whether the name is configured by the administrator or published, rather than a guessed path."""
        return name in {self._default, DEMO_MODEL, *PUBLISHED, *self._pins}

    def name_of(self, name: str) -> str:
        """Return the model's name for users, without its folder. `name` as in `get`."""
        return without_folders(name or self._default) or DEFAULT_MODEL

    def close(self) -> None:
        """Close all models."""
        with self._lock:
            for model in self._loaded.values():
                model.close()
            self._loaded.clear()
            if self._server is not None:
                self._server.close()

    def _warm_up(self, name: str, prompts: tuple[str, ...]) -> Model:
        """Load a model and run it once: the first inference is slow because the runtime compiles the network.

        Done before a stream is opened, since people who pass in the meantime would be missed.
        """
        blank = np.zeros((*WARM_UP_PICTURE, 3), np.uint8)
        model: Model | None = None
        try:
            model = self._load(name, prompts)
            model.detect(Frame.from_bgr(blank, datetime.now(UTC), time.monotonic(), 0))
        except ModelInvalidError:
            raise
        except Exception as error:  # runtimes may raise anything
            if type(error).__name__ in _GPU_ERRORS:
                raise DeviceUnavailableError(
                    f"device {self._device or 'auto'}: the GPU fails ({' '.join(str(error).split())[:200]}); give it"
                    " fewer detectors, or check it with nvidia-smi"
                ) from error
            path = getattr(model, "path", None) or Path(name)  # ultralytics loads an engine at the first inference
            raise ModelInvalidError(
                f"{name or DEFAULT_MODEL}: cannot be used: {type(error).__name__}: {error}{rebuild_advice(path)}"
            ) from error
        return model

    def _load_by_name(self, name: str, prompts: tuple[str, ...]) -> Model:
        sha256 = self._pins.get(name)
        return load_model(
            name,
            runtime=self._runtime,
            device=self._device,
            precision=self._precision,
            sha256=sha256,
            prompts=prompts,
            int8=self._int8,
            batch_size=self._batch_size,
        )


def _from_server(server: InferenceServer, name: str, prompts: tuple[str, ...]) -> Model:
    from cctv.detectors.triton_runtime import TritonModel

    if prompts:
        raise ModelInvalidError(
            f"{name}: `prompts` need an open-vocabulary model, which an inference server runs not"
        )
    return TritonModel(server, name)


class TimedModel:
    """A shared model as used by one camera; measures the inference time.

    `busy`: the busy time of all cameras of the process, to which the inferences are added.
    """

    def __init__(self, model: Model, camera_id: int, busy: BusyTime | None = None) -> None:
        self._model = model.for_camera(camera_id) if isinstance(model, RemoteModel) else model
        self._busy = busy or BusyTime()
        self._lock = threading.Lock()
        self.uses = 0
        self.seconds = 0.0
        """The sum over all finished inferences."""

    @property
    def labels(self) -> tuple[str, ...]:
        return self._model.labels

    @property
    def input_size(self) -> tuple[int, int]:
        return self._model.input_size

    def submit(self, frame: Frame) -> Future[Detections]:
        self.uses += 1
        began = time.perf_counter()
        self._busy.begin()
        try:
            future = self._model.submit(frame)
        except BaseException:
            self._busy.end()
            raise
        future.add_done_callback(lambda done: self._count(done, time.perf_counter() - began))
        return future

    def detect(self, frame: Frame) -> Detections:
        return self.submit(frame).result()

    def check(self) -> None:
        """Raise `ModelUnavailableError` while the model is unavailable; a local one never is."""
        if isinstance(self._model, RemoteModel):
            self._model.check()

    @property
    def info(self) -> ModelInfo | None:
        """How the model runs at the moment; None if unknown."""
        return self._model.info if isinstance(self._model, DescribedModel) else None

    def close(self) -> None:
        """Do nothing: all cameras share the model."""

    def _count(self, _done: Future[Detections], seconds: float) -> None:
        self._busy.end()
        with self._lock:  # several regions of a frame may end at the same time
            self.seconds += seconds


class MeasuredModel(TimedModel):
    """Also counts inference time and detections in the camera's metrics."""

    def __init__(self, model: Model, metrics: Metrics, camera_id: int, busy: BusyTime | None = None) -> None:
        super().__init__(model, camera_id, busy)
        self._metrics, self._camera = metrics, str(camera_id)

    def _count(self, done: Future[Detections], seconds: float) -> None:
        super()._count(done, seconds)
        self._metrics.inference.labels(self._camera).observe(seconds)
        if done.cancelled() or done.exception() is not None:
            return
        found = done.result()
        for class_id in found.class_ids.tolist():
            self._metrics.detections.labels(self._camera, self._model.labels[class_id]).inc()
