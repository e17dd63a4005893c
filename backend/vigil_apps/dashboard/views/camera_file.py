"""Import cameras from a CSV file, which can be checked first."""

from collections.abc import Sequence
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods
from django_htmx.http import HttpResponseClientRedirect

from surveillance.core.camera_csv import MAX_BYTES, OPTIONAL, REQUIRED, LineError
from surveillance.core.rooms import RoomProblem
from surveillance.models import Camera
from surveillance.selectors.rooms import room_problems_of
from surveillance.services.camera_import import ImportRefusedError, cameras_import
from vigil_apps.dashboard import selectors
from vigil_apps.dashboard.forms import CameraFileForm
from vigil_apps.dashboard.views.base import UserRequest, sign_in_required


@require_http_methods(["GET", "POST"])
@sign_in_required
def camera_import(request: UserRequest) -> HttpResponse:
    """Render the page. `action=check` validates the file and lists its cameras, any other action imports them."""
    if request.method == "GET":
        return _page(request, CameraFileForm())
    form = CameraFileForm(request.POST, request.FILES)
    if not form.is_valid():
        texts = [str(text) for texts in form.errors.values() for text in texts]
        return _page(request, form, errors=[LineError(1, "", text) for text in texts])
    is_check = request.POST.get("action") == "check"
    content = form.cleaned_data["file"].read(MAX_BYTES + 1)
    try:
        cameras = cameras_import(user=request.user, content=content, is_dry_run=is_check)
    except ImportRefusedError as refused:
        return _page(request, form, errors=refused.errors)
    problems = room_problems_of(cameras)
    if is_check:
        return _page(request, form, cameras=cameras, room_problems=problems)
    count = len(cameras)
    text = ngettext("%(count)s camera was added.", "%(count)s cameras were added.", count) % {"count": count}
    messages.success(request, text)
    for problem in problems:
        waiting = _("Detector class %(name)s has room for %(fitting)s of %(count)s active cameras. The rest waits.")
        sizes = {"name": problem.class_name, "fitting": problem.fitting, "count": problem.cameras}
        messages.warning(request, waiting % sizes)
    if request.htmx:
        return HttpResponseClientRedirect(reverse("dashboard:cameras"))
    return redirect("dashboard:cameras")


def _page(
    request: UserRequest,
    form: CameraFileForm,
    *,
    cameras: list[Camera] | None = None,
    errors: list[LineError] | None = None,
    room_problems: Sequence[RoomProblem] = (),
) -> HttpResponse:
    context: dict[str, Any] = {"cameras": cameras, "errors": errors, "room_problems": room_problems}
    if request.htmx:
        return render(request, "dashboard/components/import_result.html", context)
    context |= {
        "section": "cameras",
        "form": form,
        "required": REQUIRED,
        "optional": OPTIONAL,
        "open_alerts": selectors.open_alerts_count(request.user),
    }
    return render(request, "dashboard/camera_import.html", context, status=422 if errors else 200)
