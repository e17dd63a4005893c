"""The page of the Home Assistant integration. Its form uses the API."""

from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from vigil_apps.dashboard.views.base import UserRequest, sign_in_required
from vigil_apps.dashboard.views.settings import settings_context
from vigil_apps.home_assistant.selectors import (
    home_assistant,
    is_from_environment,
    is_publishing,
    masked_broker_url,
)
from vigil_apps.sites.models import Site


@require_GET
@sign_in_required
def settings_page(request: UserRequest) -> HttpResponse:
    """Render the settings, and whether the broker is connected."""
    if not request.user.is_superuser:
        raise PermissionDenied
    row = home_assistant()
    context = {
        "row": row,
        "url": masked_broker_url(row),
        "acts_as": row.acts_as.get_username() if row.acts_as is not None else "",
        "is_from_environment": is_from_environment(),
        "is_publishing": is_publishing(row),
        "sites": Site.objects.order_by("name"),
    }
    common = settings_context(request, "home_assistant")
    return render(request, "dashboard/settings/home_assistant.html", context | common)
