"""The operator's metrics (prometheus_client, base units). Label values come from enumerations only."""

from collections import Counter as Tally
from collections.abc import Callable, Iterable, Iterator

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from vigil_contracts.names import CameraPhase, Reason
from vigil_operator.core.observed import Camera

ERRORS = (
    *("backend", "conflict", "forbidden", "invalid", "not_found"),
    *("refused", "server_error", "throttled", "unforeseen", "unreachable"),
)
"""Reasons of failed reconciliations: `KubeError.reason`, `backend`, or `unforeseen`."""


class CameraCollector(Collector):
    """`vigil_cameras`, `vigil_cameras_not_ready` and `vigil_cameras_gpu_unused`, counted at each scrape.

    They always match the cached Camera resources, and every series exists from the start, at zero.
    """

    def __init__(self, cameras: Callable[[], Iterable[Camera]]) -> None:
        self._cameras = cameras

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yield both gauges."""
        cameras = list(self._cameras())
        phases = GaugeMetricFamily("vigil_cameras", "Camera resources by phase.", labels=["phase"])
        by_phase = Tally(camera.phase for camera in cameras)
        for phase in CameraPhase:
            phases.add_metric([phase.value], by_phase[phase.value])
        yield phases
        reasons = GaugeMetricFamily(
            "vigil_cameras_not_ready", "Camera resources that are not ready, by reason.", labels=["reason"]
        )
        by_reason = Tally(camera.not_ready_reason for camera in cameras)
        for reason in Reason:
            reasons.add_metric([reason.value], by_reason[reason.value])
        yield reasons
        yield GaugeMetricFamily(
            "vigil_cameras_gpu_unused",
            "Camera resources that request a GPU but run without one: on a fallback, or on the CPU.",
            value=sum(camera.is_gpu_unused for camera in cameras),
        )


class Metrics:
    """The metrics of one process, in a separate registry."""

    def __init__(self, cameras: Callable[[], Iterable[Camera]] = tuple) -> None:
        self.registry = CollectorRegistry()
        self.registry.register(CameraCollector(cameras))
        self.reconcile_seconds = Histogram(
            "vigil_reconcile_seconds",
            "Duration of one reconciliation of a camera.",
            registry=self.registry,
            buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
        )
        self.reconcile_errors = Counter(
            "vigil_reconcile_errors_total",
            "Failed reconciliations, which are retried, by reason.",
            ["reason"],
            registry=self.registry,
        )
        for reason in ERRORS:  # rates are correct from the first error only if the series exists before it
            self.reconcile_errors.labels(reason)
        self.sync_seconds = Histogram(
            "vigil_sync_seconds",
            "Duration of one synchronisation of the API's cameras with the cluster.",
            registry=self.registry,
        )
        self.sync_last_success = Gauge(
            "vigil_sync_last_success_timestamp_seconds",
            "Unix time of the last successful synchronisation.",
            registry=self.registry,
        )
        self.writes = Counter(
            "vigil_kubernetes_writes_total",
            "Write requests to the Kubernetes API, by kind.",
            ["kind"],
            registry=self.registry,
        )
        self.queue_length = Gauge(
            "vigil_reconcile_queue_length", "Cameras waiting to be reconciled.", registry=self.registry
        )
        self.definition_fields_missing = Gauge(
            "vigil_definition_fields_missing",
            "Fields that this version uses and the installed CustomResourceDefinition lacks, by kind.",
            ["kind"],
            registry=self.registry,
        )
        self.leader = Gauge("vigil_leader", "1 while this replica is the leader.", registry=self.registry)
        self.api_certificate_expiry = Gauge(
            "vigil_api_certificate_expiry_timestamp_seconds",
            "Unix time at which the API certificate expires; 0 without TLS.",
            registry=self.registry,
        )
