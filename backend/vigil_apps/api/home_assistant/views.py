"""Endpoint of the Home Assistant integration, for superusers: its broker receives all cameras."""

from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import PermissionDenied
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from surveillance.api.errors import translate_errors
from surveillance.core.validation import as_json_object
from vigil_apps.accounts.permissions import USER, user_of
from vigil_apps.api.home_assistant.serializers import HomeAssistantSerializer
from vigil_apps.home_assistant.selectors import home_assistant
from vigil_apps.home_assistant.services import settings_update

NOT_AN_ADMINISTRATOR = "Only a system administrator may see or change the Home Assistant settings."
_READ_ONLY = HomeAssistantSerializer.Meta.read_only_fields


class HomeAssistantView(APIView):
    """Settings and state of the integration."""

    scopes = {"GET": USER, "PATCH": USER}  # noqa: RUF012 read only

    @extend_schema(summary="Get the Home Assistant settings", responses=HomeAssistantSerializer)
    def get(self, request: Request) -> Response:
        """Returns the settings with a masked URL, and whether the broker is connected."""
        _require_administrator(request)
        return Response(HomeAssistantSerializer(home_assistant()).data)

    @extend_schema(
        summary="Change the Home Assistant settings",
        request=HomeAssistantSerializer,
        responses=HomeAssistantSerializer,
    )
    def patch(self, request: Request) -> Response:
        """Changes the given fields. They apply within seconds; `is_connected` and `problem` show the result."""
        _require_administrator(request)
        with translate_errors():
            sent = as_json_object(request.data, field="non_field_errors")
            settings_update(values={name: value for name, value in sent.items() if name not in _READ_ONLY})
        return Response(HomeAssistantSerializer(home_assistant()).data)


def _require_administrator(request: Request) -> None:
    if not user_of(request).is_superuser:
        raise PermissionDenied(NOT_AN_ADMINISTRATOR)
