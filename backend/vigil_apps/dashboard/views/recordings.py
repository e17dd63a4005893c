"""The page of a camera's recordings."""

from typing import Any

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET

from surveillance.models import Camera
from surveillance.selectors.access import camera_for, cameras_visible_to
from surveillance.selectors.cameras import recording_of
from surveillance.selectors.holds import holds_overlapping
from vigil_apps.accounts.principal import Principal
from vigil_apps.dashboard import handling, selectors
from vigil_apps.dashboard.recordings import SHOWN, RecordingsPage, moment_of, recordings_page, until_of
from vigil_apps.dashboard.views.base import UserRequest, sign_in_required
from vigil_apps.dashboard.vocabulary import ALERT_KINDS
from vigil_contracts.recording import RecordingMode

HOLDS_SHOWN = 20
MOST_CAMERAS = 4
"""How many cameras are played in step."""
MOST_CHOICES = 200
SPEEDS = {"0.5": "½×", "1": "1×", "2": "2×", "4": "4×", "8": "8×", "16": "16×"}


@require_GET
@sign_in_required
def camera_recordings(request: UserRequest, camera_id: int) -> HttpResponse:
    """Render the timeline, and the list of 24 hours, which also works without scripts.

    `at`: the time to show; `with`: ids of other cameras that are played in step.
    """
    camera = camera_for(Principal.of_user(request.user), camera_id)
    now = timezone.now()
    until = until_of(request.GET.get("until", ""), now=now)
    page = recordings_page(camera_id=camera.pk, until=until, play=request.GET.get("play", ""))
    cameras = [camera, *_others(request, camera)]
    context = {
        "section": "cameras",
        "camera": {"id": camera.pk, "name": camera.name},
        "is_recorded": recording_of(camera).mode is not RecordingMode.OFF,
        "page": page,
        "cameras": [{"id": one.pk, "name": one.name} for one in cameras],
        "others": _choices(request, cameras),
        "speeds": SPEEDS.items(),
        "timeline": _timeline(request, cameras, page),
        "is_newest": until == now,
        "holds": holds_overlapping(camera, start=until - SHOWN, end=until)[:HOLDS_SHOWN],
        "open_alerts": selectors.open_alerts_count(request.user),
    }
    return render(request, "dashboard/recordings.html", context)


def _others(request: UserRequest, camera: Camera) -> list[Camera]:
    """Return the visible cameras of the parameter `with`; the others are ignored, as in an old link."""
    ids = list(dict.fromkeys(one for one in handling.ids_of(request.GET, "with") if one != camera.pk))
    visible = cameras_visible_to(Principal.of_user(request.user)).only("name").in_bulk(ids[: MOST_CAMERAS - 1])
    return [visible[one] for one in ids if one in visible]


def _choices(request: UserRequest, shown: list[Camera]) -> list[dict[str, Any]]:
    """Return the cameras that can be added."""
    if len(shown) == MOST_CAMERAS:
        return []
    visible = cameras_visible_to(Principal.of_user(request.user)).exclude(pk__in=[one.pk for one in shown])
    rows = visible.order_by("name", "id").values_list("id", "name")[:MOST_CHOICES]
    return [{"id": number, "name": name} for number, name in rows]


def _timeline(request: UserRequest, cameras: list[Camera], page: RecordingsPage) -> dict[str, Any]:
    """Return what the page's script needs; times are milliseconds since 1970."""
    at = page.played.play if page.played is not None else moment_of(request.GET.get("at", ""))
    return {
        "cameras": [{"id": one.pk, "name": one.name} for one in cameras],
        "at": at,
        "plays": page.played is not None,
        "types": {kind.value: str(look.text) for kind, look in ALERT_KINDS.items()},
        "alert_url": reverse("dashboard:alert", args=[0]),
    }
