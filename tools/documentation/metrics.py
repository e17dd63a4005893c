"""The reference page of all metrics, generated from the registries of the three programs."""

from collections.abc import Iterable

from prometheus_client import Counter, Gauge, Histogram
from prometheus_client.metrics import MetricWrapperBase

from cctv.metrics import Metrics as DetectorMetrics
from surveillance import metrics as backend
from vigil_apps.notifications import metrics as notifications
from vigil_operator.metrics import Metrics as OperatorMetrics

_KINDS = {Counter: "counter", Gauge: "gauge", Histogram: "histogram"}


def page() -> str:
    """Return the page in Markdown."""
    operator = OperatorMetrics()
    collected = [
        family
        for family in operator.registry.collect()
        if family.name in {"vigil_cameras", "vigil_cameras_not_ready", "vigil_cameras_gpu_unused"}
    ]
    computed = [
        (each.name, each.type, next(iter(each.samples[0].labels), ""), each.documentation) for each in collected
    ]
    sections = {
        "Detector": ("Port 9464.", _rows(vars(DetectorMetrics()).values())),
        "Backend": (
            "At `/metrics` of the API, together with the `django_http_…` metrics of django-prometheus.",
            _rows([*vars(backend).values(), *vars(notifications).values()]),
        ),
        "Operator": ("Port 9465.", sorted([*computed, *_rows(vars(operator).values())])),
    }
    parts = [
        "# Metrics\n\nAll metrics use base units. No label contains a credential or a URL. "
        "The only user-defined name in a label is that of a model.\n"
    ]
    for title, (about, rows) in sections.items():
        parts.append(
            f"\n## {title}\n\n{about}\n\n| metric | kind | labels | description |\n| --- | --- | --- | --- |\n"
        )
        parts += [f"| `{name}` | {kind} | {labels} | {text} |\n" for name, kind, labels, text in rows]
    return "".join(parts)


def _rows(values: Iterable[object]) -> list[tuple[str, str, str, str]]:
    return sorted(
        (_name(metric), _KINDS[type(metric)], ", ".join(metric._labelnames), metric._documentation)
        for metric in values
        if isinstance(metric, MetricWrapperBase)
    )


def _name(metric: MetricWrapperBase) -> str:
    return f"{metric._name}_total" if isinstance(metric, Counter) else metric._name
