"""Count requests that bypass Django's middleware, as django-prometheus counts all others."""

from dataclasses import dataclass
from functools import lru_cache

from django_prometheus.middleware import Metrics
from prometheus_client import Counter, Histogram


@dataclass(frozen=True, slots=True)
class Answered:
    """A request and its response; `view` is the URL's name."""

    view: str
    method: str
    is_secure: bool
    status: int
    request_bytes: int
    response_bytes: int
    seconds: float


def count_request(answered: Answered) -> None:
    """Count the request."""
    metrics = Metrics.get_instance()
    latency, counters = _of(answered.view, answered.method, answered.is_secure, answered.status)
    for counter in counters:
        counter.inc()
    for histogram in (latency, metrics.requests_latency_before):
        histogram.observe(answered.seconds)
    metrics.requests_body_bytes.observe(answered.request_bytes)
    metrics.responses_body_bytes.observe(answered.response_bytes)


@lru_cache(maxsize=64)
def _of(view: str, method: str, is_secure: bool, status: int) -> tuple[Histogram, tuple[Counter, ...]]:
    """Return the metrics with these labels; cached, since the look-up costs more than counting."""
    metrics = Metrics.get_instance()
    transport, labels = "https" if is_secure else "http", {"view": view, "method": method}
    counters = (
        metrics.requests_total,
        metrics.requests_by_method.labels(method=method),
        metrics.requests_by_transport.labels(transport=transport),
        metrics.requests_by_view_transport_method.labels(transport=transport, **labels),
        metrics.responses_total,
        metrics.responses_by_status.labels(status=str(status)),
        metrics.responses_by_status_view_method.labels(status=str(status), **labels),
        metrics.responses_by_templatename.labels(templatename="None"),  # REST framework's template has no name
        metrics.responses_by_charset.labels(charset="utf-8"),
    )
    return metrics.requests_latency_by_view_method.labels(**labels), counters
