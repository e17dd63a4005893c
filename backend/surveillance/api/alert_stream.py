"""Endpoint of the alert stream: checks permissions; `surveillance.event_streams.alerts` writes the events."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.exceptions import ValidationError
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.views import APIView

from surveillance.api.access import USER, right_of, user_of
from surveillance.event_streams.alerts import as_text
from surveillance.event_streams.events import Viewer
from surveillance.event_streams.handoff import handoff_response


class EventStreamRenderer(JSONRenderer):
    """Accepts `Accept: text/event-stream` as browsers send it; only errors are rendered, as JSON."""

    media_type = "text/event-stream"
    format = "event-stream"

    def render(
        self, data: Any, accepted_media_type: str | None = None, renderer_context: Mapping[str, Any] | None = None
    ) -> bytes:
        """Render the error."""
        return bytes(super().render(data, "application/json", renderer_context))


class AlertStreamView(APIView):
    """Stream new alerts."""

    scopes = {"GET": USER}  # noqa: RUF012 read only
    renderer_classes = (EventStreamRenderer, JSONRenderer)

    @extend_schema(
        summary="Stream new alerts",
        parameters=[
            OpenApiParameter("Last-Event-ID", OpenApiTypes.INT, OpenApiParameter.HEADER),
            OpenApiParameter(
                "last_event_id", OpenApiTypes.INT, description="Same as the header, for clients that cannot set it."
            ),
        ],
        responses={(200, "text/event-stream"): OpenApiTypes.STR},
    )
    def get(self, request: Request) -> HttpResponse:
        """Streams alerts as server-sent events, in the format of `alerts/`. To resume, send the last event's id.

        The stream then continues without gaps or duplicates. It ends about every ten minutes; reconnect. It ends
        within 5 s if the token is revoked or the session ends.
        """
        user = user_of(request)
        viewer = Viewer(user.pk, user.is_superuser, _last_event_id(request))
        right = replace(right_of(request), needs_superuser=user.is_superuser)
        return handoff_response("alerts", right, as_text(viewer), "text/event-stream")


def _last_event_id(request: Request) -> int | None:
    sent = request.headers.get("Last-Event-ID") or request.query_params.get("last_event_id") or ""
    if not sent:
        return None
    if not (sent.isascii() and sent.isdigit() and len(sent) < 19):
        raise ValidationError({"last_event_id": ["must be the id of an event of this stream"]})
    return int(sent)
