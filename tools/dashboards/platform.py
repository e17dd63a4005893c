"""The dashboard of the API, the notifications and the operator."""

from grafana_foundation_sdk.builders.dashboard import Dashboard, Row
from tools.dashboards.parts import (
    RED,
    YELLOW,
    durations,
    growth,
    label_variable,
    lines,
    new_dashboard,
    number,
    quantile,
    recent,
)

_IN = 'namespace=~"$namespace"'


def platform() -> Dashboard:
    """Return the dashboard."""
    return (
        new_dashboard("vigil-platform", "Vigil / Platform", "API, alert delivery and operator.")
        .with_variable(
            label_variable(
                "namespace", "Namespace", "label_values(django_http_requests_before_middlewares_total, namespace)"
            )
        )
        .with_panel(
            number("Alerts stored in the last hour", "none", f"sum(increase(vigil_alerts_total{{{_IN}}}[1h]))")
        )
        .with_panel(
            number(
                "Failed requests",
                "percentunit",
                f'1 - sum(rate(django_http_responses_total_by_status_total{{{_IN}, status!~"5.."}}[5m]))'
                f" / sum(rate(django_http_responses_total_by_status_total{{{_IN}}}[5m]))",
                limits=[(0.01, YELLOW), (0.05, RED)],
            )
        )
        .with_panel(
            number("Pending notifications", "none", f"max(vigil_outbox_pending{{{_IN}}})", limits=[(100, YELLOW)])
        )
        .with_panel(
            number(
                "Last sync",
                "s",
                f"time() - max(vigil_sync_last_success_timestamp_seconds{{{_IN}}})",
                description="Time since the operator last synchronised the cameras of the API.",
                limits=[(30, YELLOW), (180, RED)],
            )
        )
        .with_panel(
            number(
                "Leaders",
                "none",
                f"sum(vigil_leader{{{_IN}}})",
                description="Exactly one operator replica leads.",
                limits=[(2, RED)],
            )
        )
        .with_panel(
            number(
                "API certificate expires in",
                "s",
                f"clamp_min(min(vigil_api_certificate_expiry_timestamp_seconds{{{_IN}}}) - time(), 0)",
                description="0 when the API is served without TLS.",
            )
        )
        .with_row(Row("API"))
        .with_panel(
            lines(
                "Requests by status",
                "reqps",
                {
                    "{{status}}": "sum by (status) "
                    f"(rate(django_http_responses_total_by_status_total{{{_IN}}}[$__rate_interval]))"
                },
                stacked=True,
            )
        )
        .with_panel(
            lines(
                "Request duration by view (p95)",
                "s",
                {
                    "{{view}}": "topk(10, "
                    + quantile(0.95, "django_http_requests_latency_seconds_by_view_method", _IN, "le, view")
                    + ")"
                },
            )
        )
        .with_panel(durations("Alert ingest duration", "vigil_alert_ingest_seconds", _IN, limits=[(0.5, YELLOW)]))
        .with_panel(growth("Alerts stored by type", "vigil_alerts_total", _IN, "type"))
        .with_row(Row("Delivery"))
        .with_panel(lines("Spooled alerts on detectors", "none", {"all cameras": "sum(vigil_spool_alerts)"}))
        .with_panel(growth("Notifications by outcome", "vigil_notifications_total", _IN, "channel, outcome"))
        .with_row(Row("Operator"))
        .with_panel(
            lines(
                "Reconciles",
                "ops",
                {"reconciles": f"sum(rate(vigil_reconcile_seconds_count{{{_IN}}}[$__rate_interval]))"},
            )
        )
        .with_panel(
            lines(
                "Reconcile and sync duration (p95)",
                "s",
                {
                    "reconcile": quantile(0.95, "vigil_reconcile_seconds", _IN),
                    "sync": quantile(0.95, "vigil_sync_seconds", _IN),
                },
            )
        )
        .with_panel(
            lines(
                "Kubernetes writes by kind",
                "wps",
                {"{{kind}}": f"sum by (kind) (rate(vigil_kubernetes_writes_total{{{_IN}}}[$__rate_interval]))"},
                stacked=True,
            )
        )
        .with_panel(
            lines(
                "Reconcile queue length",
                "none",
                {"waiting": f"sum(vigil_reconcile_queue_length{{{_IN}}})"},
            )
        )
        .with_panel(
            lines(
                "Reconcile errors by reason",
                "none",
                {"{{reason}}": recent("vigil_reconcile_errors_total", _IN, "reason")},
                bars=True,
                stacked=True,
                span=24,
            )
        )
    )
