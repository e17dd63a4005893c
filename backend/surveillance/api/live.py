"""Live pictures, and tries at streams. These views say who may; `surveillance.live` relays the pictures."""

import secrets
from dataclasses import replace
from typing import Any

from django.http import Http404, HttpResponse
from django.urls import reverse
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.exceptions import PermissionDenied
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from surveillance.api.access import USER, principal_of, right_of, user_of
from surveillance.api.errors import answered
from surveillance.api.serializers import DiscoverySerializer, ProbeRequestSerializer, ProbeSerializer
from surveillance.models import Camera, Inquiry
from surveillance.selectors.access import camera_for
from surveillance.services.errands import discovery_begin, inquiries_settle, probe_camera, probe_stream
from surveillance.stream.handoff import handed_over
from vigil_apps.sites.roles import Role
from vigil_apps.web.api_errors import ConflictError
from vigil_apps.web.rate_limits import require_rate
from vigil_contracts.errands import ErrandKind

SWITCHED_OFF = "The camera is switched off. Activate it to see its pictures."


class JpegRenderer(JSONRenderer):
    """Lets `Accept: image/*` in, as browsers send it; only errors are ever rendered, as JSON."""

    media_type = "image/*"
    format = "jpeg"

    def render(self, data: Any, accepted_media_type: str | None = None, renderer_context: Any = None) -> bytes:
        """The error."""
        return bytes(super().render(data, "application/json", renderer_context))


class MultipartRenderer(JpegRenderer):
    """Likewise `Accept: multipart/x-mixed-replace`."""

    media_type = "multipart/x-mixed-replace"
    format = "mjpeg"


class LiveView(APIView):
    """A camera's pictures as they come."""

    scopes = {"GET": USER}  # noqa: RUF012 read only
    renderer_classes = (JSONRenderer, JpegRenderer, MultipartRenderer)

    @extend_schema(
        summary="Live pictures",
        parameters=[OpenApiParameter("fps", OpenApiTypes.FLOAT, description="Pictures a second at most, 0.2 to 10.")],
        responses={(200, "multipart/x-mixed-replace"): OpenApiTypes.BINARY},
    )
    def get(self, request: Request, camera_id: int) -> HttpResponse:
        """MJPEG with the objects boxed, for an `<img>`; each part's `X-Timestamp` says when it was taken.

        Whoever is slow gets fewer pictures, never older ones. 409 while the camera is switched off.
        """
        camera = _active(request, camera_id)
        boundary = secrets.token_hex(12)
        return handed_over(
            "live",
            replace(right_of(request), camera_id=camera.pk),
            f"{camera.pk}:{_pause_seconds(request)}:{boundary}",
            f"multipart/x-mixed-replace; boundary={boundary}",
        )


class SnapshotView(APIView):
    """A camera's newest picture."""

    scopes = {"GET": USER}  # noqa: RUF012
    renderer_classes = (JSONRenderer, JpegRenderer)

    @extend_schema(summary="The newest picture", responses={(200, "image/jpeg"): OpenApiTypes.BINARY})
    def get(self, request: Request, camera_id: int) -> HttpResponse:
        """A JPEG that is at most about a second old. 503 when none comes, 409 while the camera is switched off."""
        camera = _active(request, camera_id)
        right = replace(right_of(request), camera_id=camera.pk)
        return handed_over("snapshot", right, str(camera.pk), "image/jpeg")


class CameraProbeView(APIView):
    """A try at a saved camera."""

    scopes = {"POST": USER}  # noqa: RUF012

    @extend_schema(summary="Try a camera", request=None, responses={202: ProbeSerializer})
    def post(self, request: Request, camera_id: int) -> Response:
        """A detector tries the camera's stream; ask `probes/<id>/` for what comes of it."""
        camera = camera_for(principal_of(request), camera_id, Role.SITE_OPERATOR)
        user = user_of(request)
        require_rate("probe", f"user-{user.pk}")
        return _accepted(probe_camera(camera=camera, user=user, now=timezone.now()))


