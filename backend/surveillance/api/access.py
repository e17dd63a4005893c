"""What the request behind a view may see. Views ask here and nowhere else; what is not found is 404."""

from django.db.models import QuerySet
from django.http import Http404
from rest_framework.exceptions import PermissionDenied
from rest_framework.request import Request

from surveillance.models import Alert, Camera
from surveillance.selectors.alerts import alerts_visible_to
from surveillance.selectors.cameras import cameras_visible_to
from surveillance.stream.rights import Right, password_mark
from vigil_apps.accounts.models import AuthToken
from vigil_apps.accounts.permissions import USER, scope_of, user_of
from vigil_apps.accounts.scopes import Scope
from vigil_apps.sites.roles import Role

DETECTOR = frozenset({Scope.DETECTOR})
OPERATOR = frozenset({Scope.OPERATOR})
USER_AND_OPERATOR = USER | OPERATOR
USER_AND_SERVICES = USER | {Scope.OPERATOR, Scope.PIPELINE}
SENDERS = frozenset({Scope.DETECTOR, Scope.PIPELINE})
INQUIRERS = SENDERS | {Scope.PROBER}
ROLE_TOO_SMALL = "Your role in this camera's site does not let you do that."


__all__ = ["USER", "user_of"]  # from accounts, for the views here


def right_of(request: Request) -> Right:
    """What a stream that answers the request rests on."""
    user = user_of(request)
    if isinstance(request.auth, AuthToken):
        return Right(user.pk, token=str(request.auth.public_id))
    return Right(user.pk, session=request.session.session_key or "", password_mark=password_mark(user))


def visible_cameras(request: Request, role: Role = Role.VIEWER) -> QuerySet[Camera]:
    """The cameras that the request may see, or in which its user has the role."""
    camera_id = request.auth.camera_id if isinstance(request.auth, AuthToken) else None
    return cameras_visible_to(user=request.user, scope=scope_of(request), camera_id=camera_id, role=role)


def visible_camera(request: Request, camera_id: int) -> Camera:
    """One of them, with its last health report. Raises Http404, which tells nothing about the camera."""
    camera = visible_cameras(request).select_related("health_report", "alert_totals").filter(pk=camera_id).first()
    if camera is None:
        raise Http404
    return camera


def camera_in_role(request: Request, camera_id: int, role: Role) -> Camera:
    """A camera in which the user has the role: Http404 where they may not see it, PermissionDenied where they may."""
    camera = visible_camera(request, camera_id)
    if not visible_cameras(request, role).filter(pk=camera_id).exists():
        raise PermissionDenied(ROLE_TOO_SMALL)
    return camera


def visible_alerts(request: Request, role: Role = Role.VIEWER) -> QuerySet[Alert]:
    """The alerts that the request may see, or of the cameras in which its user has the role."""
    return alerts_visible_to(user=request.user, scope=scope_of(request), role=role)


def handled_alerts(request: Request) -> QuerySet[Alert]:
    """The alerts that the user may acknowledge, resolve, judge and comment on."""
    return visible_alerts(request, Role.OPERATOR)


def visible_alert(request: Request, alert_id: int) -> Alert:
    """One of them. Raises Http404."""
    alert = visible_alerts(request).filter(pk=alert_id).first()
    if alert is None:
        raise Http404
    return alert


def handled_alert(request: Request, alert_id: int) -> Alert:
    """One that the user may handle: Http404 where they may not see it, PermissionDenied where they only may."""
    visible_alert(request, alert_id)
    alert = handled_alerts(request).filter(pk=alert_id).first()
    if alert is None:
        raise PermissionDenied(ROLE_TOO_SMALL)
    return alert
