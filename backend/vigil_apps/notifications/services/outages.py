"""Record the end of outages for the event stream."""

from datetime import datetime

from django.db import transaction

from surveillance.models import Camera
from surveillance.selectors.cameras import health_of
from surveillance.selectors.clusters import select_clusters
from vigil_apps.notifications.models import CameraOutage
from vigil_apps.notifications.services.events import outage_end_record
from vigil_contracts.names import CameraPhase

AT_ONCE = 500


def outages_end(*, now: datetime) -> int:
    """Record the outages that have ended; return their number. Several processes can run this at once."""
    open_outages = {one.camera_id: one for one in CameraOutage.objects.order_by("noticed_at")[:AT_ONCE]}
    if not open_outages:
        return 0
    cameras = select_clusters(Camera.objects.filter(pk__in=open_outages)).select_related("health_report")
    return sum(_end(open_outages[camera.pk], camera, now) for camera in cameras.defer("rtsp_url"))


@transaction.atomic
def _end(outage: CameraOutage, camera: Camera, now: datetime) -> int:
    health = health_of(camera=camera, now=now)
    is_reported = health.reported_at is not None and health.reported_at > outage.noticed_at
    is_over = health.phase == CameraPhase.STREAMING and is_reported
    if not is_over and health.phase != CameraPhase.INACTIVE:
        return 0
    deleted, _ = CameraOutage.objects.filter(pk=outage.pk, noticed_at=outage.noticed_at).delete()
    if deleted:
        outage_end_record(outage=outage, camera=camera, health=health, now=now)
    return deleted
