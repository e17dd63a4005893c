"""Create one `camera_offline` alert per outage, and resolve it afterwards."""

from datetime import datetime

from django.db.models import F, Q, QuerySet

from surveillance import metrics
from surveillance.core.health import REPORT_VALID_FOR
from surveillance.core.offline import Watch, event_id, offline_since, watched_since
from surveillance.models import Alert, Camera
from surveillance.selectors.cameras import health_of
from surveillance.selectors.clusters import select_clusters
from surveillance.services.alerts import alerts_resolve
from vigil_contracts.names import REASON_TEXTS, AlertType, CameraPhase, Reason


def offline_alerts_update(*, now: datetime) -> tuple[int, int]:
    """Create and resolve alerts; return the number of each. Safe to run in several processes at once.

    A camera is offline if no detector reports, which only the backend can detect, or if the stream delivers no
    frames, for which the detector sends the alert. Both alerts end when frames arrive again or the camera is
    deactivated; while one is open, no second one is created.
    """
    opened = Alert.objects.filter(alert_type=AlertType.CAMERA_OFFLINE.value, resolved=False)
    already = set(opened.values_list("camera_id", flat=True))
    made = 0
    without_pictures: set[int] = set()
    for camera in _undecided_cameras(opened if already else Alert.objects.none(), now):
        if health_of(camera=camera, now=now).phase != CameraPhase.STREAMING:
            without_pictures.add(camera.pk)
        since = offline_since(_watch(camera), now=now)
        if since is not None and camera.pk not in already:
            made += _make(camera, since)
    if not already:
        return made, 0
    ids = list(opened.exclude(camera_id__in=without_pictures).values_list("pk", flat=True))
    return made, alerts_resolve(alerts=opened, ids=ids, user=None, now=now) if ids else 0


def _make(camera: Camera, since: datetime) -> int:
    alert, is_new = Alert.objects.get_or_create(
        camera=camera,
        event_id=event_id(since),
        defaults={
            "alert_type": AlertType.CAMERA_OFFLINE.value,
            "confidence": 1.0,
            "timestamp": since,
            "description": REASON_TEXTS[Reason.DETECTOR_NOT_REPORTING],
        },
    )
    if is_new:
        metrics.ALERTS.labels(alert.alert_type).inc()
    return int(is_new)


def _undecided_cameras(opened: QuerySet[Alert], now: datetime) -> QuerySet[Camera]:
    """Return the active cameras to check: those with an open alert, and those awake without a valid report."""
    is_awake = Q(warm_until__isnull=True) | Q(warm_until__lte=now)
    is_silent = (
        Q(health_report__isnull=True)
        | Q(health_report__reported_at__lt=now - REPORT_VALID_FOR)
        | Q(activated_at__gt=F("health_report__reported_at"))
    )
    return (
        select_clusters(Camera.objects.filter(is_active=True))
        .filter(Q(pk__in=opened.values("camera_id")) | (is_awake & is_silent))
        .select_related("health_report")
        .defer("rtsp_url")
    )


def _watch(camera: Camera) -> Watch:
    report = getattr(camera, "health_report", None)
    since = watched_since(camera.activated_at, camera.warm_until)
    return Watch(since, report.reported_at if report is not None else None)