class ProbeListView(APIView):
    """A try at a stream that is no camera yet."""

    scopes = {"POST": USER}  # noqa: RUF012

    @extend_schema(summary="Try a stream", request=ProbeRequestSerializer, responses={202: ProbeSerializer})
    def post(self, request: Request) -> Response:
        """A detector tries the stream, under the rules for cameras' URLs; ask `probes/<id>/` for what comes of it.

        User and password are kept encrypted until the answer is there, and no longer.
        """
        sent = ProbeRequestSerializer(data=request.data)
        sent.is_valid(raise_exception=True)
        user = user_of(request)
        require_rate("probe", f"user-{user.pk}")
        with answered():
            inquiry = probe_stream(values=sent.validated_data, user=user, now=timezone.now())
        return _accepted(inquiry)


class ProbeView(APIView):
    """What came of a try."""

    scopes = {"GET": USER}  # noqa: RUF012

    @extend_schema(summary="A try at a stream", responses=ProbeSerializer)
    def get(self, request: Request, probe_id: Any) -> Response:
        """`state` is pending, running or done; `result` is there once it is done. Kept for ten minutes."""
        return Response(ProbeSerializer(_own(request, probe_id, ErrandKind.PROBE)).data)


class ProbeSnapshotView(APIView):
    """The picture of a try."""

    scopes = {"GET": USER}  # noqa: RUF012
    renderer_classes = (JSONRenderer, JpegRenderer)

    @extend_schema(summary="The picture of a try at a stream", responses={(200, "image/jpeg"): OpenApiTypes.BINARY})
    def get(self, request: Request, probe_id: Any) -> HttpResponse:
        """A JPEG; 404 until there is one."""
        inquiry = _own(request, probe_id, ErrandKind.PROBE)
        if inquiry.snapshot is None:
            raise Http404
        content = bytes(inquiry.snapshot)
        return HttpResponse(content, content_type="image/jpeg", headers={"Cache-Control": "private, no-store"})


class DiscoveryListView(APIView):
    """Looking for cameras."""

    scopes = {"POST": USER}  # noqa: RUF012

    @extend_schema(summary="Look for cameras", request=None, responses={202: DiscoverySerializer})
    def post(self, request: Request) -> Response:
        """For admins: a detector asks its network (ONVIF WS-Discovery); `discovery/<id>/` says what it found."""
        user = user_of(request)
        if not user.is_superuser:
            raise PermissionDenied("Only administrators may look for cameras.")
        require_rate("probe", f"user-{user.pk}")
        inquiry = discovery_begin(user=user, now=timezone.now())
        body = DiscoverySerializer(inquiry).data
        return Response(body, status=202, headers={"Location": reverse("discovery", args=[inquiry.pk])})


class DiscoveryView(APIView):
    """What was found."""

    scopes = {"GET": USER}  # noqa: RUF012

    @extend_schema(summary="A search for cameras", responses=DiscoverySerializer)
    def get(self, request: Request, discovery_id: Any) -> Response:
        """`state` is pending, running or done; `result` is there once it is done. Kept for ten minutes."""
        return Response(DiscoverySerializer(_own(request, discovery_id, ErrandKind.DISCOVERY)).data)


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


def _accepted(inquiry: Inquiry) -> Response:
    body = ProbeSerializer(inquiry).data
    return Response(body, status=202, headers={"Location": reverse("probe", args=[inquiry.pk])})


def _own(request: Request, inquiry_id: Any, kind: ErrandKind) -> Inquiry:
    """The user's own inquiry, ended if nobody has taken care of it. Raises Http404."""
    mine = Inquiry.objects.filter(pk=inquiry_id, kind=kind.value, user=user_of(request))
    inquiry = mine.first()
    if inquiry is None:
        raise Http404
    inquiries_settle(now=timezone.now(), inquiry=inquiry)
    inquiry.refresh_from_db()
    return inquiry
