"""Decide which cameras and alerts a principal can access: for API, dashboard, streams and notifications.

Objects that a principal cannot view are not found (404). Actions that need a higher role are denied (403).
"""

from collections.abc import Collection
from typing import Any

from django.core.exceptions import PermissionDenied
from django.db.models import BooleanField, ExpressionWrapper, Q, QuerySet
from django.http import Http404

from surveillance.models import Alert, Camera
from vigil_apps.accounts.principal import Principal
from vigil_apps.accounts.scopes import SERVICE_SCOPES, Scope
from vigil_apps.sites.roles import Role
from vigil_apps.sites.selectors import members_of, site_ids_of

ROLE_TOO_SMALL = "Your role in this camera's site does not let you do that."
FEW_CAMERAS = 500
"""Up to this number, camera ids are passed to the database literally. It then knows how many alerts they have and
uses the cameras' index if these are few; with a join on the owner it would scan everyone's alerts."""


def reach(*, user_id: int, role: Role = Role.VIEWER, prefix: str = "") -> Q:
    """Return the condition that the user owns a camera, or has the role in its site.

    `prefix` is the path to the camera, such as `camera__`. A camera's owner has every right to it, whatever their
    role in its site.
    """
    in_site = Q(**{f"{prefix}site__in": site_ids_of(user_id=user_id, role=role)})
    return Q(**{f"{prefix}user": user_id}) | in_site


def cameras_visible_to(principal: Principal, role: Role = Role.VIEWER) -> QuerySet[Camera]:
    """Return the cameras for which the principal has the role."""
    if principal.scope in SERVICE_SCOPES:
        return Camera.objects.all()
    if principal.scope == Scope.DETECTOR and principal.camera_id is not None:
        return Camera.objects.filter(pk=principal.camera_id)
    if principal.scope == Scope.USER and principal.user is not None:
        everything = Camera.objects.all()
        user = principal.user
        return everything if user.is_superuser else everything.filter(reach(user_id=user.pk, role=role))
    return Camera.objects.none()


def alerts_visible_to(principal: Principal, role: Role = Role.VIEWER) -> QuerySet[Alert]:
    """Return the alerts of cameras for which the user has the role; none for services."""
    if principal.scope != Scope.USER or principal.user is None:
        return Alert.objects.none()
    alerts = Alert.objects.select_related("camera", "acknowledged_by", "resolved_by").defer("camera__rtsp_url")
    if principal.user.is_superuser:
        return alerts
    ids = list(cameras_visible_to(principal, role).order_by().values_list("pk", flat=True)[: FEW_CAMERAS + 1])
    if len(ids) <= FEW_CAMERAS:
        return alerts.filter(camera__in=ids)
    return alerts.filter(reach(user_id=principal.user.pk, role=role, prefix="camera__"))


def camera_for(principal: Principal, camera_id: int, role: Role = Role.VIEWER) -> Camera:
    """Return the camera with its last health report.

    Raises Http404 if the principal cannot view it, and PermissionDenied if the role is too low.
    """
    visible = cameras_visible_to(principal).select_related(
        "health_report", "alert_totals", "resource", "site", "cluster", "hold__cluster"
    )
    camera = visible.filter(pk=camera_id).first()
    if camera is None:
        raise Http404
    if role != Role.VIEWER and not cameras_visible_to(principal, role).filter(pk=camera_id).exists():
        raise PermissionDenied(ROLE_TOO_SMALL)
    return camera


def alert_for(principal: Principal, alert_id: int, role: Role = Role.VIEWER) -> Alert:
    """Return the alert. Raises Http404 and PermissionDenied like `camera_for`."""
    alert = alerts_visible_to(principal).filter(pk=alert_id).first()
    if alert is None:
        raise Http404
    if role != Role.VIEWER and not alerts_visible_to(principal, role).filter(pk=alert_id).exists():
        raise PermissionDenied(ROLE_TOO_SMALL)
    return alert


def may_send(principal: Principal, camera_id: int) -> bool:
    """Return whether this service or detector may send the camera's alerts, without a query."""
    if principal.scope in SERVICE_SCOPES:
        return True
    return principal.scope == Scope.DETECTOR and principal.camera_id == camera_id


def has_role(principal: Principal, role: Role, *, prefix: str = "") -> "ExpressionWrapper[Any]":
    """Return an annotation of cameras, or of objects with the camera at `prefix`: whether the user has the role."""
    user = principal.user
    assert user is not None, "roles are of users"
    condition = Q() if user.is_superuser else reach(user_id=user.pk, role=role, prefix=prefix)
    return ExpressionWrapper(Q(pk__isnull=False) & condition, output_field=BooleanField())


def viewers_of(cameras: Collection[Camera]) -> dict[int, frozenset[int]]:
    """Return the ids of each camera's owner and site members, in at most one query. Superusers are not included."""
    members = members_of({camera.site_id for camera in cameras if camera.site_id is not None})
    return {camera.pk: members.get(camera.site_id or 0, frozenset()) | {camera.user_id} for camera in cameras}
