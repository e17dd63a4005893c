"""The dashboard of one camera: stream, detection and alert delivery."""

from grafana_foundation_sdk.builders.dashboard import Dashboard, DashboardLink, Row
from grafana_foundation_sdk.models.dashboard import DashboardLinkType
from tools.dashboards.parts import (
    RED,
    STAGES,
    YELLOW,
    durations,
    growth,
    label_variable,
    lines,
    new_dashboard,
    number,
    vigil_url,
)

_OF = 'namespace=~"$namespace", camera="$camera"'


def camera() -> Dashboard:
    """Return the dashboard."""
    return (
        new_dashboard("vigil-camera", "Vigil / Camera", "Stream, detection and alert delivery of one camera.")
        .link(
            DashboardLink("Camera page in Vigil")
            .type(DashboardLinkType.LINK)
            .url("${vigil_url}/dashboard/cameras/${camera}/")
            .target_blank(True)
        )
        .with_variable(label_variable("namespace", "Namespace", "label_values(vigil_stream_up, namespace)"))
        .with_variable(
            label_variable(
                "camera", "Camera", 'label_values(vigil_stream_up{namespace=~"$namespace"}, camera)', several=False
            )
        )
        .with_variable(vigil_url())
        .with_panel(number("Streaming", "bool_yes_no", f"max(vigil_stream_up{{{_OF}}})"))
        .with_panel(
            number(
                "Last frame",
                "s",
                f"time() - max(vigil_stream_last_frame_timestamp_seconds{{{_OF}}})",
                description="Time since the last decoded frame.",
                limits=[(10, YELLOW), (60, RED)],
            )
        )
        .with_panel(number("Events in 24 hours", "none", f"sum(increase(vigil_events_total{{{_OF}}}[24h]))"))
        .with_panel(number("Spooled alerts", "none", f"sum(vigil_spool_alerts{{{_OF}}})", limits=[(1, YELLOW)]))
        .with_panel(
            number(
                "Lost alerts",
                "none",
                f"sum(increase(vigil_spool_dropped_total{{{_OF}}}[24h]))"
                f" + sum(increase(vigil_dead_letters_total{{{_OF}}}[24h]))",
                description="In 24 hours: dropped from a full spool, or permanently rejected by the API.",
                limits=[(1, RED)],
            )
        )
        .with_panel(
            number(
                "Inference load",
                "percentunit",
                f"sum(rate(vigil_inference_seconds_sum{{{_OF}}}[$__rate_interval]))",
            )
        )
        .with_row(Row("Stream"))
        .with_panel(
            lines(
                "Frames by stage",
                "framesps",
                {"{{stage}}": f"sum by (stage) (rate(vigil_frames_total{{{_OF}}}[$__rate_interval]))"},
                description=STAGES,
            )
        )
        .with_panel(growth("Reconnects by reason", "vigil_stream_reconnects_total", _OF, "reason"))
        .with_row(Row("Detection"))
        .with_panel(durations("Inference duration", "vigil_inference_seconds", _OF))
        .with_panel(durations("Frame age at inference", "vigil_frame_age_seconds", _OF))
        .with_panel(
            lines(
                "Detections by label",
                "none",
                {"{{label}}": f"sum by (label) (rate(vigil_detections_total{{{_OF}}}[$__rate_interval]))"},
                description="Per second, counted in each frame: a person who stands still is counted in all of them.",
            )
        )
        .with_panel(growth("Events", "vigil_events_total", _OF, "type"))
        .with_row(Row("Delivery"))
        .with_panel(
            durations(
                "Delivery latency (frame to stored alert)",
                "vigil_alert_delivery_seconds",
                _OF,
                limits=[(0.5, YELLOW)],
            )
        )
        .with_panel(lines("Spool size", "bytes", {"on disk": f"sum(vigil_spool_bytes{{{_OF}}})"}))
    )
