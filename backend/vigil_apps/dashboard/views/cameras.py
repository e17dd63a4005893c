"""Views of cameras: the list, a camera's page, and the forms that change one."""

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from surveillance.core.validation import InvalidInputError
from surveillance.models import Camera
from surveillance.selectors.access import camera_for
from surveillance.services.cameras import (
    ReadOnlyCameraError,
    camera_create,
    camera_delete,
    camera_set_active,
    camera_update,
)
from surveillance.services.holds import HeldError
from vigil_apps.accounts.principal import Principal
from vigil_apps.dashboard import selectors
from vigil_apps.dashboard.forms import CameraForm, initial_of
from vigil_apps.dashboard.views.base import UserRequest, fragment, sign_in_required
from vigil_apps.dashboard.wall import wall_of
from vigil_apps.sites.roles import Role

ALERTS_SHOWN = 12


@require_GET
@sign_in_required
def cameras(request: UserRequest) -> HttpResponse:
    """Render all cameras, sorted by severity."""
    return render(request, "dashboard/cameras.html", _cameras_context(request))


@require_GET
@sign_in_required
def cameras_live(request: UserRequest) -> HttpResponse:
    """Render the part that is updated."""
    return fragment(request, "dashboard/live/cameras.html", _cameras_context(request))


@require_GET
@sign_in_required
def camera(request: UserRequest, camera_id: int) -> HttpResponse:
    """Render one camera."""
    return render(request, "dashboard/camera.html", _camera_context(request, camera_id))


@require_GET
@sign_in_required
def camera_live(request: UserRequest, camera_id: int) -> HttpResponse:
    """Render the part that is updated."""
    return fragment(request, "dashboard/live/camera.html", _camera_context(request, camera_id))


@sensitive_post_parameters("rtsp_url")
@require_http_methods(["GET", "POST"])
@sign_in_required
def camera_add(request: UserRequest) -> HttpResponse:
    """Add a camera."""
    sites, clusters = selectors.sites_offered(request.user), selectors.clusters_offered()
    form = CameraForm(request.POST or None, sites=sites, clusters=clusters, is_new=True)
    if request.method == "POST" and form.is_valid():
        try:
            made = camera_create(user=request.user, values=form.values())
        except InvalidInputError as error:
            form.add_errors(error.errors)
        else:
            messages.success(request, _("%(name)s was added.") % {"name": made.name})
            return redirect("dashboard:camera", made.pk)
    return _form_page(request, form)


@sensitive_post_parameters("rtsp_url")
@require_http_methods(["GET", "POST"])
@sign_in_required
def camera_edit(request: UserRequest, camera_id: int) -> HttpResponse:
    """Edit a camera."""
    found = camera_for(Principal.of_user(request.user), camera_id, Role.ADMIN)
    sites, clusters = selectors.sites_offered(request.user, found), selectors.clusters_offered(found)
    form = CameraForm(request.POST or None, initial=initial_of(found), sites=sites, clusters=clusters)
    if request.method == "POST" and form.is_valid():
        try:
            camera_update(camera=found, values=form.values(camera=found), user=request.user)
        except InvalidInputError as error:
            form.add_errors(error.errors)
        except ReadOnlyCameraError:
            return _read_only(request, found)
        else:
            messages.success(request, _("Saved."))
            return redirect("dashboard:camera", found.pk)
    return _form_page(request, form, found)


@require_POST
@sign_in_required
def camera_activate(request: UserRequest, camera_id: int) -> HttpResponse:
    """Activate a camera."""
    return _set_active(request, camera_id, is_active=True)


@require_POST
@sign_in_required
def camera_deactivate(request: UserRequest, camera_id: int) -> HttpResponse:
    """Deactivate a camera."""
    return _set_active(request, camera_id, is_active=False)


@require_POST
@sign_in_required
def camera_remove(request: UserRequest, camera_id: int) -> HttpResponse:
    """Delete a camera with its alerts."""
    found = camera_for(Principal.of_user(request.user), camera_id, Role.ADMIN)
    try:
        camera_delete(camera=found)
    except ReadOnlyCameraError:
        return _read_only(request, found)
    except HeldError:
        messages.error(request, _("This camera has a legal hold. Deactivate it instead, or lift its holds first."))
        return redirect("dashboard:camera", found.pk)
    messages.success(request, _("%(name)s was deleted.") % {"name": found.name})
    return redirect("dashboard:overview")


def _set_active(request: UserRequest, camera_id: int, *, is_active: bool) -> HttpResponse:
    found = camera_for(Principal.of_user(request.user), camera_id, Role.SITE_OPERATOR)
    try:
        camera_set_active(camera=found, is_active=is_active)
    except ReadOnlyCameraError:
        return _read_only(request, found)
    return redirect("dashboard:camera", found.pk)


def _read_only(request: UserRequest, found: Camera) -> HttpResponse:
    messages.error(request, _("This camera is managed in Kubernetes. Use kubectl to change it."))
    return redirect("dashboard:camera", found.pk)


def _form_page(request: UserRequest, form: CameraForm, found: Camera | None = None) -> HttpResponse:
    status = 422 if form.is_bound else 200
    context = {
        "section": "cameras",
        "form": form,
        "camera": {"id": found.pk, "name": found.name} if found is not None else None,
        "open_alerts": selectors.open_alerts_count(request.user),
    }
    return render(request, "dashboard/camera_form.html", context, status=status)


def _cameras_context(request: UserRequest) -> dict[str, Any]:
    return {
        "section": "cameras",
        "wall": wall_of(selectors.camera_cards(request.user, now=timezone.now()), request.GET),
        "open_alerts": selectors.open_alerts_count(request.user),
    }


def _camera_context(request: UserRequest, camera_id: int) -> dict[str, Any]:
    now = timezone.now()
    page = selectors.camera_page_of(request.user, camera_id, now=now)
    return {
        "section": "cameras",
        "camera": page,
        "history": selectors.health_history(camera_id),
        "tokens": selectors.detector_tokens(camera_id, now=now) if page.is_administered else [],
        "alerts": selectors.newest_alerts(request.user, limit=ALERTS_SHOWN, camera_id=camera_id),
        "open_alerts": selectors.open_alerts_count(request.user),
    }
