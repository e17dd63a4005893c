"""Create detector tasks and store their results: the backend itself never opens a camera's URL."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.auth.models import User
from django.db.models import Q

from surveillance.core.clean_image import InvalidImageError, clean_image
from surveillance.core.stored_detection import privacy_masks, readable_detection
from surveillance.core.validation import InvalidInputError, device_host, stream_url
from surveillance.models import Camera, DetectorTask, Notice, TaskState
from surveillance.wakeups import DETECTOR_TASKS
from vigil_apps.audit.models import Action
from vigil_apps.audit.tracking import Tracked, record
from vigil_contracts.detector_tasks import RESULT_TYPES, RecordedFrame, TaskKind, TaskResult, failed_result
from vigil_contracts.device import DEFAULT_ONVIF_PORT, ControlAction, ControlCommand
from vigil_contracts.names import Reason, StreamTransport
from vigil_contracts.stream_url import (
    MASK,
    Credentials,
    credentials_problem,
    join_credentials,
    mask_stream_url,
    redact,
    secrets_of,
    split_credentials,
)

UNCLAIMED_SECONDS = 10.0
"""An available detector claims a task within a second."""
UNFINISHED_SECONDS = 70.0
"""A probe takes at most 58 s: by then a stream without a decodable frame is detected."""
KEPT_SECONDS = 600.0
CONFIGURATION_SECONDS = 30.0
NO_DETECTOR_CONNECTED = (
    "No detector is connected that could do it. Start the pipeline (`cctv`), or in a cluster the prober "
    "(`cctv --prober`), and see that it reaches this server."
)
NOT_FINISHED = "The detector that took it has not answered. Try again."


class AlreadyClaimedError(Exception):
    """Another detector has claimed the task, or it has ended."""


def notices_publish(*, kind: TaskKind, camera_ids: Iterable[int], expires_at: datetime, number: int) -> None:
    """Publish a notice about cameras to detectors; a new `number` distinguishes it from an earlier one."""
    rows = [
        Notice(kind=kind.value, camera_id=camera_id, number=number, expires_at=expires_at)
        for camera_id in sorted(set(camera_ids))
    ]
    Notice.objects.bulk_create(
        rows, update_conflicts=True, unique_fields=["kind", "camera_id"], update_fields=["number", "expires_at"]
    )
    DETECTOR_TASKS.announce_after_commit()


def configuration_changed(*, camera_id: int, now: datetime) -> None:
    """Make the camera's detector fetch its configuration after this transaction is committed."""
    configurations_changed(camera_ids=[camera_id], now=now)


def configurations_changed(*, camera_ids: Iterable[int], now: datetime) -> None:
    """Make the cameras' detectors fetch their configuration after this transaction is committed."""
    notices_publish(
        kind=TaskKind.CONFIGURATION,
        camera_ids=camera_ids,
        expires_at=now + timedelta(seconds=CONFIGURATION_SECONDS),
        number=notice_number(now),
    )


def notice_number(now: datetime) -> int:
    """Return a notice's number: microseconds, so that two changes within a second differ."""
    return int(now.timestamp() * 1_000_000)


def probe_camera(*, camera: Camera, user: User, now: datetime) -> DetectorTask:
    """Request a test of a saved camera's stream."""
    task = DetectorTask(
        kind=TaskKind.PROBE.value, camera=camera, user=user, transport=camera.transport, created_at=now
    )
    return _begin(task, {"camera": camera.pk, "rtsp_url": camera.masked_rtsp_url}, camera.site_id)


def probe_stream(*, values: dict[str, Any], user: User, now: datetime) -> DetectorTask:
    """Request a test of a stream without a camera. Raises InvalidInputError that names the field."""
    url = stream_url(_with_credentials(values), policy=settings.VIGIL_CAMERA_ADDRESSES)
    task = DetectorTask(
        kind=TaskKind.PROBE.value,
        user=user,
        rtsp_url=url,
        transport=values.get("transport") or StreamTransport.TCP.value,
        created_at=now,
    )
    return _begin(task, {"rtsp_url": mask_stream_url(url)}, None)


