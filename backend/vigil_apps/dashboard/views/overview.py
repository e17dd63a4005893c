"""The overview (figures, latest alerts, cameras) and the statistics."""

from typing import Any

from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_GET

from vigil_apps.dashboard import selectors
from vigil_apps.dashboard.figures import figures_of
from vigil_apps.dashboard.statistics import DEFAULT_PERIOD, PERIODS, states_of, statistics_of, trials_of
from vigil_apps.dashboard.views.base import UserRequest, fragment, sign_in_required
from vigil_apps.dashboard.vocabulary import notice_lines

ALERTS_SHOWN = 24
CAMERAS_SHOWN = 40
"""Sorted by severity; the cameras page has all of them."""


@require_GET
@sign_in_required
def overview(request: UserRequest) -> HttpResponse:
    """Render the page."""
    return render(request, "dashboard/overview.html", _context(request) | {"notices": notice_lines(request.user)})


@require_GET
@sign_in_required
def overview_live(request: UserRequest) -> HttpResponse:
    """Render the part that is updated."""
    return fragment(request, "dashboard/live/overview.html", _context(request))


@require_GET
@sign_in_required
def statistics(request: UserRequest) -> HttpResponse:
    """Render alerts by hour, type and camera, cameras by state, response times, and trials of new models."""
    now = timezone.now()
    period = request.GET.get("hours", "")
    period = period if period in PERIODS else DEFAULT_PERIOD
    found = statistics_of(request.user, period, now=now)
    context = {
        "section": "statistics",
        "periods": [(name, text) for name, (text, _length, _step) in PERIODS.items()],
        "period": period,
        "statistics": found,
        "chart": found.chart(),
        "states": states_of(selectors.standings_of(request.user, now=now)),
        "trials": trials_of(selectors.shadow_reports_of(request.user, now=now)),
        "open_alerts": selectors.open_alerts_count(request.user),
    }
    return render(request, "dashboard/statistics.html", context)


def _context(request: UserRequest) -> dict[str, Any]:
    now = timezone.now()
    cameras, shown = selectors.overview_cards(request.user, now=now, shown=CAMERAS_SHOWN)
    figures = figures_of(
        cameras,
        open_alerts=selectors.open_alerts_count(request.user),
        hour_counts=selectors.alerts_per_hour(request.user, now=now),
        now=now,
    )
    return {
        "section": "overview",
        "cameras": shown,
        "has_more_cameras": len(cameras) > len(shown),
        "alerts": selectors.newest_alerts(request.user, limit=ALERTS_SHOWN),
        "figures": figures,
        "open_alerts": figures.open_alerts,
    }
