"""Fleet: all cameras at once. What is not watched, how much it costs, what was seen."""

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
    """The dashboard."""
    return (
        new_dashboard("vigil-fleet", "Vigil / Fleet", "All cameras: what is watched, what it costs, what was seen.")
        .with_variable(label_variable("namespace", "Namespace", "label_values(vigil_stream_up, namespace)"))
        .with_panel(number("Cameras with pictures", "none", f"sum(vigil_stream_up{{{_IN}}})"))
        .with_panel(
            number(
                "Cameras without pictures",
                "none",
                f"count(vigil_stream_up{{{_IN}}}) - sum(vigil_stream_up{{{_IN}}})",
                description="A detector runs for them and gets no picture.",
                limits=[(1, RED)],
            )
        )
        .with_panel(
            number(
                "Cameras that wait for a GPU",
                "none",
                'sum(vigil_cameras_not_ready{reason="InsufficientGPU"})',
                limits=[(1, YELLOW)],
            )
        )
        .with_panel(number("Events in the last hour", "none", f"sum(increase(vigil_events_total{{{_IN}}}[1h]))"))
        .with_panel(
            number(
                "Alerts that wait on disk",
                "none",
                f"sum(vigil_spool_alerts{{{_IN}}})",
                limits=[(1, YELLOW), (100, RED)],
            )
        )
        .with_panel(
            number(
                "Time in models",
                "none",
                f"sum(rate(vigil_inference_seconds_sum{{{_IN}}}[$__rate_interval]))",
                description="How many GPUs (or groups of cores) the models keep busy: 1 is one that never rests.",
            )
        )
        .with_row(Row("State"))
        .with_panel(
            lines(
                "Cameras by phase",
                "none",
                {"{{phase}}": "sum by (phase) (vigil_cameras)"},
                stacked=True,
                description="As the operator sees them, inactive ones too.",
            )
        )
        .with_panel(
            lines(
                "Why cameras give no alerts",
                "none",
                {"{{reason}}": 'sum by (reason) (vigil_cameras_not_ready{reason!~"Inactive"})'},
                stacked=True,
                description="The reason of the condition Ready; docs/kubernetes.md says what each asks you to do.",
            )
        )
        .with_panel(growth("Streams that broke", "vigil_stream_reconnects_total", _IN, "reason"))
        .with_panel(
            ranking(
                "Cameras that broke most in the last hour",
                "none",
                "camera {{camera}}",
                f"topk(10, sum by (camera) (increase(vigil_stream_reconnects_total{{{_IN}}}[1h])))",
            )
        )
        .with_row(Row("Work"))
        .with_panel(
            lines(
                "Pictures",
                "framesps",
                {"{{stage}}": f"sum by (stage) (rate(vigil_frames_total{{{_IN}}}[$__rate_interval]))"},
                description=STAGES,
            )
        )
        .with_panel(durations("Time in the model for a picture", "vigil_inference_seconds", _IN))
        .with_panel(growth("Events by type", "vigil_events_total", _IN, "type"))
        .with_panel(
            ranking(
                "Cameras with most events today",
                "none",
                "camera {{camera}}",
                f"topk(10, sum by (camera) (increase(vigil_events_total{{{_IN}}}[24h])))",
                description="A rule that alerts too often stands out here.",
            )
        )
        .with_panel(
            rows(
                "Cameras",
                {
                    "Up": ("A", "none", f"sum by (camera) (vigil_stream_up{{{_IN}}})"),
                    "Pictures/s": (
                        "B",
                        "framesps",
                        f'sum by (camera) (rate(vigil_frames_total{{{_IN}, stage="received"}}[5m]))',
                    ),
                    "Model/s": (
                        "C",
                        "framesps",
                        f'sum by (camera) (rate(vigil_frames_total{{{_IN}, stage="analysed"}}[5m]))',
                    ),
                    "Last picture": (
                        "D",
                        "dateTimeFromNow",
                        f"max by (camera) (vigil_stream_last_frame_timestamp_seconds{{{_IN}}}) * 1000",
                    ),
                    "Waiting alerts": ("E", "none", f"sum by (camera) (vigil_spool_alerts{{{_IN}}})"),
                },
                key="camera",
                link="/d/vigil-camera/?var-camera=${__value.raw}",
            )
        )
    )
