"""The editor of a camera's zones, lines, masks, rules and schedule."""

from typing import Any

from django.http import HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from surveillance.core.validation import InvalidInputError
from surveillance.selectors.access import camera_for
from surveillance.services.cameras import ReadOnlyCameraError, camera_update
from vigil_apps.accounts.principal import Principal
from vigil_apps.dashboard import selectors
from vigil_apps.dashboard.rules import edited_part, preview_of, with_edits
from vigil_apps.dashboard.views.base import UserRequest, sign_in_required
from vigil_apps.sites.roles import Role
from vigil_apps.web.json_input import load_json
from vigil_contracts.rules import Day


@require_GET
@sign_in_required
def camera_rules(request: UserRequest, camera_id: int) -> HttpResponse:
    """Render the editor."""
    found = camera_for(Principal.of_user(request.user), camera_id, Role.ADMIN)
    card = selectors.camera_page_of(request.user, camera_id, now=timezone.now())
    context = {
        "section": "cameras",
        "camera": card,
        "editor": {"version": found.updated_at.isoformat(), "detection": edited_part(found)},
        "days": [(day.value, text) for day, text in zip(Day, _day_names(), strict=True)],
        "open_alerts": selectors.open_alerts_count(request.user),
    }
    return render(request, "dashboard/camera_rules.html", context)


@require_POST
@sign_in_required
def camera_rules_preview(request: UserRequest, camera_id: int) -> HttpResponse:
    """Return what the submitted rules would have reported."""
    found = camera_for(Principal.of_user(request.user), camera_id, Role.ADMIN)
    try:
        preview = preview_of(request.user, found, _request_object(request).get("detection"), now=timezone.now())
    except InvalidInputError as error:
        # Not an error response: the user has not finished drawing yet.
        return JsonResponse({"errors": error.errors})
    return JsonResponse(preview.as_json())


@require_POST
@sign_in_required
def camera_rules_save(request: UserRequest, camera_id: int) -> HttpResponse:
    """Save the edits, unless another user has changed the camera since the editor was opened."""
    found = camera_for(Principal.of_user(request.user), camera_id, Role.ADMIN)
    sent = _request_object(request)
    if sent.get("version") != found.updated_at.isoformat():
        text = _("Another user has changed this camera in the meantime. Reload the page to see the current settings.")
        return JsonResponse({"errors": {"non_field_errors": [text]}}, status=409)
    try:
        change = camera_update(camera=found, values={"detection": with_edits(found, sent.get("detection"))})
    except InvalidInputError as error:
        return JsonResponse({"errors": error.errors}, status=422)
    except ReadOnlyCameraError:
        text = _("This camera is managed in Kubernetes. Use kubectl to change it.")
        return JsonResponse({"errors": {"non_field_errors": [text]}}, status=409)
    return JsonResponse({"version": change.camera.updated_at.isoformat()})


def _request_object(request: UserRequest) -> dict[str, Any]:
    """Return the JSON object of the request; an empty one for any other content."""
    try:
        sent = load_json(request.body.decode())
    except ValueError:  # UnicodeDecodeError is one
        return {}
    return sent if isinstance(sent, dict) else {}


def _day_names() -> list[str]:
    return [_("Mon"), _("Tue"), _("Wed"), _("Thu"), _("Fri"), _("Sat"), _("Sun")]
