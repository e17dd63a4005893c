"""Reads of alerts."""

from collections.abc import Mapping

from django.contrib.auth.models import AnonymousUser, User
from django.db.models import Count, Q, QuerySet

from surveillance.models import Alert
from surveillance.selectors.cameras import cameras_visible_to, reach
from vigil_apps.accounts.scopes import Scope
from vigil_apps.sites.roles import Role

FEW_CAMERAS = 500
"""So many are named to the database one by one. It knows then how many alerts they have, and takes the cameras' index
where these are few; a condition on the cameras' owner makes it walk through everybody's alerts to find them."""


def alerts_visible_to(
    *, user: User | AnonymousUser, scope: Scope | None, role: Role = Role.VIEWER
) -> QuerySet[Alert]:
    """The alerts of the cameras that a request may see, or in which its user has the role; a superuser's are all."""
    if scope != Scope.USER or not isinstance(user, User):
        return Alert.objects.none()
    alerts = Alert.objects.select_related("camera", "acknowledged_by", "resolved_by").defer("camera__rtsp_url")
    if user.is_superuser:
        return alerts
    cameras = cameras_visible_to(user=user, scope=scope, role=role).order_by()
    ids = list(cameras.values_list("pk", flat=True)[: FEW_CAMERAS + 1])
    if len(ids) <= FEW_CAMERAS:
        return alerts.filter(camera__in=ids)
    return alerts.filter(reach(user_id=user.pk, role=role, prefix="camera__"))


def rule_quality(*, alerts: QuerySet[Alert], limit: int) -> list[Mapping[str, object]]:
    """For each camera and rule how many alerts there were and how many were false: the worst rule first."""
    counted = alerts.order_by().values("camera", "camera__name", "rule", "alert_type")
    false = Count("id", filter=Q(is_false_positive=True))
    rows = counted.annotate(alerts=Count("id"), false_positives=false)
    return list(rows.order_by("-false_positives", "camera", "rule", "alert_type")[:limit])
