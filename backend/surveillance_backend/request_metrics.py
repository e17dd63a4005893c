"""Counts a request that is answered past Django's middleware, as django-prometheus' middleware counts all others."""

from dataclasses import dataclass

from django_prometheus.middleware import Metrics


@dataclass(frozen=True, slots=True)
class Answered:
    """A request and its answer; `view` is the URL's name."""

    view: str
    method: str
    is_secure: bool
    status: int
    request_bytes: int
    response_bytes: int
    seconds: float


def count_request(answered: Answered) -> None:
    """Counts it."""
    metrics = Metrics.get_instance()
    transport, status = "https" if answered.is_secure else "http", str(answered.status)
    of_view = {"view": answered.view, "method": answered.method}
    metrics.requests_total.inc()
    metrics.requests_by_method.labels(method=answered.method).inc()
    metrics.requests_by_transport.labels(transport=transport).inc()
    metrics.requests_by_view_transport_method.labels(transport=transport, **of_view).inc()
    metrics.requests_body_bytes.observe(answered.request_bytes)
    metrics.requests_latency_before.observe(answered.seconds)
    metrics.requests_latency_by_view_method.labels(**of_view).observe(answered.seconds)
    metrics.responses_total.inc()
    metrics.responses_by_status.labels(status=status).inc()
    metrics.responses_by_status_view_method.labels(status=status, **of_view).inc()
    metrics.responses_by_templatename.labels(templatename="None").inc()  # REST framework's have one, of no name
    metrics.responses_by_charset.labels(charset="utf-8").inc()
    metrics.responses_body_bytes.observe(answered.response_bytes)
