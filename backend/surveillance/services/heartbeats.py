"""Writes of cameras' health."""

from datetime import datetime

from surveillance.models import Camera, CameraHealth
from vigil_contracts.camera import Heartbeat
from vigil_contracts.stream_url import redact, secrets_of

_FIELDS = (
    "phase",
    "reason",
    "message",
    "width",
    "height",
    "codec",
    "frames_per_second",
    "last_frame_time",
    "spooled_alerts",
    "detector",
    "revision",
    "reported_at",
)


def heartbeat_record(*, camera: Camera, heartbeat: Heartbeat, now: datetime) -> None:
    """Keeps the report as the camera's last one: one statement, which two detectors at once cannot break.

    The detector's message is redacted by the camera's own credentials, should it hold them against its contract.
    """
    stream = heartbeat.stream
    report = CameraHealth(
        camera=camera,
        phase=heartbeat.phase.value,
        reason=heartbeat.reason.value,
        message=redact(heartbeat.message, secrets_of(camera.rtsp_url)),
        width=stream.width,
        height=stream.height,
        codec=stream.codec or "",
        frames_per_second=stream.frames_per_second,
        last_frame_time=stream.last_frame_time,
        spooled_alerts=heartbeat.spooled_alerts,
        detector=heartbeat.detector,
        revision=heartbeat.revision[:64],
        reported_at=now,
    )
    CameraHealth.objects.bulk_create(
        [report], update_conflicts=True, unique_fields=["camera"], update_fields=list(_FIELDS)
    )
