"""The endpoints behind the timeline of a camera."""

from datetime import UTC, datetime, timedelta

from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from pydantic import BaseModel, ConfigDict, Field
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from surveillance.api.access import USER, principal_of
from surveillance.api.errors import translate_errors
from surveillance.core.validation import InvalidInputError, parse
from surveillance.selectors.access import camera_for
from vigil_apps.api.recordings.period import PERIOD, period_of
from vigil_apps.api.recordings.serializers import CameraDaySerializer, MotionFoundSerializer
from vigil_apps.recordings.core.activity import MotionPeriod
from vigil_apps.recordings.core.instants import instant
from vigil_apps.recordings.day import Timeline, timeline_of
from vigil_apps.recordings.motion_search import motion_search
from vigil_apps.recordings.selectors import Gap
from vigil_contracts.geometry import Point
from vigil_contracts.motion_grid import cells_of_polygon
from vigil_contracts.recording import gap_text

_LONGEST = timedelta(hours=25)
"""The longest day: the one on which daylight saving time ends."""
_LEAST_POINTS, _MOST_POINTS = 3, 64
_POLYGON_FORM = (
    "must be 3 to 64 points of x,y in fractions of the frame, separated by spaces, as in 0.1,0.2 0.5,0.2 0.5,0.9"
)


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


class _Area(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)

    polygon: str = Field(max_length=2000)

    @property
    def points(self) -> list[Point]:
        """Return the points. Raises InvalidInputError."""
        try:
            points = [(float(x), float(y)) for x, y in (one.split(",") for one in self.polygon.split())]
        except ValueError:
            points = []
        if not _LEAST_POINTS <= len(points) <= _MOST_POINTS or not all(
            0 <= one <= 1 for each in points for one in each
        ):
            raise InvalidInputError({"polygon": [_POLYGON_FORM]})
        return points


class MotionSearchView(APIView):
    """Motion in an area."""

    scopes = {"GET": USER}  # noqa: RUF012

    @extend_schema(
        operation_id="recordings_motion",
        summary="Find motion in an area",
        parameters=[
            *PERIOD,
            OpenApiParameter(
                "polygon",
                OpenApiTypes.STR,
                required=True,
                description="3 to 64 points of x,y in fractions of the frame, separated by spaces, such as "
                "0.1,0.2 0.5,0.2 0.5,0.9.",
            ),
        ],
        responses=MotionFoundSerializer,
    )
    def get(self, request: Request, camera_id: int) -> Response:
        """Returns when something moved inside the polygon, of at most 25 hours and 2,000 periods.

        It is answered from stored data: 32 × 18 cells of the frame for each segment of some seconds.
        """
        camera = camera_for(principal_of(request), camera_id)
        limits = period_of(request, _LONGEST).milliseconds
        with translate_errors():
            points = parse(_Area, dict(request.query_params.items())).points
        found = motion_search(camera_id=camera.pk, cells=cells_of_polygon(points), **limits)
        motion = [_motion(one) for one in found.periods]
        return Response({"motion": motion, "has_all": found.has_all, "without_position": found.without_position})


def _body(found: Timeline, now: datetime) -> dict[str, object]:
    """Return the answer as `CameraDaySerializer` describes it, which would take too long for thousands of times."""
    gaps = [_gap(one, gap_text(one.reason), is_open=False) for one in found.gaps]
    if found.open_gap is not None:
        gaps.append(_gap(found.open_gap.gap, found.open_gap.message, is_open=True))
    return {
        "now": _iso(now),
        "recorded": [{"start": instant(one.start_ms), "end": instant(one.end_ms)} for one in found.recorded],
        "gaps": gaps,
        "motion": [_motion(one) for one in found.motion],
        "alerts": [{"id": one.alert_id, "time": _iso(one.at), "alert_type": one.alert_type} for one in found.alerts],
        "has_all_alerts": found.has_all_alerts,
    }


def _motion(period: MotionPeriod) -> dict[str, object]:
    return {"start": instant(period.start_ms), "end": instant(period.end_ms), "percent": period.percent}


def _gap(gap: Gap, message: str, *, is_open: bool) -> dict[str, object]:
    period = {"start": instant(gap.start_ms), "end": instant(gap.end_ms)}
    return {**period, "reason": gap.reason, "message": message, "is_open": is_open}


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
