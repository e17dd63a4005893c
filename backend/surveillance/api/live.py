"""Endpoints of live views, stream tests and discovery. They check permissions; `surveillance.live` relays frames."""

import secrets
from dataclasses import replace
from typing import Any

from django.http import Http404, HttpResponse
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.exceptions import PermissionDenied
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from surveillance.api.access import USER, principal_of, right_of, user_of
from surveillance.api.errors import translate_errors
from surveillance.api.serializers import DiscoverySerializer, ProbeRequestSerializer, ProbeSerializer
from surveillance.api.tasks import accepted_task, own_task
from surveillance.event_streams.handoff import handoff_response
from surveillance.models import Camera
from surveillance.selectors.access import camera_for
from surveillance.services.detector_tasks import discovery_begin, probe_camera, probe_stream
from vigil_apps.sites.roles import Role
from vigil_apps.web.api_errors import ConflictError
from vigil_apps.web.rate_limits import require_rate
from vigil_apps.web.strict_fields import refuse_fields
from vigil_contracts.detector_tasks import TaskKind
from vigil_contracts.masks_digest import masks_digest

SWITCHED_OFF = "The camera is inactive. Activate it to view live frames."


class JpegRenderer(JSONRenderer):
    """Accepts `Accept: image/*` as browsers send it; only errors are rendered, as JSON."""

    media_type = "image/*"
    format = "jpeg"

    def render(self, data: Any, accepted_media_type: str | None = None, renderer_context: Any = None) -> bytes:
        """Render the error."""
        return bytes(super().render(data, "application/json", renderer_context))


class MultipartRenderer(JpegRenderer):
    """Also accepts `Accept: multipart/x-mixed-replace`."""

    media_type = "multipart/x-mixed-replace"
    format = "mjpeg"


class LiveView(APIView):
    """The live view of a camera."""

    scopes = {"GET": USER}  # noqa: RUF012 read only
    renderer_classes = (JSONRenderer, JpegRenderer, MultipartRenderer)

    @extend_schema(
        summary="Stream live frames",
        parameters=[OpenApiParameter("fps", OpenApiTypes.FLOAT, description="Maximum frames per second, 0.2 to 10.")],
        responses={(200, "multipart/x-mixed-replace"): OpenApiTypes.BINARY},
    )
    def get(self, request: Request, camera_id: int) -> HttpResponse:
        """Streams MJPEG with boxed objects, for an `<img>`. `X-Timestamp` of each part is the frame's time.

        Slow clients receive fewer frames, never outdated ones. 409 if the camera is inactive.
        """
        camera = _active(request, camera_id)
        boundary = secrets.token_hex(12)
        return handoff_response(
            "live",
            replace(right_of(request), camera_id=camera.pk),
            f"{camera.pk}:{_pause_seconds(request)}:{boundary}:{_masks(camera)}",
            f"multipart/x-mixed-replace; boundary={boundary}",
        )


class SnapshotView(APIView):
    """The current frame of a camera."""

    scopes = {"GET": USER}  # noqa: RUF012
    renderer_classes = (JSONRenderer, JpegRenderer)

    @extend_schema(summary="Get a snapshot", responses={(200, "image/jpeg"): OpenApiTypes.BINARY})
    def get(self, request: Request, camera_id: int) -> HttpResponse:
        """Returns a JPEG at most about one second old. 503 if none arrives, 409 if the camera is inactive."""
        camera = _active(request, camera_id)
        right = replace(right_of(request), camera_id=camera.pk)
        return handoff_response("snapshot", right, f"{camera.pk}:{_masks(camera)}", "image/jpeg")


def _masks(camera: Camera) -> str:
    return masks_digest(camera.detection.get("privacy_masks"))


