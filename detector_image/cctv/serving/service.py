"""What `cctv serve-model` answers, apart from HTTP: models, their queues, and whether it is ready. Thread-safe."""

import logging
import threading
import time
from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any
from urllib.parse import unquote

from cctv.common.frame import Frame
from cctv.detectors.model import DescribedModel, Detections, Model, ModelInfo
from cctv.serving.batcher import Batcher, BatchOptions, DeadlineExceededError
from cctv.serving.fair_queue import QueueFullError
from cctv.serving.metrics import ServingMetrics
from cctv.serving.protocol import (
    VERSION,
    InferRequest,
    RequestError,
    Served,
    encode_infer_response,
    parse_infer_request,
)
from vigil_contracts.version import vigil_version

log = logging.getLogger(__name__)

STUCK_AFTER_SECONDS = 30.0
"""A model that works on an image for so long hangs; only a restart helps."""
_RESULT_SECONDS = STUCK_AFTER_SECONDS
_WARN_EVERY_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class _Entry:
    model: Model
    batcher: Batcher
    max_batch: int


class Service:
    """The models and their queues. `models` are loaded; they stay the caller's."""

    def __init__(self, models: Mapping[str, Model], options: Mapping[str, BatchOptions], metrics: ServingMetrics):
        self.metrics = metrics
        self._entries = {
            name: _Entry(model, Batcher(name, model, options[name], metrics.of(name)), options[name].max_batch)
            for name, model in models.items()
        }
        self._draining = threading.Event()
        self._warned_at = -_WARN_EVERY_SECONDS

    @property
    def is_draining(self) -> bool:
        """Return whether clients shall move to another server."""
        return self._draining.is_set()

    def drain(self) -> None:
        """Become not ready; requests are still served."""
        self._draining.set()

    def refresh_metrics(self) -> None:
        """Set the metrics that are only worth computing when they are read."""
        for name in self._entries:
            self.metrics.show_model(name, self._served(name).info)

    def close(self) -> None:
        """Answer what waits, and end the queues."""
        self._draining.set()
        for entry in self._entries.values():
            entry.batcher.close()

    def description(self) -> dict[str, Any]:
        """Return the answer to `GET /v2`."""
        return {
            "name": "vigil",
            "version": vigil_version(),
            "extensions": ["binary_tensor_data", "model_configuration"],
        }

    def live(self) -> dict[str, Any]:
        """Return the answer to `GET /v2/health/live`. Raises `RequestError`."""
        if problem := self.liveness_problem():
            raise RequestError(problem, HTTPStatus.SERVICE_UNAVAILABLE)
        return {"live": True}

    def ready(self) -> dict[str, Any]:
        """Return the answer to `GET /v2/health/ready`. Raises `RequestError`."""
        if problem := self.readiness_problem():
            raise RequestError(problem, HTTPStatus.SERVICE_UNAVAILABLE)
        return {"ready": True}

    def liveness_problem(self) -> str | None:
        """Return why the process must be restarted; None if it need not."""
        for name, entry in self._entries.items():
            if (seconds := entry.batcher.seconds_under_way()) > STUCK_AFTER_SECONDS:
                return f"{name}: the model has not answered for {seconds:.0f} s"
        return None

    def readiness_problem(self) -> str | None:
        """Return why clients should use another server; None if they need not."""
        return "the server is ending" if self.is_draining else self.liveness_problem()

    def model_ready(self, name: str, version: str | None) -> dict[str, Any]:
        """Return the answer to `GET /v2/models/<name>/ready`. Raises `RequestError`."""
        self._entry(name, version)
        self.live()
        return {"name": unquote(name), "ready": True}

    def served(self, name: str, version: str | None) -> Served:
        """Return the description of a model. Raises `RequestError`."""
        self._entry(name, version)
        return self._served(unquote(name))

    def infer(
        self, name: str, version: str | None, body: bytes, json_length: int | None, sender: str
    ) -> tuple[bytes, int | None]:
        """Return the body of the answer and the length of its JSON, as in `encode_infer_response`.

        Raises `RequestError`, and `TimeoutError` if the model does not answer.
        """
        entry, name = self._entry(name, version), unquote(name)
        outcome = "rejected"
        try:
            request = parse_infer_request(body, json_length, entry.max_batch)
            outcome = "failed"
            found = [future.result(_RESULT_SECONDS) for future in self._submit(entry, request, sender)]
            outcome = "ok"
        except QueueFullError as error:
            outcome = "full"
            raise self._overloaded(name, str(error)) from None
        except DeadlineExceededError as error:
            outcome = "late"
            raise self._overloaded(name, str(error)) from None
        except (RequestError, TimeoutError):
            raise
        except Exception as error:
            log.exception("%s: inference failed; the request is answered with 500", name)
            # The log has the words: they may name paths of this machine.
            message = f"{name}: inference failed with {type(error).__name__}; see the server's log"
            raise RequestError(message, HTTPStatus.INTERNAL_SERVER_ERROR) from None
        finally:
            self.metrics.requests.labels(name, outcome).inc()
        return encode_infer_response(name, request, found)

    def _submit(self, entry: _Entry, request: InferRequest, sender: str) -> list[Future[Detections]]:
        now, seconds = datetime.now(UTC), time.monotonic()
        frames = [Frame.from_rgb(image, now, seconds, number) for number, image in enumerate(request.images)]
        return entry.batcher.submit(frames, sender)

    def _overloaded(self, name: str, why: str) -> RequestError:
        now = time.monotonic()
        if now - self._warned_at >= _WARN_EVERY_SECONDS:
            self._warned_at = now
            log.warning("%s: overloaded: %s; images are refused", name, why)
        return RequestError(f"the inference server is overloaded: {why}", HTTPStatus.SERVICE_UNAVAILABLE)

    def _entry(self, name: str, version: str | None) -> _Entry:
        entry = self._entries.get(unquote(name))
        if entry is None:
            raise RequestError(
                f"no model {unquote(name)[:200]!r} here; this server has {', '.join(self._entries)}",
                HTTPStatus.NOT_FOUND,
            )
        if version not in {None, VERSION}:
            raise RequestError(f"{unquote(name)}: the only version is {VERSION}", HTTPStatus.NOT_FOUND)
        return entry

    def _served(self, name: str) -> Served:
        """Describe a model as it runs now: it may have been exchanged for an INT8 one."""
        entry = self._entries[name]
        model = entry.model
        info = model.info if isinstance(model, DescribedModel) else ModelInfo("unknown", "unknown", "unknown")
        return Served(name, model.labels, model.input_size, info, entry.max_batch)
