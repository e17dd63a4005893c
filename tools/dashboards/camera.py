"""Camera: one camera from its frames to its stored alerts."""

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
    """The dashboard."""
    return (
        new_dashboard("vigil-camera", "Vigil / Camera", "One camera, from its pictures to its stored alerts.")
        .link(
            DashboardLink("Vigil's page of the camera")
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
        .with_panel(number("Pictures arrive", "bool_yes_no", f"max(vigil_stream_up{{{_OF}}})"))
        .with_panel(
            number(
                "Last picture",
                "s",
                f"time() - max(vigil_stream_last_frame_timestamp_seconds{{{_OF}}})",
                description="Seconds ago.",
                limits=[(10, YELLOW), (60, RED)],
            )
        )
        .with_panel(number("Events today", "none", f"sum(increase(vigil_events_total{{{_OF}}}[24h]))"))
        .with_panel(
            number("Alerts that wait on disk", "none", f"sum(vigil_spool_alerts{{{_OF}}})", limits=[(1, YELLOW)])
        )
        .with_panel(
            number(
                "Alerts given up",
                "none",
                f"sum(increase(vigil_spool_dropped_total{{{_OF}}}[24h]))"
                f" + sum(increase(vigil_dead_letters_total{{{_OF}}}[24h]))",
                description="In the last day: no more room on the disk, or refused by the API for good.",
                limits=[(1, RED)],
            )
        )
        .with_panel(
            number(
                "Time in the model",
                "percentunit",
                f"sum(rate(vigil_inference_seconds_sum{{{_OF}}}[$__rate_interval]))",
            )
        )
        .with_row(Row("Stream"))
        .with_panel(
            lines(
                "Pictures by stage",
                "framesps",
                {"{{stage}}": f"sum by (stage) (rate(vigil_frames_total{{{_OF}}}[$__rate_interval]))"},
                description=STAGES,
            )
        )
        .with_panel(growth("Breaks", "vigil_stream_reconnects_total", _OF, "reason"))
        .with_row(Row("Detection"))
        .with_panel(durations("Time in the model for a picture", "vigil_inference_seconds", _OF))
        .with_panel(durations("Age of a picture when the model looks at it", "vigil_frame_age_seconds", _OF))
        .with_panel(
            lines(
                "Objects found",
                "none",
                {"{{label}}": f"sum by (label) (rate(vigil_detections_total{{{_OF}}}[$__rate_interval]))"},
                description="In pictures, for each second: a person who stands still counts again and again.",
            )
        )
        .with_panel(growth("Events", "vigil_events_total", _OF, "type"))
        .with_row(Row("Delivery"))
        .with_panel(
            durations(
                "From a picture to its stored alert", "vigil_alert_delivery_seconds", _OF, limits=[(0.5, YELLOW)]
            )
        )
        .with_panel(lines("Spool", "bytes", {"on disk": f"sum(vigil_spool_bytes{{{_OF}}})"}))
    )
