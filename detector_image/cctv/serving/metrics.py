"""The Prometheus metrics of `cctv serve-model`. The label `model` has the configured models only."""

from dataclasses import dataclass

from prometheus_client import GC_COLLECTOR, PROCESS_COLLECTOR, CollectorRegistry, Counter, Gauge, Histogram

from cctv.detectors.model import ModelInfo

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.02, 0.04, 0.06, 0.1, 0.2, 0.5, 1.0, 2.5, 5.0)
_SIZES = (1, 2, 4, 8, 16, 32, 64)
OUTCOMES = ("ok", "rejected", "full", "late", "failed")


@dataclass(frozen=True, slots=True)
class ModelMetrics:
    """The series of one model."""

    batch_size: Histogram
    queue_seconds: Histogram
    inference_seconds: Histogram
    queued: Gauge


class ServingMetrics:
    """All collectors of the process, in a separate registry."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        for collector in (PROCESS_COLLECTOR, GC_COLLECTOR):
            registry.register(collector)
        model = ["model"]
        self.model_info = Gauge(
            "vigil_inference_server_model_info",
            "Always 1; the labels show how the model runs.",
            [*model, "runtime", "device", "precision"],
            registry=registry,
        )
        self.requests = Counter(
            "vigil_inference_server_requests_total",
            "Inference requests by outcome: ok, rejected (invalid), full (queue), late (deadline) or failed.",
            [*model, "outcome"],
            registry=registry,
        )
        self._batch_size = Histogram(
            "vigil_inference_server_batch_size", "Images in a batch.", model, buckets=_SIZES, registry=registry
        )
        self._queue_seconds = Histogram(
            "vigil_inference_server_queue_seconds",
            "Time that an image waits for its batch.",
            model,
            buckets=_SECONDS,
            registry=registry,
        )
        self._inference_seconds = Histogram(
            "vigil_inference_server_inference_seconds",
            "Time from the start of an image's batch to its detections.",
            model,
            buckets=_SECONDS,
            registry=registry,
        )
        self._queued = Gauge(
            "vigil_inference_server_queued_images", "Images that wait for a batch.", model, registry=registry
        )
        self.connections = Gauge("vigil_inference_server_connections", "Open client connections.", registry=registry)

    def show_model(self, name: str, info: ModelInfo) -> None:
        """Set the model's only series of `vigil_inference_server_model_info`."""
        self.model_info.remove_by_labels({"model": name})
        self.model_info.labels(name, info.runtime, info.device, info.precision).set(1)

    def of(self, model: str) -> ModelMetrics:
        """Return the series of a model, which begin at zero."""
        for outcome in OUTCOMES:
            self.requests.labels(model, outcome)
        return ModelMetrics(
            self._batch_size.labels(model),
            self._queue_seconds.labels(model),
            self._inference_seconds.labels(model),
            self._queued.labels(model),
        )
