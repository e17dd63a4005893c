"""Read the data of the pages, with a fixed number of queries for any number of cameras and alerts."""

from datetime import UTC, datetime, timedelta
from typing import Any

from django.contrib.auth.models import User
from django.core.cache import cache
from django.db.models import Count, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import TruncHour
from django.http import Http404
from django.shortcuts import get_object_or_404

from surveillance.core.health import Report, camera_health
from surveillance.core.shadow import total_shadow
from surveillance.models import Alert, Camera, CameraHealth, CameraHealthChange
from surveillance.selectors.access import alerts_visible_to, cameras_visible_to, has_role
from surveillance.selectors.cameras import health_of, hls_url_of, media_url_of
from surveillance.selectors.clusters import holder_of, known_cluster_names, select_clusters
from surveillance.selectors.resources import reported_resource
from surveillance.selectors.rooms import reported_class_of, room_problem_of
from vigil_apps.accounts.models import AuthToken
from vigil_apps.accounts.principal import Principal
from vigil_apps.dashboard.cards import (
    AlertCard,
    CameraCard,
    CameraPage,
    HealthChange,
    LastAlert,
    Standing,
    TokenLine,
    alert_card,
    camera_card,
    camera_page,
    health_change,
    in_order_of_trouble,
    standing,
)
from vigil_apps.dashboard.figures import HOURS, MANY
from vigil_apps.dashboard.vocabulary import ALERT_KINDS
from vigil_apps.sites.roles import Role
from vigil_apps.sites.selectors import sites_visible_to
from vigil_contracts.health import StreamHealth
from vigil_contracts.names import AlertType, CameraPhase, Reason
from vigil_contracts.shadow import ShadowReport

HISTORY_SHOWN, TOKENS_SHOWN, TRACK_SHOWN = 20, 5, 50
TRACK_WINDOW = timedelta(hours=1)
"""Other alerts of an object are searched within this time, so that the index on time is used."""
HOUR_COUNTS_VALID_SECONDS = 5
"""Counting a day's alerts is the most expensive query of the overview; a viewer's pages share the result for this
long. Alerts that were stored since are counted each time, so that the figure never lags behind that of new alerts."""


def visible_alerts(user: User) -> QuerySet[Alert]:
    """Return the alerts that the user can view, with `may_handle`: whether the user can handle them."""
    principal = Principal.of_user(user)
    may_handle = has_role(principal, Role.SITE_OPERATOR, prefix="camera__")
    return alerts_visible_to(principal).annotate(may_handle=may_handle)


def visible_alert(user: User, alert_id: int) -> Alert:
    """Return one of them. Raises Http404."""
    return get_object_or_404(visible_alerts(user), pk=alert_id)


def sightings_of_track(alert: Alert) -> list[object]:
    """Return the boxes of all alerts of the same object as `alert`, the oldest first."""
    if not alert.track:
        return [alert.box]
    same = Alert.objects.filter(camera_id=alert.camera_id, track=alert.track)
    near = same.filter(timestamp__gte=alert.timestamp - TRACK_WINDOW, timestamp__lte=alert.timestamp + TRACK_WINDOW)
    return list(near.order_by("timestamp").values_list("box", flat=True)[:TRACK_SHOWN])


def sites_offered(user: User, camera: Camera | None = None) -> list[tuple[int, str]]:
    """Return id and name of the sites that the user may assign to a camera, including its current one."""
    sites = dict(sites_visible_to(user=user, role=Role.ADMIN).values_list("id", "name"))
    if camera is not None and camera.site is not None:
        sites[camera.site.pk] = camera.site.name
    return sorted(sites.items(), key=lambda one: one[1].casefold())


def clusters_offered(camera: Camera | None = None) -> list[str]:
    """Return the names of the clusters to which a camera can be assigned, including its current one."""
    current = {camera.cluster_name} - {""} if camera is not None else set()
    return sorted(current | set(known_cluster_names()))


