"""Endpoints of ONVIF devices: ask one for its streams, and control a camera. A detector connects to the device."""

from typing import Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from surveillance.api.access import USER, principal_of, user_of
from surveillance.api.errors import translate_errors
from surveillance.api.serializers import ControlSerializer, DeviceRequestSerializer, DeviceSerializer
from surveillance.api.tasks import accepted_task, own_task
from surveillance.core.validation import as_json_object, parse
from surveillance.selectors.access import camera_for
from surveillance.services.detector_tasks import control_begin, device_begin
from vigil_apps.sites.roles import Role
from vigil_apps.web.rate_limits import require_rate
from vigil_contracts.detector_tasks import TaskKind
from vigil_contracts.device import ControlCommand


class DeviceListView(APIView):
    """Ask an ONVIF device for its streams."""

    scopes = {"POST": USER}  # noqa: RUF012

    @extend_schema(summary="Ask an ONVIF device", request=DeviceRequestSerializer, responses={202: DeviceSerializer})
    def post(self, request: Request) -> Response:
        """Lets a detector ask the device for streams, clock and abilities; `onvif-devices/<id>/` returns the result.

        The rules for camera addresses apply. User name and password are stored encrypted and deleted as soon as the
        result has arrived.
        """
        sent = DeviceRequestSerializer(data=request.data)
        sent.is_valid(raise_exception=True)
        user = user_of(request)
        require_rate("probe", f"user-{user.pk}")
        with translate_errors():
            task = device_begin(values=sent.validated_data, user=user, now=timezone.now())
        return accepted_task(DeviceSerializer, task, page="onvif-device")


class DeviceView(APIView):
    """What an ONVIF device has answered."""

    scopes = {"GET": USER}  # noqa: RUF012

    @extend_schema(summary="Get an ONVIF device's answer", responses=DeviceSerializer)
    def get(self, request: Request, device_id: Any) -> Response:
        """Returns the answer. `state` is pending, running or done; `result` is set when done. Kept ten minutes."""
        return Response(DeviceSerializer(own_task(request, device_id, TaskKind.DEVICE)).data)


class ControlListView(APIView):
    """Control a camera."""

    scopes = {"POST": USER}  # noqa: RUF012

    @extend_schema(summary="Control a camera", request=ControlCommand, responses={202: ControlSerializer})
    def post(self, request: Request, camera_id: int) -> Response:
        """Lets a detector move or stop the camera, call a preset or switch a relay, for operators of its site.

        `status` lists presets and relays. A movement ends by itself after `seconds`. `controls/<id>/` returns the
        result.
        """
        camera = camera_for(principal_of(request), camera_id, Role.SITE_OPERATOR)
        user = user_of(request)
        with translate_errors():
            command = parse(ControlCommand, as_json_object(request.data, field="command"))
        require_rate("control", f"user-{user.pk}")
        task = control_begin(camera=camera, command=command, user=user, now=timezone.now())
        return accepted_task(ControlSerializer, task, page="control")


class ControlView(APIView):
    """The result of a control."""

    scopes = {"GET": USER}  # noqa: RUF012

    @extend_schema(summary="Get the result of a control", responses=ControlSerializer)
    def get(self, request: Request, control_id: Any) -> Response:
        """Returns the control. `state` is pending, running or done; `result` is set when done. Kept ten minutes."""
        return Response(ControlSerializer(own_task(request, control_id, TaskKind.CONTROL)).data)
