"""The detector's Prometheus metrics. Label values come from closed vocabularies, except camera ids and classes."""

from prometheus_client import GC_COLLECTOR, PROCESS_COLLECTOR, CollectorRegistry, Counter, Gauge, Histogram

from cctv.clips.recorder import ClipOutcome
from cctv.common.event_comparison import Outcome
from vigil_contracts.health import InferenceHealth
from vigil_contracts.names import Reason

STAGES = ("received", "skipped", "gated", "analysed", "dropped", "damaged")
SHADOW_STAGES = ("analysed", "skipped")
DROPPED_BECAUSE = ("full", "old")
_SECONDS = (0.005, 0.01, 0.02, 0.04, 0.06, 0.1, 0.15, 0.2, 0.3, 0.5, 1.0, 2.5, 5.0)
_DELIVERY_SECONDS = (0.05, 0.1, 0.15, 0.2, 0.25, 0.35, 0.5, 1.0, 2.5, 5.0, 10.0, 60.0, 600.0)


class Metrics:
    """All collectors of one process, in a separate registry."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        for collector in (PROCESS_COLLECTOR, GC_COLLECTOR):
            registry.register(collector)
        camera = ["camera"]
        self.stream_up = Gauge("vigil_stream_up", "1 while frames arrive from the camera.", camera, registry=registry)
        self.model_info = Gauge(
            "vigil_model_info",
            "Always 1; the labels show what the camera's model uses now.",
            [*camera, "model", "runtime", "device", "precision", "decoder"],
            registry=registry,
        )
        self.stream_reconnects = Counter(
            "vigil_stream_reconnects_total",
            "Stream failures that led to a reconnect, by reason.",
            [*camera, "reason"],
            registry=registry,
        )
        self.last_frame = Gauge(
            "vigil_stream_last_frame_timestamp_seconds",
            "Unix time of the last decoded frame.",
            camera,
            registry=registry,
        )
        self.frames = Counter(
            "vigil_frames_total", "Frames by pipeline stage.", [*camera, "stage"], registry=registry
        )
        self.frame_age = Histogram(
            "vigil_frame_age_seconds",
            "Age of a frame when its analysis starts.",
            camera,
            buckets=_SECONDS,
            registry=registry,
        )
        self.inference = Histogram(
            "vigil_inference_seconds", "Inference duration of a frame.", camera, buckets=_SECONDS, registry=registry
        )
        self.analysis_errors = Counter(
            "vigil_analysis_errors_total", "Frames whose analysis failed.", camera, registry=registry
        )
        self.detections = Counter(
            "vigil_detections_total",
            "Detected objects, counted in each frame.",
            [*camera, "label"],
            registry=registry,
        )
        self.events = Counter("vigil_events_total", "Events by alert type.", [*camera, "type"], registry=registry)
        self.delivery = Histogram(
            "vigil_alert_delivery_seconds",
            "Time from receiving the frame to the API storing its alert.",
            camera,
            buckets=_DELIVERY_SECONDS,
            registry=registry,
        )
        self.spool_alerts = Gauge(
            "vigil_spool_alerts", "Alerts in the spool, waiting for delivery.", camera, registry=registry
        )
        self.spool_bytes = Gauge("vigil_spool_bytes", "Size of the spool on disk.", camera, registry=registry)
        self.spool_dropped = Counter(
            "vigil_spool_dropped_total",
            "Alerts dropped from the spool, by reason.",
            [*camera, "reason"],
            registry=registry,
        )
        self.dead_letters = Counter(
            "vigil_dead_letters_total", "Alerts that the API rejected permanently.", camera, registry=registry
        )
        self.live_frames = Counter(
            "vigil_live_frames_total", "Frames encoded for live views.", camera, registry=registry
        )
        self.clips = Counter(
            "vigil_clips_total",
            "Event clips by outcome: complete, shortened to VIGIL_CLIP_MAX_BYTES, missing, or recorded: a part of "
            "the recording.",
            [*camera, "outcome"],
            registry=registry,
        )
        self.recording_seconds = Counter(
            "vigil_recording_seconds_total", "Seconds recorded.", camera, registry=registry
        )
        self.recording_gap_seconds = Counter(
            "vigil_recording_gap_seconds_total",
            "Seconds that were to be recorded but were not, by reason.",
            [*camera, "reason"],
            registry=registry,
        )
        self.recording_bytes = Gauge(
            "vigil_recording_bytes",
            "Size of the recordings on disk that are not stored yet.",
            camera,
            registry=registry,
        )
        self.shadow_events = Counter(
            "vigil_shadow_events_total",
            "Events of the model in use and of the one in shadow: agreed, missed by the shadow, or new in it.",
            [*camera, "outcome"],
            registry=registry,
        )
        self.shadow_frames = Counter(
            "vigil_shadow_frames_total",
            "Frames for the model in shadow: analysed, or skipped because it had no time.",
            [*camera, "stage"],
            registry=registry,
        )
        self.shadow_inference = Histogram(
            "vigil_shadow_inference_seconds",
            "Inference duration of the model in shadow, as the mean of a frame's inferences.",
            camera,
            buckets=_SECONDS,
            registry=registry,
        )
        self.shadow_up = Gauge(
            "vigil_shadow_up", "1 while a model in shadow runs, 0 if it failed.", camera, registry=registry
        )
        self.api_errors = Counter(
            "vigil_api_errors_total",
            "Failed API requests by HTTP status (0: no response).",
            ["status"],
            registry=registry,
        )
        self._by_camera = (
            *(self.stream_up, self.stream_reconnects, self.last_frame, self.frames, self.frame_age, self.inference),
            *(self.detections, self.events, self.delivery, self.spool_alerts, self.spool_bytes),
            *(self.model_info, self.recording_seconds, self.recording_gap_seconds, self.recording_bytes),
            *(self.shadow_events, self.shadow_frames, self.shadow_inference, self.shadow_up),
            *(self.analysis_errors, self.spool_dropped, self.dead_letters, self.live_frames, self.clips),
        )

    def begin(self, camera_id: int) -> None:
        """Create the series of a camera at zero, so that rates are correct from the first event."""
        camera = str(camera_id)
        self.stream_up.labels(camera).set(0)
        for stage in STAGES:
            self.frames.labels(camera, stage)
        for reason in Reason:
            if reason.value.startswith("Stream") and reason is not Reason.STREAMING:
                self.stream_reconnects.labels(camera, reason)
        for why in DROPPED_BECAUSE:
            self.spool_dropped.labels(camera, why)
        self.dead_letters.labels(camera)
        self.recording_seconds.labels(camera)
        for outcome in ClipOutcome:
            self.clips.labels(camera, outcome)

    def show_inference(self, camera_id: int, inference: InferenceHealth) -> None:
        """Set the camera's only series of `vigil_model_info`."""
        camera = str(camera_id)
        self.model_info.remove_by_labels({"camera": camera})
        if inference.model:
            self.model_info.labels(camera, *inference.model_dump().values()).set(1)

    def begin_shadow(self, camera_id: int) -> None:
        """Create the series of a model in shadow at zero."""
        camera = str(camera_id)
        self.shadow_up.labels(camera).set(0)
        for outcome in Outcome:
            self.shadow_events.labels(camera, outcome)
        for stage in SHADOW_STAGES:
            self.shadow_frames.labels(camera, stage)

    def forget(self, camera_id: int) -> None:
        """Remove the series of a camera."""
        for collector in self._by_camera:
            collector.remove_by_labels({"camera": str(camera_id)})