def discovery_begin(*, user: User, now: datetime) -> DetectorTask:
    """Request a discovery of the cameras in the detectors' network."""
    return _begin(DetectorTask(kind=TaskKind.DISCOVERY.value, user=user, created_at=now), {}, None)


def device_begin(*, values: dict[str, Any], user: User, now: datetime) -> DetectorTask:
    """Ask an ONVIF device for its streams. Raises InvalidInputError that names the field."""
    credentials = Credentials(values.get("username", ""), values.get("password", ""))
    if problem := credentials_problem(credentials):
        raise InvalidInputError({"password" if "password" in problem else "username": [problem]})
    host = device_host(values["address"], policy=settings.VIGIL_CAMERA_ADDRESSES)
    url = f"http://{_in_url(host)}:{values.get('port') or DEFAULT_ONVIF_PORT}"
    task = DetectorTask(
        kind=TaskKind.DEVICE.value,
        user=user,
        rtsp_url=join_credentials(url, credentials if credentials.username else None),
        created_at=now,
    )
    return _begin(task, {"address": url}, None)


def control_begin(*, camera: Camera, command: ControlCommand, user: User, now: datetime) -> DetectorTask:
    """Ask a detector to control a camera. Questions are not audited, since they change nothing."""
    values = command.model_dump(mode="json", exclude_defaults=True)
    task = DetectorTask(kind=TaskKind.CONTROL.value, camera=camera, user=user, command=values, created_at=now)
    shown = None if command.action is ControlAction.STATUS else {"camera": camera.pk, **values}
    return _begin(task, shown, camera.site_id)


def frame_known(*, camera: Camera, frame: RecordedFrame, now: datetime) -> DetectorTask | None:
    """Return the task that decodes this frame or has decoded it in the last minutes; None if there is none."""
    since = now - timedelta(seconds=KEPT_SECONDS)
    same = DetectorTask.objects.filter(
        camera=camera, kind=TaskKind.FRAME.value, command=frame.model_dump(mode="json"), created_at__gte=since
    )
    return same.exclude(state=TaskState.DONE, snapshot=None).order_by("-created_at").first()


def frame_begin(*, camera: Camera, frame: RecordedFrame, user: User, now: datetime) -> DetectorTask:
    """Ask a detector to decode a frame of a recording. It is not audited, like the playback of recordings."""
    values = frame.model_dump(mode="json")
    task = DetectorTask(kind=TaskKind.FRAME.value, camera=camera, user=user, command=values, created_at=now)
    return _begin(task, None, camera.site_id)


def task_claim(*, task: DetectorTask, token: str, now: datetime) -> None:
    """Assign the task to one detector. Raises AlreadyClaimedError."""
    pending = DetectorTask.objects.filter(pk=task.pk, state=TaskState.PENDING)
    if task.kind == TaskKind.CONTROL:  # a late movement would surprise
        pending = pending.filter(created_at__gte=now - timedelta(seconds=UNCLAIMED_SECONDS))
    taken = pending.update(state=TaskState.RUNNING, claimed_by=token, claimed_at=now)
    if not taken:
        raise AlreadyClaimedError


def task_complete(*, task: DetectorTask, token: str, result: TaskResult, snapshot: bytes | None) -> None:
    """Store the result of the detector that claimed the task. Raises AlreadyClaimedError or InvalidInputError.

    Raises DecoderUnavailableError if the snapshot could not be checked.
    """
    # A device may repeat the password, in a message or in the URLs of its streams.
    values = _redacted(result.model_dump(mode="json"), secrets_of(stream_of(task) or device_of(task) or "-"))
    try:
        picture = clean_image(snapshot) if snapshot is not None else None
    except InvalidImageError as error:
        raise InvalidInputError({"snapshot": [str(error)]}) from None
    mine = DetectorTask.objects.filter(pk=task.pk, state=TaskState.RUNNING, claimed_by=token)
    if not mine.update(state=TaskState.DONE, result=values, snapshot=picture, rtsp_url=""):
        raise AlreadyClaimedError


