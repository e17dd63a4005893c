"""Endpoints of cameras for users."""

from typing import Any

from django.db.models import QuerySet
from django_filters.rest_framework import DjangoFilterBackend
from drf_spectacular.utils import extend_schema
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from surveillance.api.access import USER, USER_AND_CLUSTER_OPERATOR, principal_of, user_of
from surveillance.api.errors import translate_errors
from surveillance.api.filters import CameraFilter
from surveillance.api.serializers import CameraDetailSerializer, CameraSerializer, camera_shown
from surveillance.models import Camera
from surveillance.selectors.access import camera_for, cameras_visible_to
from surveillance.selectors.clusters import select_clusters
from surveillance.services.cameras import camera_create, camera_delete, camera_set_active, camera_update
from vigil_apps.sites.roles import Role
from vigil_apps.web.pagination import OldestFirstPagination, StableOrderingFilter
from vigil_apps.web.strict_fields import refuse_fields


class CameraListView(ListAPIView[Camera]):
    """The cameras that the token can access."""

    scopes = {"GET": USER_AND_CLUSTER_OPERATOR, "POST": USER}  # noqa: RUF012 read only
    serializer_class = CameraSerializer
    pagination_class = OldestFirstPagination
    filter_backends = (DjangoFilterBackend, StableOrderingFilter)
    ordering_fields = ("id", "name", "created_at", "updated_at")
    filterset_class = CameraFilter

    def get_queryset(self) -> QuerySet[Camera]:
        """Return them with their health, in one query."""
        visible = cameras_visible_to(principal_of(self.request))
        return select_clusters(visible).select_related("health_report", "alert_totals", "resource")

    @extend_schema(summary="List cameras")
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Lists cameras in the order of their creation."""
        return super().get(request, *args, **kwargs)

    @extend_schema(summary="Create a camera", responses={201: CameraDetailSerializer})
    def post(self, request: Request) -> Response:
        """Creates a camera that you own. Detection runs while it is active."""
        sent = CameraDetailSerializer(data=request.data)
        sent.is_valid(raise_exception=True)
        with translate_errors():
            camera = camera_create(user=user_of(request), values=sent.validated_data)
        return Response(camera_shown(camera), status=201)


class CameraView(APIView):
    """One camera."""

    scopes = {"GET": USER_AND_CLUSTER_OPERATOR, "PUT": USER, "PATCH": USER, "DELETE": USER}  # noqa: RUF012

    @extend_schema(summary="Get a camera", responses=CameraDetailSerializer)
    def get(self, request: Request, camera_id: int) -> Response:
        """Returns the camera with its health."""
        return Response(camera_shown(camera_for(principal_of(request), camera_id)))

    @extend_schema(summary="Replace a camera", request=CameraSerializer, responses=CameraDetailSerializer)
    def put(self, request: Request, camera_id: int) -> Response:
        """Replaces all settings. A masked `rtsp_url` that is sent back unchanged keeps the stored one."""
        return self._write(request, camera_id, partial=False)

    @extend_schema(summary="Update a camera", request=CameraSerializer, responses=CameraDetailSerializer)
    def patch(self, request: Request, camera_id: int) -> Response:
        """Changes the given fields."""
        return self._write(request, camera_id, partial=True)

    @extend_schema(summary="Delete a camera", responses={204: None})
    def delete(self, request: Request, camera_id: int) -> Response:
        """Deletes the camera with its alerts, images and clips. 409 while a legal hold is on any of them."""
        with translate_errors():
            camera_delete(camera=camera_for(principal_of(request), camera_id, Role.ADMIN))
        return Response(status=204)

    def _write(self, request: Request, camera_id: int, *, partial: bool) -> Response:
        camera = camera_for(principal_of(request), camera_id, Role.ADMIN)
        sent = CameraDetailSerializer(camera, data=request.data, partial=partial)
        sent.is_valid(raise_exception=True)
        with translate_errors():
            camera = camera_update(camera=camera, values=sent.validated_data, user=user_of(request)).camera
        return Response(camera_shown(camera))


class ActivateView(APIView):
    """Activate a camera."""

    scopes = {"POST": USER}  # noqa: RUF012

    @extend_schema(summary="Activate a camera", request=None, responses=CameraDetailSerializer)
    def post(self, request: Request, camera_id: int) -> Response:
        """Starts detection for the camera. `warnings` say if it has to wait for room."""
        refuse_fields(request)
        return _set_active(request, camera_id, is_active=True)


class DeactivateView(APIView):
    """Deactivate a camera."""

    scopes = {"POST": USER}  # noqa: RUF012

    @extend_schema(summary="Deactivate a camera", request=None, responses=CameraDetailSerializer)
    def post(self, request: Request, camera_id: int) -> Response:
        """Stops detection for the camera."""
        refuse_fields(request)
        return _set_active(request, camera_id, is_active=False)


def _set_active(request: Request, camera_id: int, *, is_active: bool) -> Response:
    camera = camera_for(principal_of(request), camera_id, Role.SITE_OPERATOR)
    with translate_errors():
        camera = camera_set_active(camera=camera, is_active=is_active).camera
    return Response(camera_shown(camera))
