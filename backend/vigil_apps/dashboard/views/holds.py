"""The page of legal holds. Its forms use the API."""

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from surveillance.selectors.access import alerts_visible_to, cameras_visible_to
from surveillance.selectors.holds import holds_visible_to
from vigil_apps.accounts.principal import Principal
from vigil_apps.dashboard import handling
from vigil_apps.dashboard.cards import alert_card
from vigil_apps.dashboard.views.base import UserRequest, sign_in_required
from vigil_apps.dashboard.views.settings import settings_context
from vigil_apps.sites.roles import Role

HOLDS_SHOWN, CAMERAS_OFFERED = 200, 1000


@require_GET
@sign_in_required
def holds(request: UserRequest) -> HttpResponse:
    """Render the newest holds, with `camera` only those on that camera; `alert` is offered to be held."""
    principal = Principal.of_user(request.user)
    camera_id = handling.id_of(request.GET.get("camera", ""))
    found = holds_visible_to(principal).order_by("-id")
    if camera_id is not None:
        found = found.filter(camera=camera_id)
    alert_id = handling.id_of(request.GET.get("alert", "")) or 0
    alert = alerts_visible_to(principal, Role.SITE_OPERATOR).filter(pk=alert_id).first()
    offered = cameras_visible_to(principal, Role.SITE_OPERATOR).order_by("name", "id")
    context = {
        "holds": found[:HOLDS_SHOWN],
        "alert": alert_card(alert) if alert is not None else None,
        "cameras": list(offered.values_list("pk", "name")[:CAMERAS_OFFERED]),
        "asked": camera_id,
    }
    return render(request, "dashboard/settings/holds.html", context | settings_context(request, "holds"))
