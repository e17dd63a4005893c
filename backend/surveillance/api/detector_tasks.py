"""Endpoints of detector tasks: their stream, and how detectors claim and complete them."""

from typing import Any, cast

from django.http import Http404, HttpResponse, QueryDict
from django.utils import timezone
from django.utils.cache import patch_cache_control
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import ValidationError
from rest_framework.parsers import MultiPartParser
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from surveillance.api.access import SENDERS, TASK_RECEIVERS, principal_of, right_of
from surveillance.api.alert_stream import EventStreamRenderer
from surveillance.api.errors import translate_errors
from surveillance.api.serializers import TaskResultFieldsSerializer
from surveillance.core.validation import InvalidInputError, parse
from surveillance.event_streams.detector_tasks import PROBER
from surveillance.event_streams.handoff import HEADER, handoff_response
from surveillance.models import DetectorTask
from surveillance.selectors.access import camera_for
from surveillance.services.detector_tasks import device_of, masks_of, stream_of, task_claim, task_complete
from vigil_apps.accounts.models import AuthToken
from vigil_apps.accounts.permissions import scope_of
from vigil_apps.accounts.scopes import Scope
from vigil_apps.web.json_input import BoundedJSONParser, RefusedJSONError, load_json
from vigil_apps.web.strict_fields import refuse_fields, unknown_fields
from vigil_contracts.detector_tasks import MAX_RESULT_LENGTH, RESULT_TYPES, ClaimedTask, TaskKind, TaskResult


class DetectorTasksView(APIView):
    """The stream of detector tasks."""

    scopes = {"GET": TASK_RECEIVERS}  # noqa: RUF012 read only
    renderer_classes = (EventStreamRenderer, JSONRenderer)

    @extend_schema(
        summary="Stream detector tasks",
        responses={(200, "text/event-stream"): OpenApiTypes.STR},
    )
    def get(self, request: Request) -> HttpResponse:
        """Streams server-sent events named `errand`, each a `vigil_contracts.detector_tasks.TaskEvent`.

        Current tasks come first.

        A detector's token receives tasks for its camera, a pipeline's for all cameras, a prober's only those to
        claim. A task is valid until it expires; repeating it is harmless. The stream ends about every ten minutes;
        reconnect.
        """
        token = _token(request)
        hears = PROBER if scope_of(request) == Scope.PROBER else str(token.camera_id or "")
        return handoff_response("detector-tasks", right_of(request), hears, "text/event-stream")


class TaskClaimView(APIView):
    """Claim a detector task."""

    scopes = {"POST": TASK_RECEIVERS}  # noqa: RUF012

    @extend_schema(summary="Claim a detector task", request=None, responses={200: ClaimedTask})
    def post(self, request: Request, task_id: Any) -> Response:
        """Returns what the task needs, including credentials. 409 if another detector has claimed it."""
        refuse_fields(request)
        task = _task(request, task_id)
        with translate_errors():
            task_claim(task=task, token=str(_token(request).public_id), now=timezone.now())
        body = {
            "id": str(task.pk),
            "kind": task.kind,
            "camera": task.camera_id,
            "rtsp_url": stream_of(task) or None,
            "transport": task.transport,
            "privacy_masks": masks_of(task),
            "device_url": device_of(task) or None,
            "command": task.command if task.kind == TaskKind.CONTROL else None,
            "frame": task.command if task.kind == TaskKind.FRAME else None,
        }
        response = Response(body)
        patch_cache_control(response, no_store=True)
        return response


class TaskResultView(APIView):
    """Complete a detector task."""

    scopes = {"POST": TASK_RECEIVERS}  # noqa: RUF012
    parser_classes = (MultiPartParser, BoundedJSONParser)

    @extend_schema(
        summary="Complete a detector task",
        request={"multipart/form-data": TaskResultFieldsSerializer},
        responses={204: None},
    )
    def post(self, request: Request, task_id: Any) -> Response:
        """Stores the result, with an image of a tested stream. 409 unless this token has claimed the task."""
        task = _task(request, task_id)
        data = cast("QueryDict", request.data)
        fields = ("result", "snapshot")
        if unknown := unknown_fields(data, known=fields, writable=fields):
            raise ValidationError(unknown)
        with translate_errors():
            result = _result(task, data.get("result"))
            sent = request.FILES.get("snapshot")
            task_complete(
                task=task,
                token=str(_token(request).public_id),
                result=result,
                snapshot=bytes(sent.read()) if sent is not None else None,
            )
        return Response(status=204)


class FramesView(APIView):
    """Receive live frames."""

    scopes = {"POST": SENDERS}  # noqa: RUF012

    @extend_schema(
        summary="Send a live frame",
        request={"image/jpeg": OpenApiTypes.BINARY},
        responses={204: None},
    )
    def post(self, request: Request, camera_id: int) -> HttpResponse:
        """Receives a JPEG for the camera's current viewers; `X-Timestamp` is the time of the frame (Unix time).

        `X-Privacy-Masks` names the masks with which it was taken: the first 16 hexadecimal digits of the SHA-256 of
        `privacy_masks` as JSON, with numbers as floats; without masks it is left out. Frames that were taken with
        other masks than the camera has now are shown to nobody.

        Send frames one by one on a kept-alive connection, while a task requests them.
        """
        camera = camera_for(principal_of(request), camera_id)
        return HttpResponse(status=204, headers={HEADER: f"frames {camera.pk}", "Cache-Control": "no-store"})


def _token(request: Request) -> AuthToken:
    assert isinstance(request.auth, AuthToken), "the view lets in tokens alone"
    return request.auth


def _task(request: Request, task_id: Any) -> DetectorTask:
    found = DetectorTask.objects.select_related("camera").filter(pk=task_id).first()
    if found is None or (scope_of(request) == Scope.DETECTOR and found.camera_id != _token(request).camera_id):
        raise Http404
    return found


def _result(task: DetectorTask, sent: object) -> TaskResult:
    if isinstance(sent, str) and len(sent) > MAX_RESULT_LENGTH:
        raise InvalidInputError({"result": [f"must have {MAX_RESULT_LENGTH} characters or fewer"]})
    try:
        values = load_json(sent) if isinstance(sent, str) else sent
    except RefusedJSONError as error:
        raise InvalidInputError({"result": [str(error)]}) from None
    except ValueError:
        raise InvalidInputError({"result": ["must be JSON"]}) from None
    if not isinstance(values, dict):
        raise InvalidInputError({"result": ["must be sent, as a JSON object"]})
    return parse(RESULT_TYPES[TaskKind(task.kind)], values, prefix="result")
