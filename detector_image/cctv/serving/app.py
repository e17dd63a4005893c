"""`cctv serve-model` as a program: loads the models, serves until a signal, and ends without failing a request."""

import logging
import threading
import time
from collections.abc import Sequence
from pathlib import PurePath

from cctv.config import InvalidSettingError, listening
from cctv.detectors.model import BatchModel, Model
from cctv.detectors.model_pool import Models
from cctv.runtime.http_server import StatusServer
from cctv.serving.batcher import BatchOptions
from cctv.serving.http_edge import InferenceHttpServer
from cctv.serving.metrics import ServingMetrics
from cctv.serving.service import Service
from cctv.serving.settings import InferenceSettings
from vigil_contracts.names import DEFAULT_MODEL

log = logging.getLogger("cctv")

CLOSE_SECONDS = 10.0
"""How long requests that are being served may take at the end."""
REQUESTS_TOGETHER = 4
"""Images that run side by side where the model has an inference request for each, instead of one batch."""


def served_name(name: str) -> str:
    """Return a model's name in the protocol: that of the file or folder, if a path is given."""
    return PurePath(name).name


class InferenceProgram:
    """One process. `names`: the models; empty: VIGIL_MODEL, or yolov8n.

    Raises `ModelInvalidError` if a model cannot be loaded, and `InvalidSettingError` for a port that is taken.
    """

    def __init__(self, settings: InferenceSettings, names: Sequence[str]) -> None:
        self._settings = settings
        self._stopping = threading.Event()
        served = tuple(dict.fromkeys(names or [settings.model or DEFAULT_MODEL]))
        if len({served_name(name) for name in served}) < len(served):
            raise InvalidSettingError(f"two models have the same name: {', '.join(served)}")
        self._models = Models(
            served[0],
            runtime=settings.runtime,
            device=settings.model_device,
            precision=settings.model_precision,
            sha256=settings.model_sha256,
            pins=settings.model_pins,
            int8=settings.model_int8,
            batch_size=settings.model_batch_size,
        )
        try:
            loaded = {served_name(name): self._models.get(name) for name in served}
            self._metrics = ServingMetrics()
            options = {name: self._options(model) for name, model in loaded.items()}
            self._service = Service(loaded, options, self._metrics)
            self._status = self._open_status()
            self._http = self._open_http()
        except BaseException:
            self._models.close()
            raise
        self._names = tuple(loaded)

    @property
    def port(self) -> int:
        """Return the port of KServe's protocol."""
        return self._http.port

    def run(self) -> None:
        """Serve until stopped."""
        self._status.start()
        self._http.start()
        log.info("serving %s on port %d", ", ".join(self._names), self.port)
        self._stopping.wait()
        log.info("ending in %.0f s; clients move to another server", self._settings.inference_drain_seconds)
        self._service.drain()
        time.sleep(self._settings.inference_drain_seconds)
        self._http.close(CLOSE_SECONDS)
        self._service.close()
        self._status.close()
        self._models.close()

    def stop(self) -> None:
        """Make `run` return after the drain; callable from any thread or signal handler."""
        self._stopping.set()

    def _options(self, model: Model) -> BatchOptions:
        settings = self._settings
        usual = settings.model_batch_size if isinstance(model, BatchModel) else REQUESTS_TOGETHER
        return BatchOptions(
            max_batch=settings.inference_max_batch or usual,
            max_wait_seconds=settings.inference_max_wait_ms / 1000.0,
            deadline_seconds=settings.inference_deadline_seconds,
            queue_limit=settings.inference_queue,
            sender_limit=settings.inference_camera_queue,
        )

    def _open_status(self) -> StatusServer:
        settings = self._settings
        with listening("VIGIL_METRICS_PORT", settings.metrics_address, settings.metrics_port):
            return StatusServer(
                settings.metrics_address,
                settings.metrics_port,
                self._metrics.registry,
                liveness_problem=self._service.liveness_problem,
                readiness_problem=self._service.readiness_problem,
                refresh=self._service.refresh_metrics,
            )

    def _open_http(self) -> InferenceHttpServer:
        settings = self._settings
        with listening("VIGIL_INFERENCE_PORT", settings.inference_address, settings.inference_port):
            return InferenceHttpServer(
                settings.inference_address,
                settings.inference_port,
                self._service,
                max_body_bytes=int(settings.inference_max_body_bytes),
                max_connections=settings.inference_max_connections,
            )
