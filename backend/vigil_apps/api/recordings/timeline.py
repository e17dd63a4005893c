"""The endpoint behind the timeline of a camera."""

from datetime import UTC, datetime, timedelta

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from surveillance.api.access import USER, principal_of
from surveillance.selectors.access import camera_for
from vigil_apps.api.recordings.period import PERIOD, period_of
from vigil_apps.api.recordings.serializers import CameraDaySerializer
from vigil_apps.recordings.day import Timeline, timeline_of
from vigil_apps.recordings.selectors import Gap
from vigil_contracts.recording import gap_text

_LONGEST = timedelta(hours=25)
"""The longest day: the one on which daylight saving time ends."""


class TimelineView(APIView):
    """One day of a camera."""

    scopes = {"GET": USER}  # noqa: RUF012 read only

    @extend_schema(
        operation_id="recordings_timeline",
        summary="Get a camera's timeline",
        parameters=PERIOD,
        responses=CameraDaySerializer,
    )
    def get(self, request: Request, camera_id: int) -> Response:
        """Returns recorded periods, gaps with their reasons, motion and alerts of at most 25 hours.

        Motion is summarised to 720 steps: request a shorter period for more detail. A gap that has not ended is the
        last one, with `is_open`.
        """
        camera = camera_for(principal_of(request), camera_id)
        limits = period_of(request, _LONGEST).milliseconds
        now = timezone.now()
        return Response(_body(timeline_of(camera=camera, now=now, **limits), now))


def _body(found: Timeline, now: datetime) -> dict[str, object]:
    """Return the answer as `CameraDaySerializer` describes it, which would take too long for thousands of times."""
    gaps = [_gap(one, gap_text(one.reason), is_open=False) for one in found.gaps]
    if found.open_gap is not None:
        gaps.append(_gap(found.open_gap.gap, found.open_gap.message, is_open=True))
    return {
        "now": _iso(now),
        "recorded": [{"start": _instant(one.start_ms), "end": _instant(one.end_ms)} for one in found.recorded],
        "gaps": gaps,
        "motion": [
            {"start": _instant(one.start_ms), "end": _instant(one.end_ms), "percent": one.percent}
            for one in found.motion
        ],
        "alerts": [{"id": one.alert_id, "time": _iso(one.at), "alert_type": one.alert_type} for one in found.alerts],
        "has_all_alerts": found.has_all_alerts,
    }


def _gap(gap: Gap, message: str, *, is_open: bool) -> dict[str, object]:
    period = {"start": _instant(gap.start_ms), "end": _instant(gap.end_ms)}
    return {**period, "reason": gap.reason, "message": message, "is_open": is_open}


def _instant(milliseconds: int) -> str:
    return _iso(datetime.fromtimestamp(milliseconds / 1000, UTC))


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