def newest_alerts(user: User, *, limit: int, camera_id: int | None = None) -> list[AlertCard]:
    """Return the alerts stored last."""
    alerts = visible_alerts(user)
    if camera_id is not None:
        alerts = alerts.filter(camera_id=camera_id)
    return [alert_card(alert) for alert in alerts.order_by("-id")[:limit]]


def open_alerts_count(user: User) -> int:
    """Return the number of unacknowledged alerts, counted up to `MANY`."""
    return visible_alerts(user).filter(acknowledged=False).order_by()[:MANY].count()


def camera_cards(user: User, *, now: datetime) -> list[CameraCard]:
    """Return the user's cameras, sorted by severity."""
    cameras = _with_newest_alert(cameras_visible_to(Principal.of_user(user)), user).defer("rtsp_url")
    return in_order_of_trouble([_card(camera, now) for camera in cameras])


def overview_cards(user: User, *, now: datetime, shown: int) -> tuple[list[Standing], list[CameraCard]]:
    """Return the states of all the user's cameras, sorted by severity, and cards of the first `shown`.

    Finding the newest alert of a thousand cameras would take longer than the rest of the page.
    """
    standings = standings_of(user, now=now)
    chosen = cameras_visible_to(Principal.of_user(user)).filter(pk__in=[one.id for one in standings[:shown]])
    first = _with_newest_alert(chosen, user).defer("rtsp_url")
    return standings, in_order_of_trouble([_card(camera, now) for camera in first])


def standings_of(user: User, *, now: datetime) -> list[Standing]:
    """Return the states of the user's cameras, sorted by severity, without creating a thousand model instances."""
    rows = cameras_visible_to(Principal.of_user(user)).values_list(
        *("pk", "name", "site_id", "is_active", "activated_at", "asleep_until"),
        *(f"health_report__{name}" for name in ("phase", "reason", "message", "reported_at")),
    )
    unknown, found = StreamHealth(), []
    for pk, name, site_id, is_active, since, asleep, phase, reason, detail, at in rows:
        report = None if at is None else Report(CameraPhase(phase), Reason(reason), detail, unknown, at)
        health = camera_health(is_active=is_active, activated_at=since, report=report, now=now, asleep_until=asleep)
        found.append(standing(pk, name, health, site_id=site_id, is_active=is_active))
    return in_order_of_trouble(found)


def shadow_reports_of(user: User, *, now: datetime) -> list[ShadowReport]:
    """Return the comparisons that run on the user's cameras, one for each camera, as `health.shadow` in the API."""
    rows = (
        cameras_visible_to(Principal.of_user(user))
        .filter(is_active=True, health_report__shadow__isnull=False)
        .values_list(
            *("activated_at", "asleep_until"),
            *(f"health_report__{name}" for name in ("phase", "reason", "message", "reported_at", "shadow")),
        )
    )
    unknown, found = StreamHealth(), []
    for since, asleep, phase, reason, detail, at, stored in rows:
        report = Report(CameraPhase(phase), Reason(reason), detail, unknown, at, shadow=total_shadow(stored))
        health = camera_health(is_active=True, activated_at=since, report=report, now=now, asleep_until=asleep)
        if health.shadow is not None:
            found.append(health.shadow)
    return found


def camera_page_of(user: User, camera_id: int, *, now: datetime) -> CameraPage:
    """Return one camera. Raises Http404."""
    cameras = _with_newest_alert(cameras_visible_to(Principal.of_user(user)), user)
    camera = cameras.select_related("resource", "resource_state").filter(pk=camera_id).first()
    if camera is None:
        raise Http404
    return camera_page(
        _card(camera, now),
        camera,
        health_of(camera=camera, now=now),
        _report(camera),
        getattr(camera, "resource", None),
        kubernetes=reported_resource(camera=camera),
        cluster=camera.cluster_name,
        watched_by=str(holder_of(camera) or ""),
        media_url=media_url_of(camera),
        hls_url=hls_url_of(camera),
        room_problem=room_problem_of(camera),
        reported_class=reported_class_of(camera),
    )


