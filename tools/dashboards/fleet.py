"""The dashboard of all cameras: which are not streaming, what they cost, what they detected."""

from grafana_foundation_sdk.builders.dashboard import Dashboard, Row
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
    ranking,
    rows,
)

_IN = 'namespace=~"$namespace"'


def fleet() -> Dashboard:
    """Return the dashboard."""
    return (
        new_dashboard("vigil-fleet", "Vigil / Fleet", "All cameras: stream state, detector load and events.")
        .with_variable(label_variable("namespace", "Namespace", "label_values(vigil_stream_up, namespace)"))
        .with_panel(number("Streaming cameras", "none", f"sum(vigil_stream_up{{{_IN}}})"))
        .with_panel(
            number(
                "Cameras without a stream",
                "none",
                f"count(vigil_stream_up{{{_IN}}}) - sum(vigil_stream_up{{{_IN}}})",
                description="Their detector runs but receives no frames.",
                limits=[(1, RED)],
            )
        )
        .with_panel(
            number(
                "Cameras without a usable GPU",
                "none",
                'sum(vigil_cameras_not_ready{reason=~"InsufficientGPU|DeviceUnavailable"})',
                limits=[(1, YELLOW)],
            )
        )
        .with_panel(
            number(
                "Cameras not using their GPU",
                "none",
                "max(vigil_cameras_gpu_unused)",
                description="Their class asks for a GPU, and their model runs without one.",
                limits=[(1, YELLOW)],
            )
        )
        .with_panel(number("Events in the last hour", "none", f"sum(increase(vigil_events_total{{{_IN}}}[1h]))"))
        .with_panel(
            number(
                "Spooled alerts",
                "none",
                f"sum(vigil_spool_alerts{{{_IN}}})",
                limits=[(1, YELLOW), (100, RED)],
            )
        )
        .with_panel(
            number(
                "Inference load",
                "none",
                f"sum(rate(vigil_inference_seconds_sum{{{_IN}}}[$__rate_interval]))",
                description="Average number of busy inference devices: 1 means one device busy all the time.",
            )
        )
        .with_row(Row("State"))
        .with_panel(
            lines(
                "Cameras by device",
                "none",
                {
                    "{{device}}, {{decoder}}, {{runtime}}": (
                        f"count by (device, decoder, runtime) (vigil_model_info{{{_IN}}})"
                    )
                },
                stacked=True,
                description="Where models run and what decodes the video.",
            )
        )
        .with_panel(
            lines(
                "Cameras by phase",
                "none",
                {"{{phase}}": "sum by (phase) (vigil_cameras)"},
                stacked=True,
                description="As reported by the operator, inactive cameras included.",
            )
        )
        .with_panel(
            lines(
                "Cameras not ready by reason",
                "none",
                {"{{reason}}": 'sum by (reason) (vigil_cameras_not_ready{reason!~"Inactive"})'},
                stacked=True,
                description="The reason of the condition Ready. docs/kubernetes.md explains how to resolve each one.",
            )
        )
        .with_panel(growth("Stream reconnects by reason", "vigil_stream_reconnects_total", _IN, "reason"))
        .with_panel(
            ranking(
                "Most reconnects in the last hour",
                "none",
                "camera {{camera}}",
                f"topk(10, sum by (camera) (increase(vigil_stream_reconnects_total{{{_IN}}}[1h])))",
            )
        )
        .with_row(Row("Detection"))
        .with_panel(
            lines(
                "Frames by stage",
                "framesps",
                {"{{stage}}": f"sum by (stage) (rate(vigil_frames_total{{{_IN}}}[$__rate_interval]))"},
                description=STAGES,
            )
        )
        .with_panel(durations("Inference duration", "vigil_inference_seconds", _IN))
        .with_panel(growth("Events by type", "vigil_events_total", _IN, "type"))
        .with_panel(
            ranking(
                "Most events in 24 hours",
                "none",
                "camera {{camera}}",
                f"topk(10, sum by (camera) (increase(vigil_events_total{{{_IN}}}[24h])))",
                description="Rules that trigger too often stand out here.",
            )
        )
        .with_panel(
            rows(
                "Cameras",
                {
                    "Up": ("A", "none", f"sum by (camera) (vigil_stream_up{{{_IN}}})"),
                    "Received fps": (
                        "B",
                        "framesps",
                        f'sum by (camera) (rate(vigil_frames_total{{{_IN}, stage="received"}}[5m]))',
                    ),
                    "Analysed fps": (
                        "C",
                        "framesps",
                        f'sum by (camera) (rate(vigil_frames_total{{{_IN}, stage="analysed"}}[5m]))',
                    ),
                    "Last frame": (
                        "D",
                        "dateTimeFromNow",
                        f"max by (camera) (vigil_stream_last_frame_timestamp_seconds{{{_IN}}}) * 1000",
                    ),
                    "Spooled alerts": ("E", "none", f"sum by (camera) (vigil_spool_alerts{{{_IN}}})"),
                },
                key="camera",
                link="/d/vigil-camera/?var-camera=${__value.raw}",
            )
        )
    )
