"""The page of a camera's recordings."""

from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_GET

from surveillance.selectors.access import camera_for
from surveillance.selectors.cameras import recording_of
from surveillance.selectors.holds import holds_overlapping
from vigil_apps.accounts.principal import Principal
from vigil_apps.dashboard import selectors
from vigil_apps.dashboard.recordings import SHOWN, recordings_page, until_of
from vigil_apps.dashboard.views.base import UserRequest, sign_in_required
from vigil_contracts.recording import RecordingMode

HOLDS_SHOWN = 20


@require_GET
@sign_in_required
def camera_recordings(request: UserRequest, camera_id: int) -> HttpResponse:
    """Render what is recorded in 24 hours, and play one period of it."""
    camera = camera_for(Principal.of_user(request.user), camera_id)
    now = timezone.now()
    until = until_of(request.GET.get("until", ""), now=now)
    context = {
        "section": "cameras",
        "camera": {"id": camera.pk, "name": camera.name},
        "is_recorded": recording_of(camera).mode is not RecordingMode.OFF,
        "page": recordings_page(camera_id=camera.pk, until=until, play=request.GET.get("play", "")),
        "is_newest": until == now,
        "holds": holds_overlapping(camera, start=until - SHOWN, end=until)[:HOLDS_SHOWN],
        "open_alerts": selectors.open_alerts_count(request.user),
    }
    return render(request, "dashboard/recordings.html", context)
