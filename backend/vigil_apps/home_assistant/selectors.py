"""Read the integration's settings, and cameras and alerts for Home Assistant."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db.models import QuerySet
from pydantic import TypeAdapter, ValidationError

from surveillance.credentials import UnreadableText
from surveillance.models import Alert, Camera, CameraHealth, ManagedBy
from surveillance.selectors.cameras import health_of
from surveillance.selectors.clusters import select_clusters
from vigil_apps.home_assistant.core.settings import Broker
from vigil_apps.home_assistant.core.states import CameraState
from vigil_apps.home_assistant.models import HomeAssistant, PublishedDevice
from vigil_apps.notifications.channels.base import masked_url
from vigil_contracts.health import ObjectCount, ObjectCounts
from vigil_contracts.names import CameraPhase

ALERTS_AT_ONCE = 100
_COUNTS: TypeAdapter[tuple[ObjectCount, ...]] = TypeAdapter(ObjectCounts)
_UNKNOWN_PHASES = frozenset(
    {CameraPhase.INACTIVE, CameraPhase.ASLEEP, CameraPhase.PENDING, CameraPhase.STARTING, CameraPhase.FAILED}
)


def home_assistant() -> HomeAssistant:
    """Return the settings, stored or not."""
    return HomeAssistant.objects.select_related("acts_as").filter(pk=1).first() or HomeAssistant(pk=1)


def is_from_environment() -> bool:
    """Return whether VIGIL_MQTT_URL names the broker, which then cannot be changed here."""
    return bool(settings.VIGIL_MQTT_URL)


def masked_broker_url(row: HomeAssistant) -> str:
    """Return the broker's URL for display, without credentials."""
    url = settings.VIGIL_MQTT_URL or row.url
    return masked_url(url) if url else ""


def is_publishing(row: HomeAssistant) -> bool:
    """Return whether the cameras are to be published."""
    return bool(settings.VIGIL_MQTT_URL) or (row.is_enabled and bool(row.url))


def has_devices_to_remove(row: HomeAssistant) -> bool:
    """Return whether the disabled integration has left devices in a broker whose URL is known."""
    return not is_publishing(row) and bool(row.url) and PublishedDevice.objects.exists()


def is_url_unreadable(row: HomeAssistant) -> bool:
    """Return whether the key that encrypted the stored URL is missing."""
    return not settings.VIGIL_MQTT_URL and isinstance(row.url, UnreadableText)


def broker_of(row: HomeAssistant) -> Broker:
    """Return the broker to connect to; call it only if `is_publishing` or `has_devices_to_remove`."""
    if settings.VIGIL_MQTT_URL:
        return Broker.of_url(settings.VIGIL_MQTT_URL, password=settings.VIGIL_MQTT_PASSWORD, is_trusted=True)
    return Broker.of_url(row.url)


def published_cameras(row: HomeAssistant) -> QuerySet[Camera]:
    """Return the cameras that Home Assistant shows, with everything that `camera_state` reads."""
    cameras = select_clusters(Camera.objects.all()).select_related("health_report", "site").order_by("pk")
    return cameras.filter(site__in=row.sites) if row.sites else cameras


def reports_since(moment: datetime) -> QuerySet[CameraHealth]:
    """Return the detectors' reports that have arrived since."""
    return CameraHealth.objects.filter(reported_at__gte=moment)


def camera_state(camera: Camera, *, can_switch: bool, now: datetime) -> CameraState:
    """Return the camera as Home Assistant sees it."""
    health = health_of(camera=camera, now=now)
    return CameraState(
        id=camera.pk,
        name=camera.name,
        site=camera.site.name if camera.site is not None else "",
        is_active=camera.is_active,
        can_switch=can_switch and camera.managed_by == ManagedBy.BACKEND,
        phase=health.phase,
        reason=health.reason,
        message=health.message,
        objects=None if health.phase in _UNKNOWN_PHASES else _objects(camera),
    )


def newest_alert_id() -> int:
    """Return the highest id of an alert; 0 without any."""
    return Alert.objects.order_by("-pk").values_list("pk", flat=True).first() or 0


def alerts_after(position: int) -> dict[int, Alert]:
    """Return some of the alerts with higher ids, by id."""
    found: Iterable[Alert] = (
        Alert.objects.filter(pk__gt=position)
        .select_related("camera")
        .defer("camera__rtsp_url")
        .order_by("pk")[:ALERTS_AT_ONCE]
    )
    return {alert.pk: alert for alert in found}


def _objects(camera: Camera) -> tuple[ObjectCount, ...] | None:
    try:
        stored: Any = camera.health_report.objects_in_view
    except CameraHealth.DoesNotExist:
        return None
    if stored is None:
        return None
    try:
        return _COUNTS.validate_python(stored)
    except ValidationError:  # stored by a newer version
        return None
