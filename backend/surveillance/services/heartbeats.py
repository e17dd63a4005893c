"""Write the health of cameras."""

from datetime import datetime

from surveillance.core.health import REPORT_VALID_FOR
from surveillance.core.shadow import stored_shadow
from surveillance.models import Camera, CameraHealth, CameraHealthChange
from surveillance.wakeups import HEALTH
from vigil_contracts.health import Heartbeat
from vigil_contracts.names import CameraPhase, Reason
from vigil_contracts.stream_url import redact, secrets_of

CHANGES_KEPT = 200
"""Maximum length of a camera's history; older changes of a flapping camera add no information."""

_FIELDS = (
    "phase",
    "reason",
    "message",
    "width",
    "height",
    "codec",
    "frames_per_second",
    "last_frame_time",
    "inference",
    "objects_in_view",
    "shadow",
    "cost",
    "spooled_alerts",
    "detector",
    "revision",
    "reported_at",
)


def heartbeat_record(*, camera: Camera, heartbeat: Heartbeat, now: datetime) -> None:
    """Store the camera's latest report and add a change of state to its history.

    Uses one statement, which is safe for two concurrent detectors.

    The detector's message is redacted with the camera's credentials, in case it violates its contract.
    """
    stream = heartbeat.stream
    before = CameraHealth.objects.filter(camera=camera).first()
    secrets = secrets_of(camera.rtsp_url)
    report = CameraHealth(
        camera=camera,
        phase=heartbeat.phase.value,
        reason=heartbeat.reason.value,
        message=redact(heartbeat.message, secrets),
        width=stream.width,
        height=stream.height,
        codec=stream.codec or "",
        frames_per_second=stream.frames_per_second,
        last_frame_time=stream.last_frame_time,
        inference=heartbeat.inference.model_dump(),
        objects_in_view=_objects(heartbeat),
        shadow=_shadow(heartbeat, before, secrets),
        cost=heartbeat.cost.model_dump() if heartbeat.cost is not None else None,
        spooled_alerts=heartbeat.spooled_alerts,
        detector=heartbeat.detector,
        revision=heartbeat.revision[:64],
        reported_at=now,
    )
    _note_change(before=before, report=report)
    CameraHealth.objects.bulk_create(
        [report], update_conflicts=True, unique_fields=["camera"], update_fields=list(_FIELDS)
    )
    HEALTH.announce_after_commit()


def _objects(heartbeat: Heartbeat) -> list[dict[str, object]] | None:
    return None if heartbeat.objects is None else [one.model_dump(mode="json") for one in heartbeat.objects]


def _shadow(heartbeat: Heartbeat, before: CameraHealth | None, secrets: list[str]) -> dict[str, object] | None:
    reported = heartbeat.shadow
    if reported is None:
        return None
    failure = redact(reported.failure, secrets)[:500]
    reported = reported.model_copy(update={"failure": failure})
    return stored_shadow(before.shadow if before is not None else None, reported)


def _note_change(*, before: CameraHealth | None, report: CameraHealth) -> None:
    """Add a changed state to the history; an interruption of reports is added when it has ended.

    Two detectors of one camera that report concurrently may add a change twice, which is harmless.
    """
    changes = []
    was_silent = before is not None and report.reported_at - before.reported_at > REPORT_VALID_FOR
    if before is not None and was_silent:
        phase, reason = _state_during_silence(report.camera, before)
        silent_from = before.reported_at + REPORT_VALID_FOR
        changes.append(_change(report, at=silent_from, phase=phase.value, reason=reason.value, message=""))
    if before is None or was_silent or (before.phase, before.reason) != (report.phase, report.reason):
        state = {"phase": report.phase, "reason": report.reason, "message": report.message}
        changes.append(_change(report, at=report.reported_at, **state))
    if not changes:
        return
    CameraHealthChange.objects.bulk_create(changes)
    of_camera = CameraHealthChange.objects.filter(camera_id=report.camera_id)
    oldest_kept = of_camera.values_list("id", flat=True)[CHANGES_KEPT - 1 : CHANGES_KEPT].first()
    if oldest_kept is not None:
        of_camera.filter(pk__lt=oldest_kept).delete()


def _state_during_silence(camera: Camera, before: CameraHealth) -> tuple[CameraPhase, Reason]:
    """Return what the camera was between the report `before` and the next one: asleep, or not analysed."""
    if camera.asleep_until is not None and camera.asleep_until > before.reported_at:
        return CameraPhase.ASLEEP, Reason.ASLEEP
    return CameraPhase.FAILED, Reason.DETECTOR_NOT_REPORTING


def _change(report: CameraHealth, *, at: datetime, phase: str, reason: str, message: str) -> CameraHealthChange:
    return CameraHealthChange(camera_id=report.camera_id, at=at, phase=phase, reason=reason, message=message)