def tasks_expire(*, now: datetime, task: DetectorTask | None = None) -> None:
    """End tasks that were not claimed or finished in time, with a message."""
    candidates = DetectorTask.objects.all() if task is None else DetectorTask.objects.filter(pk=task.pk)
    unclaimed = Q(state=TaskState.PENDING, created_at__lt=now - timedelta(seconds=UNCLAIMED_SECONDS))
    unfinished = Q(state=TaskState.RUNNING, claimed_at__lt=now - timedelta(seconds=UNFINISHED_SECONDS))
    # One query most times, instead of an UPDATE for each case.
    is_late = candidates.filter(unclaimed | unfinished).exists()
    late = ((unclaimed, NO_DETECTOR_CONNECTED), (unfinished, NOT_FINISHED)) if is_late else ()
    for condition, message in late:
        for kind in RESULT_TYPES:
            failed = failed_result(kind, Reason.DETECTOR_NOT_REPORTING, message)
            candidates.filter(condition, kind=kind.value).update(
                state=TaskState.DONE, result=failed.model_dump(mode="json"), rtsp_url=""
            )


def tasks_delete_old(*, now: datetime) -> None:
    """Delete tasks and notices that nobody asks for any more."""
    DetectorTask.objects.filter(created_at__lt=now - timedelta(seconds=KEPT_SECONDS)).delete()
    Notice.objects.filter(expires_at__lt=now - timedelta(seconds=KEPT_SECONDS)).delete()


def stream_of(task: DetectorTask) -> str:
    """Return the stream to test, with its credentials; empty if the task has none."""
    if task.kind != TaskKind.PROBE:
        return ""
    return task.camera.rtsp_url if task.camera is not None else task.rtsp_url


def masks_of(task: DetectorTask) -> list[list[list[float]]]:
    """Return the areas to black out in the image of a stream test: the privacy masks of its camera."""
    if task.kind != TaskKind.PROBE or task.camera is None:
        return []
    return [[list(corner) for corner in mask] for mask in privacy_masks(task.camera.detection)]


def device_of(task: DetectorTask) -> str:
    """Return the URL of the ONVIF device with its credentials, which for a camera are those of its stream."""
    if task.kind == TaskKind.DEVICE:
        return task.rtsp_url
    if task.kind != TaskKind.CONTROL or task.camera is None:
        return ""
    parts = urlsplit(task.camera.rtsp_url)
    port = readable_detection(task.camera.detection).onvif_port
    userinfo, at, _ = parts.netloc.rpartition("@")
    return f"http://{userinfo}{at}{_in_url(parts.hostname or '')}:{port}"


def _in_url(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _redacted(value: Any, secrets: list[str]) -> Any:
    """Return a JSON value without the secrets in any of its texts."""
    if isinstance(value, str):
        return redact(value, secrets)
    if isinstance(value, list):
        return [_redacted(one, secrets) for one in value]
    if isinstance(value, dict):
        return {name: one if name == "reason" else _redacted(one, secrets) for name, one in value.items()}
    return value


def _with_credentials(values: dict[str, Any]) -> str:
    url, username, password = str(values["rtsp_url"]), values.get("username", ""), values.get("password", "")
    if not username and not password:
        return url
    if problem := credentials_problem(Credentials(username, password)):
        raise InvalidInputError({"password" if "password" in problem else "username": [problem]})
    checked = stream_url(url.replace(f"{MASK}@", "", 1), policy=settings.VIGIL_CAMERA_ADDRESSES)
    return join_credentials(split_credentials(checked)[0], Credentials(username, password))


def _begin(task: DetectorTask, shown: dict[str, Any] | None, site_id: int | None) -> DetectorTask:
    """Store the task and wake detectors. `shown`: what the audit log keeps; None: nothing."""
    task.save(force_insert=True)
    DETECTOR_TASKS.announce_after_commit()
    if shown is None:
        return task
    tracked = Tracked(str(task.kind), lambda _: {}, lambda _: site_id)
    record(tracked, task, action=Action.CREATED, before={}, after=shown)
    return task
