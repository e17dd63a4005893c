"""Read legal holds: what they keep, and who may view and lift them."""

from datetime import UTC, datetime
from typing import Any

from django.db.models import BooleanField, Exists, ExpressionWrapper, OuterRef, Q, QuerySet

from surveillance.models import Alert, Camera, LegalHold
from surveillance.selectors.access import reach
from vigil_apps.accounts.principal import Principal
from vigil_apps.accounts.scopes import Scope
from vigil_apps.sites.roles import Role
from vigil_apps.sites.selectors import site_ids_of


def without_hold(alerts: QuerySet[Alert]) -> QuerySet[Alert]:
    """Return those of the alerts that may be deleted."""
    holds = LegalHold.objects.order_by()
    period = holds.filter(
        alert=None, camera=OuterRef("camera"), start__lte=OuterRef("timestamp"), end__gte=OuterRef("timestamp")
    )
    return alerts.exclude(Exists(holds.filter(alert=OuterRef("pk"))) | Exists(period))


def holds_of_alert(alert: Alert) -> QuerySet[LegalHold]:
    """Return the holds that keep the alert: its own, and those of periods that contain it."""
    period = Q(alert=None, start__lte=alert.timestamp, end__gte=alert.timestamp)
    return LegalHold.objects.filter(Q(alert=alert) | period, camera=alert.camera_id)


def holds_overlapping(camera: Camera, *, start: datetime, end: datetime) -> QuerySet[LegalHold]:
    """Return the holds on the camera that keep a part of the period."""
    return LegalHold.objects.filter(camera=camera, start__lte=end, end__gte=start)


def held_periods(*, camera_id: int, first_ms: int, last_ms: int) -> list[tuple[int, int]]:
    """Return the held periods of the camera that overlap the limits, in milliseconds since 1970."""
    holds = LegalHold.objects.filter(camera=camera_id, end__gte=_at(first_ms), start__lte=_at(last_ms)).order_by()
    return [(_ms(start), _ms(end)) for start, end in holds.values_list("start", "end")]


def holds_visible_to(principal: Principal) -> QuerySet[LegalHold]:
    """Return the holds on cameras that the user can view, and those that the user may lift; none for services.

    `may_lift` tells which these are: the admins of the site in which the camera was when the hold was placed, or its
    owner if it was in none. So an owner cannot lift the hold of a site by moving the camera out of it.
    """
    user = principal.user
    if principal.scope != Scope.USER or user is None:
        return LegalHold.objects.none()
    in_site = Q(site_id__in=site_ids_of(user_id=user.pk, role=Role.ADMIN))
    own = Q(site_id__isnull=True, camera__user=user.pk)
    may_lift = Q() if user.is_superuser else in_site | own
    holds = LegalHold.objects.select_related("camera", "alert").defer("camera__rtsp_url")
    if not user.is_superuser:
        holds = holds.filter(reach(user_id=user.pk, prefix="camera__") | may_lift)
    is_liftable: ExpressionWrapper[Any] = ExpressionWrapper(
        Q(pk__isnull=False) & may_lift, output_field=BooleanField()
    )
    return holds.annotate(may_lift=is_liftable)


def _at(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)


def _ms(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)
