"""The operator's metrics (prometheus_client, base units). Labels come from closed vocabularies only."""

from collections import Counter as Tally
from collections.abc import Callable, Iterable, Iterator

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from vigil_contracts.names import CameraPhase


class PhaseCollector(Collector):
    """`vigil_cameras{phase}`, counted when it is asked for: never out of step with what is known."""

    def __init__(self, phases: Callable[[], Iterable[str]]) -> None:
        self._phases = phases

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """See the class."""
        family = GaugeMetricFamily("vigil_cameras", "Camera resources by phase.", labels=["phase"])
        tally = Tally(self._phases())
        for phase in CameraPhase:
            family.add_metric([phase.value], tally[phase.value])
        yield family


class Metrics:
    """One set for one process; tests make their own."""

    def __init__(self, phases: Callable[[], Iterable[str]] = tuple) -> None:
        self.registry = CollectorRegistry()
        self.registry.register(PhaseCollector(phases))
        self.reconcile_seconds = Histogram(
            "vigil_reconcile_seconds",
            "Time to look at one camera and put right what was wrong.",
            registry=self.registry,
            buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
        )
        self.reconcile_errors = Counter(
            "vigil_reconcile_errors_total",
            "Reconciliations that failed and are tried again.",
            ["reason"],
            registry=self.registry,
        )
        self.sync_seconds = Histogram(
            "vigil_sync_seconds", "Time to bring the API's cameras into the cluster.", registry=self.registry
        )
        self.sync_last_success = Gauge(
            "vigil_sync_last_success_timestamp_seconds",
            "When the API last answered and the cluster followed.",
            registry=self.registry,
        )
        self.writes = Counter(
            "vigil_kubernetes_writes_total", "Writes to the Kubernetes API.", ["kind"], registry=self.registry
        )
        self.queue_length = Gauge(
            "vigil_reconcile_queue_length", "Cameras that wait to be looked at.", registry=self.registry
        )
        self.leader = Gauge("vigil_leader", "1 while this replica is the active one.", registry=self.registry)
