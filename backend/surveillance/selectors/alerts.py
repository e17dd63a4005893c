"""Reads of alerts."""

from django.contrib.auth.models import AnonymousUser, User
from django.db.models import QuerySet

from accounts.scopes import Scope
from surveillance.models import Alert


def alerts_visible_to(*, user: User | AnonymousUser, scope: Scope | None) -> QuerySet[Alert]:
    """The alerts that a request may see: those of the user's cameras; a superuser sees all."""
    if scope != Scope.USER or not isinstance(user, User):
        return Alert.objects.none()
    alerts = Alert.objects.select_related("camera", "acknowledged_by").defer("camera__rtsp_url")
    return alerts if user.is_superuser else alerts.filter(camera__user=user)
