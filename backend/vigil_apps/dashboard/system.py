"""The state of the backend, for administrators."""

import platform
import shutil
from dataclasses import dataclass
from datetime import datetime, timedelta
from time import perf_counter

import django
from django.conf import settings
from django.contrib.auth.models import User
from django.core.cache import cache
from django.db import connection
from django.utils.translation import gettext as _

from surveillance.models import Alert, Camera, CameraHealth
from vigil_contracts.version import vigil_version

RECENT = timedelta(seconds=30)


@dataclass(frozen=True, slots=True)
class Disk:
    """The disk of images and clips, in GB (10^9 bytes)."""

    total_gigabytes: float
    free_gigabytes: float

    @property
    def is_short(self) -> bool:
        """Return whether less than a tenth is free."""
        return self.free_gigabytes < self.total_gigabytes / 10


@dataclass(frozen=True, slots=True)
class SystemState:
    """Figures of this process and its services; times in ms. Images are in a bucket or on a disk."""

    vigil_version: str
    python_version: str
    django_version: str
    database: str
    database_milliseconds: float
    cache: str
    cache_works: bool
    bucket: str
    disk: Disk | None
    cameras: int
    active_cameras: int
    reporting_cameras: int
    users: int
    newest_alert_at: datetime | None
    spooled_alerts: int


def system_state(*, now: datetime) -> SystemState:
    """Return the state at `now`."""
    began = perf_counter()
    newest = Alert.objects.order_by("-id").values_list("received_at", flat=True).first()
    milliseconds = (perf_counter() - began) * 1000
    reports = CameraHealth.objects.filter(reported_at__gte=now - RECENT, camera__is_active=True)
    return SystemState(
        vigil_version=vigil_version(),
        python_version=platform.python_version(),
        django_version=django.get_version(),
        database={"postgresql": "PostgreSQL", "sqlite": "SQLite"}.get(connection.vendor, connection.vendor),
        database_milliseconds=round(milliseconds, 1),
        cache="Redis" if settings.ENVIRONMENT.redis else _("memory of each process"),
        cache_works=_cache_works(),
        bucket=settings.ENVIRONMENT.s3_bucket,
        disk=None if settings.ENVIRONMENT.s3_bucket else _disk(),
        cameras=Camera.objects.count(),
        active_cameras=Camera.objects.filter(is_active=True).count(),
        reporting_cameras=reports.count(),
        users=User.objects.filter(is_active=True).count(),
        newest_alert_at=newest,
        spooled_alerts=sum(reports.filter(spooled_alerts__gt=0).values_list("spooled_alerts", flat=True)),
    )


def _disk() -> Disk:
    usage = shutil.disk_usage(settings.MEDIA_ROOT if settings.ENVIRONMENT.media_root.exists() else "/")
    return Disk(round(usage.total / 1e9, 1), round(usage.free / 1e9, 1))


def _cache_works() -> bool:
    try:
        cache.set("dashboard-system", "1", 10)
        return bool(cache.get("dashboard-system") == "1")
    except Exception:  # noqa: BLE001 the cache's client may raise anything
        return False
