"""The first page: figures, newest alerts, cameras."""

from typing import Any

from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_GET

from surveillance.dashboard import selectors
from surveillance.dashboard.figures import figures_of
from surveillance.dashboard.views.base import UserRequest, fragment, signed_in

ALERTS_SHOWN = 24


@require_GET
@signed_in
def overview(request: UserRequest) -> HttpResponse:
    """The page."""
    return render(request, "surveillance/overview.html", _context(request))


@require_GET
@signed_in
def overview_live(request: UserRequest) -> HttpResponse:
    """Its moving part."""
    return fragment(request, "surveillance/live/overview.html", _context(request))


def _context(request: UserRequest) -> dict[str, Any]:
    now = timezone.now()
    cameras = selectors.camera_cards(request.user, now=now)
    figures = figures_of(
        cameras,
        open_alerts=selectors.open_alerts_count(request.user),
        hour_counts=selectors.alerts_per_hour(request.user, now=now),
        now=now,
    )
    return {
        "section": "overview",
        "cameras": cameras,
        "alerts": selectors.newest_alerts(request.user, limit=ALERTS_SHOWN),
        "figures": figures,
        "open_alerts": figures.open_alerts,
    }
