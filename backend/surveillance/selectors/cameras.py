"""Read cameras."""

from collections.abc import Collection, Iterable
from dataclasses import replace
from datetime import datetime

from django.conf import settings
from django.db import DEFAULT_DB_ALIAS
from django.db.models import QuerySet
from django.utils.crypto import salted_hmac
from pydantic import ValidationError

from surveillance.core.health import Health, Report, address_unreadable, camera_health
from surveillance.core.shadow import total_shadow
from surveillance.models import Camera, CameraAlerts, CameraHealth, CameraListVersion
from surveillance.selectors.clusters import cluster_problem
from vigil_apps.web.statements import rows_of
from vigil_contracts.camera import AlertTotals
from vigil_contracts.cost import CameraCost
from vigil_contracts.detection import Detection
from vigil_contracts.health import InferenceHealth, StreamHealth
from vigil_contracts.masks_digest import masks_digest
from vigil_contracts.names import CameraPhase, Reason
from vigil_contracts.recording import RecordingSettings

CONFIGURATION_FORMAT = 3
"""Increase it with the response format, so that clients do not reuse a cached response in the old format."""


def cameras_by_name_only(ids: Collection[int]) -> dict[int, Camera]:
    """Return the existing cameras with only their names, owners and sites: all that storing an alert needs.

    Without the URLs, alerts are stored even if the credential keys are missing.
    """
    named = [camera_id for camera_id in ids if 0 < camera_id < 2**63]
    if not named:
        return {}
    columns = ("id", "user_id", "name", "site_id")  # `from_db` takes them in the model's order
    rows = rows_of("SELECT id, user_id, name, site_id FROM surveillance_camera WHERE id IN (%s)", named)
    return {row[0]: Camera.from_db(DEFAULT_DB_ALIAS, columns, row) for row in rows}


def are_objects_reported() -> bool:
    """Return whether detectors report the objects in view. A change of it also changes `camera_list_version`."""
    return CameraListVersion.objects.filter(pk=1, reports_objects=True).exists()


def active_cameras(*, cameras: QuerySet[Camera], group: str = "") -> QuerySet[Camera]:
    """Return the cameras to analyse, in the order of their creation."""
    active = cameras.filter(is_active=True).order_by("id")
    return active.filter(group=group) if group else active


def configuration(*, camera: Camera, with_credentials: bool, reports_objects: bool = False) -> dict[str, object]:
    """Return the camera for detectors and the operator (`vigil_contracts.camera.CameraConfiguration`).

    `reports_objects`: see `are_objects_reported`, which is read once for all cameras.
    """
    values: dict[str, object] = {
        "id": camera.pk,
        "name": camera.name,
        "group": camera.group,
        "rtsp_url": camera.rtsp_url,
        "transport": camera.transport,
        "detection": _detection_of(camera),
        "recording": recording_of(camera).model_dump(mode="json"),
        "report_objects": reports_objects,
        "detector_class_name": camera.detector_class_name,
        "managed_by": camera.managed_by,
    }
    # Keyed: a plain hash of a text with a password could be brute-forced.
    text = repr((CONFIGURATION_FORMAT, sorted(values.items())))
    values["revision"] = salted_hmac("vigil.camera.revision", text, algorithm="sha256").hexdigest()[:16]
    if not with_credentials:
        values["rtsp_url"] = camera.masked_rtsp_url
    return values


def _detection_of(camera: Camera) -> dict[str, object]:
    """Return the settings with all defaults. Invalid ones are returned as stored: the detector names the field, and
    the other cameras of the response are unaffected.
    """
    try:
        return Detection.model_validate(camera.detection).model_dump(mode="json")
    except ValidationError:
        return dict(camera.detection)


def recording_of(camera: Camera) -> RecordingSettings:
    """Return the camera's recording settings; the defaults if stored ones violate newer limits."""
    try:
        return RecordingSettings.model_validate(camera.recording or {})
    except ValidationError:
        return RecordingSettings()


def masks_digests(camera_ids: Iterable[int]) -> dict[int, str]:
    """Return the `masks_digest` of each of these cameras' privacy masks."""
    rows = Camera.objects.filter(pk__in=list(camera_ids)).values_list("pk", "detection__privacy_masks")
    return {camera_id: masks_digest(masks) for camera_id, masks in rows}


def health_of(*, camera: Camera, now: datetime) -> Health:
    """Return the camera's health; load `camera` with `select_related("health_report")` and `select_clusters`."""
    if camera.is_address_unreadable:
        return address_unreadable(is_active=camera.is_active)
    health = camera_health(
        is_active=camera.is_active,
        activated_at=camera.activated_at,
        report=_report(camera),
        now=now,
        asleep_until=camera.asleep_until,
    )
    if health.reason == Reason.DETECTOR_NOT_REPORTING and (problem := cluster_problem(camera=camera, now=now)):
        return replace(health, message=problem)
    return health


def alert_totals_of(*, camera: Camera) -> AlertTotals:
    """Return the camera's alert totals; load `camera` with `select_related("alert_totals")`."""
    try:
        counted = camera.alert_totals
    except CameraAlerts.DoesNotExist:
        return AlertTotals()
    return AlertTotals(total=counted.total, last_alert_time=counted.last_alert_at)


def _report(camera: Camera) -> Report | None:
    try:
        stored = camera.health_report
    except CameraHealth.DoesNotExist:
        return None
    seen = {
        "width": stored.width,
        "height": stored.height,
        "codec": stored.codec or None,
        "frames_per_second": stored.frames_per_second,
        "last_frame_time": stored.last_frame_time,
    }
    try:
        stream = StreamHealth.model_validate(seen)
    except ValidationError:  # stored before the contract had its limits: one row must not break a list
        stream = StreamHealth()
    try:
        inference = InferenceHealth.model_validate(stored.inference)
    except ValidationError:  # as above
        inference = InferenceHealth()
    try:
        cost = CameraCost.model_validate(stored.cost) if stored.cost is not None else None
    except ValidationError:  # as above
        cost = None
    return Report(
        CameraPhase(stored.phase),
        Reason(stored.reason),
        stored.message,
        stream,
        stored.reported_at,
        inference,
        stored.spooled_alerts,
        shadow=total_shadow(stored.shadow),
        cost=cost,
    )


def media_url_of(camera: Camera) -> str:
    """Return where the configured media server plays the camera; empty without one, or if the camera has masks."""
    return _on_media_server(settings.VIGIL_MEDIA_SERVER_URL, camera)


def hls_url_of(camera: Camera) -> str:
    """Return where it plays the camera over HLS; empty if that is not configured, or if the camera has masks."""
    return _on_media_server(settings.VIGIL_MEDIA_HLS_URL, camera)


def _on_media_server(template: str, camera: Camera) -> str:
    if camera.detection.get("privacy_masks"):  # a media server forwards the camera's own packets
        return ""
    return template.replace("{camera}", str(camera.pk))
