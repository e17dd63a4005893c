"""What the request behind a view may see. Views ask here and nowhere else; what is not found is 404."""

from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.http import Http404
from rest_framework.request import Request

from accounts.models import AuthToken
from accounts.permissions import scope_of
from accounts.scopes import Scope
from surveillance.models import Alert, Camera
from surveillance.selectors.alerts import alerts_visible_to
from surveillance.selectors.cameras import cameras_visible_to

DETECTOR = frozenset({Scope.DETECTOR})
OPERATOR = frozenset({Scope.OPERATOR})
USER = frozenset({Scope.USER})
USER_AND_OPERATOR = USER | OPERATOR
USER_AND_SERVICES = USER | {Scope.OPERATOR, Scope.PIPELINE}
SENDERS = frozenset({Scope.DETECTOR, Scope.PIPELINE})


def visible_cameras(request: Request) -> QuerySet[Camera]:
    """The cameras that the request may see."""
    camera_id = request.auth.camera_id if isinstance(request.auth, AuthToken) else None
    return cameras_visible_to(user=request.user, scope=scope_of(request), camera_id=camera_id)


def visible_camera(request: Request, camera_id: int) -> Camera:
    """One of them, with its last health report. Raises Http404, which tells nothing about the camera."""
    camera = visible_cameras(request).select_related("health_report").filter(pk=camera_id).first()
    if camera is None:
        raise Http404
    return camera


def visible_alerts(request: Request) -> QuerySet[Alert]:
    """The alerts that the request may see."""
    return alerts_visible_to(user=request.user, scope=scope_of(request))


def visible_alert(request: Request, alert_id: int) -> Alert:
    """One of them. Raises Http404."""
    alert = visible_alerts(request).filter(pk=alert_id).first()
    if alert is None:
        raise Http404
    return alert


def user_of(request: Request) -> User:
    """The user behind the request."""
    assert isinstance(request.user, User), "the view lets in nobody without a user"
    return request.user
