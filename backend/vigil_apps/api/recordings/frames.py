"""A frame of a recording: a detector decodes it, since the backend has no decoder."""

from dataclasses import replace
from typing import Any

from django.http import Http404, HttpResponse
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from pydantic import BaseModel, ConfigDict
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.views import APIView

from surveillance.api.access import TASK_RECEIVERS, USER, principal_of, right_of, user_of
from surveillance.api.errors import translate_errors
from surveillance.api.files import stored_file_response
from surveillance.api.live import JpegRenderer
from surveillance.core.validation import parse
from surveillance.event_streams.handoff import handoff_response
from surveillance.event_streams.recorded_frames import CACHE_CONTROL
from surveillance.models import DetectorTask, TaskState
from surveillance.selectors.access import camera_for
from surveillance.services.detector_tasks import frame_begin, frame_known
from vigil_apps.accounts.models import AuthToken
from vigil_apps.api.recordings.period import MOMENT, moment_of
from vigil_apps.recordings.models import RecordedSegment
from vigil_apps.recordings.selectors import segment_at
from vigil_apps.web.api_errors import ConflictError
from vigil_apps.web.rate_limits import require_rate
from vigil_contracts.detector_tasks import FrameWidth, RecordedFrame, TaskKind

LARGEST_BYTES = 64 * 1024 * 1024
"""Of a segment: a detector holds it in memory."""
TOO_LARGE = "The recorded file of this time is larger than 64 MB, which is too large to decode a frame of."


class _Width(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)

    width: FrameWidth = 1280


class FrameView(APIView):
    """A frame of a recording."""

    scopes = {"GET": USER}  # noqa: RUF012 read only
    renderer_classes = (JSONRenderer, JpegRenderer)

    @extend_schema(
        operation_id="recordings_frame",
        summary="Get a frame of a recording",
        parameters=[
            *MOMENT,
            OpenApiParameter(
                "width",
                {"type": "integer", "minimum": 64, "maximum": 1920, "default": 1280},
                description="Largest width in pixels; the image is never enlarged.",
            ),
        ],
        responses={(200, "image/jpeg"): OpenApiTypes.BINARY},
    )
    def get(self, request: Request, camera_id: int) -> HttpResponse:
        """Returns the frame that is shown at the time, as JPEG; a detector decodes it.

        404 if nothing is recorded then. 503 with the reason if no detector is connected, or if it cannot decode the
        frame. Repeated requests within ten minutes are answered with the same image.
        """
        camera = camera_for(principal_of(request), camera_id)
        at_ms = moment_of(request)
        with translate_errors():
            width = parse(_Width, dict(request.query_params.items())).width
        segment = segment_at(camera_id=camera.pk, at_ms=at_ms)
        if segment is None:
            raise Http404
        if segment.size_bytes > LARGEST_BYTES:
            raise ConflictError(TOO_LARGE)
        user, now = user_of(request), timezone.now()
        frame = RecordedFrame(at_ms=at_ms, width=width)
        task = frame_known(camera=camera, frame=frame, now=now)
        if task is None:
            require_rate("probe", f"user-{user.pk}")
            task = frame_begin(camera=camera, frame=frame, user=user, now=now)
        if task.snapshot is not None:
            headers = {"Cache-Control": CACHE_CONTROL, "X-Content-Type-Options": "nosniff"}
            return HttpResponse(bytes(task.snapshot), content_type="image/jpeg", headers=headers)
        right = replace(right_of(request), camera_id=camera.pk)
        return handoff_response("recorded-frame", right, str(task.pk), "image/jpeg")


class TaskRecordingView(APIView):
    """The recorded file of a detector task."""

    scopes = {"GET": TASK_RECEIVERS}  # noqa: RUF012

    @extend_schema(
        operation_id="errands_recording",
        summary="Get the recording of a detector task",
        responses={(200, "video/mp4"): OpenApiTypes.BINARY, 302: None},
    )
    def get(self, request: Request, task_id: Any) -> HttpResponse:
        """Returns the file with the frame that a claimed task is about; 404 unless this token has claimed it."""
        assert isinstance(request.auth, AuthToken), "the view lets in tokens alone"
        mine = DetectorTask.objects.filter(
            pk=task_id, kind=TaskKind.FRAME, state=TaskState.RUNNING, claimed_by=str(request.auth.public_id)
        )
        task = mine.first()
        if task is None or task.camera_id is None:
            raise Http404
        frame = RecordedFrame.model_validate(task.command)
        segment: RecordedSegment | None = segment_at(camera_id=task.camera_id, at_ms=frame.at_ms)
        return stored_file_response(
            request._request,
            segment.key if segment is not None else "",
            content_type="video/mp4",
            file_name=f"camera-{task.camera_id}.mp4",
            headers={"Cache-Control": "no-store"},
        )