class CameraProbeView(APIView):
    """Test a camera's stream."""

    scopes = {"POST": USER}  # noqa: RUF012

    @extend_schema(summary="Test a camera's stream", request=None, responses={202: ProbeSerializer})
    def post(self, request: Request, camera_id: int) -> Response:
        """Lets a detector test the camera's stream; `probes/<id>/` returns the result."""
        refuse_fields(request)
        camera = camera_for(principal_of(request), camera_id, Role.SITE_OPERATOR)
        user = user_of(request)
        require_rate("probe", f"user-{user.pk}")
        return accepted_task(
            ProbeSerializer, probe_camera(camera=camera, user=user, now=timezone.now()), page="probe"
        )


class ProbeListView(APIView):
    """Test a stream before creating its camera."""

    scopes = {"POST": USER}  # noqa: RUF012

    @extend_schema(summary="Test a stream", request=ProbeRequestSerializer, responses={202: ProbeSerializer})
    def post(self, request: Request) -> Response:
        """Lets a detector test the stream, with the rules for camera URLs; `probes/<id>/` returns the result.

        User name and password are stored encrypted and deleted as soon as the result has arrived.
        """
        sent = ProbeRequestSerializer(data=request.data)
        sent.is_valid(raise_exception=True)
        user = user_of(request)
        require_rate("probe", f"user-{user.pk}")
        with translate_errors():
            task = probe_stream(values=sent.validated_data, user=user, now=timezone.now())
        return accepted_task(ProbeSerializer, task, page="probe")


class ProbeView(APIView):
    """The result of a stream test."""

    scopes = {"GET": USER}  # noqa: RUF012

    @extend_schema(summary="Get a stream test", responses=ProbeSerializer)
    def get(self, request: Request, probe_id: Any) -> Response:
        """Returns the test. `state` is pending, running or done; `result` is set when done. Kept for ten minutes."""
        return Response(ProbeSerializer(own_task(request, probe_id, TaskKind.PROBE)).data)


class ProbeSnapshotView(APIView):
    """The image of a stream test."""

    scopes = {"GET": USER}  # noqa: RUF012
    renderer_classes = (JSONRenderer, JpegRenderer)

    @extend_schema(summary="Get the image of a stream test", responses={(200, "image/jpeg"): OpenApiTypes.BINARY})
    def get(self, request: Request, probe_id: Any) -> HttpResponse:
        """Returns a JPEG; 404 until it is available."""
        task = own_task(request, probe_id, TaskKind.PROBE)
        if task.snapshot is None:
            raise Http404
        content = bytes(task.snapshot)
        return HttpResponse(content, content_type="image/jpeg", headers={"Cache-Control": "private, no-store"})


class DiscoveryListView(APIView):
    """Discover cameras."""

    scopes = {"POST": USER}  # noqa: RUF012

    @extend_schema(summary="Discover cameras", request=None, responses={202: DiscoverySerializer})
    def post(self, request: Request) -> Response:
        """Lets a detector probe its network (ONVIF WS-Discovery), for admins; `discovery/<id>/` has the result."""
        refuse_fields(request)
        user = user_of(request)
        if not user.is_superuser:
            raise PermissionDenied("Only administrators may discover cameras.")
        require_rate("probe", f"user-{user.pk}")
        task = discovery_begin(user=user, now=timezone.now())
        return accepted_task(DiscoverySerializer, task, page="discovery")


class DiscoveryView(APIView):
    """The result of a discovery."""

    scopes = {"GET": USER}  # noqa: RUF012

    @extend_schema(summary="Get a discovery", responses=DiscoverySerializer)
    def get(self, request: Request, discovery_id: Any) -> Response:
        """Returns the discovery. `state` is pending, running or done; `result` is set when done. Kept ten minutes."""
        return Response(DiscoverySerializer(own_task(request, discovery_id, TaskKind.DISCOVERY)).data)


def _active(request: Request, camera_id: int) -> Camera:
    camera = camera_for(principal_of(request), camera_id)
    if not camera.is_active:
        raise ConflictError(SWITCHED_OFF)
    return camera


def _pause_seconds(request: Request) -> float:
    try:
        asked = float(request.query_params.get("fps", "10"))
    except ValueError:
        asked = 10.0
    return round(1.0 / min(10.0, max(0.2, asked)), 3)