def health_history(camera_id: int) -> list[HealthChange]:
    """Return the last state changes of a camera that the user can view, the newest first."""
    changes = CameraHealthChange.objects.filter(camera_id=camera_id)[:HISTORY_SHOWN]
    return [health_change(change) for change in changes]


def detector_tokens(camera_id: int, *, now: datetime) -> list[TokenLine]:
    """Return the valid tokens of this camera's detector, for its admins."""
    tokens = AuthToken.objects.filter(Q(expiry__isnull=True) | Q(expiry__gt=now), camera_id=camera_id)
    return [TokenLine(one.name, one.created, one.last_used_at, one.expiry) for one in tokens[:TOKENS_SHOWN]]


def alerts_per_hour(user: User, *, now: datetime) -> dict[datetime, int]:
    """Return the number of alerts by hour (start in UTC) for the last 24 hours."""
    since = now.astimezone(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(hours=HOURS - 1)
    alerts = alerts_visible_to(Principal.of_user(user)).filter(timestamp__gte=since)
    key = f"dashboard-hours-{user.pk}"
    known: tuple[int, dict[datetime, int]] | None = cache.get(key)
    if known is not None:
        newest_id, counts = known
        added = _counts_by_hour(alerts.filter(pk__gt=newest_id))
        return {hour: counts.get(hour, 0) + added.get(hour, 0) for hour in counts.keys() | added.keys()}
    newest_id = Alert.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
    counts = _counts_by_hour(alerts.filter(pk__lte=newest_id))
    cache.set(key, (newest_id, counts), HOUR_COUNTS_VALID_SECONDS)
    return counts


def _counts_by_hour(alerts: QuerySet[Alert]) -> dict[datetime, int]:
    rows = (
        alerts.select_related(None)
        .defer(None)
        .annotate(hour=TruncHour("timestamp", tzinfo=UTC))
        .order_by()
        .values("hour")
        .annotate(count=Count("id"))
        .values_list("hour", "count")
    )
    return dict(rows)


def _with_newest_alert(cameras: QuerySet[Camera], user: User) -> QuerySet[Camera]:
    principal = Principal.of_user(user)
    newest = Alert.objects.filter(camera=OuterRef("pk")).order_by("-id")
    with_picture = newest.exclude(image="")
    return (
        select_clusters(cameras)
        .select_related("health_report", "site")
        .annotate(
            picture_alert_id=Subquery(with_picture.values("id")[:1]),
            picture_at=Subquery(with_picture.values("timestamp")[:1]),
            last_alert_id=Subquery(newest.values("id")[:1]),
            last_alert_at=Subquery(newest.values("timestamp")[:1]),
            last_alert_type=Subquery(newest.values("alert_type")[:1]),
            last_alert_acknowledged=Subquery(newest.values("acknowledged")[:1]),
            may_change=has_role(principal, Role.ADMIN),
            may_operate=has_role(principal, Role.SITE_OPERATOR),
        )
    )


def _card(camera: Camera, now: datetime) -> CameraCard:
    return camera_card(
        camera,
        health_of(camera=camera, now=now),
        picture_alert_id=getattr(camera, "picture_alert_id", None),
        picture_at=getattr(camera, "picture_at", None),
        last_alert=_last_alert(camera),
        may_change=bool(getattr(camera, "may_change", False)),
        may_operate=bool(getattr(camera, "may_operate", False)),
    )


def _last_alert(camera: Camera) -> LastAlert | None:
    found: Any = camera  # may have annotations from `_with_newest_alert`
    if getattr(found, "last_alert_id", None) is None:
        return None
    kind = ALERT_KINDS[AlertType(found.last_alert_type)]
    return LastAlert(found.last_alert_id, kind, found.last_alert_at, found.last_alert_acknowledged)


def _report(camera: Camera) -> CameraHealth | None:
    try:
        return camera.health_report
    except CameraHealth.DoesNotExist:
        return None
