"""The clips of alerts: files of their own, or parts of recordings."""

from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.request import Request
from rest_framework.views import APIView

from surveillance.api.access import USER, principal_of
from surveillance.api.errors import translate_errors
from surveillance.api.files import stored_file_response
from surveillance.selectors.access import alert_for
from vigil_apps.recordings.clips import recorded_clip_key


class ClipView(APIView):
    """Clips; the permissions are those of the alert."""

    scopes = {"GET": USER}  # noqa: RUF012 read only

    @extend_schema(
        summary="Get an alert's clip",
        parameters=[OpenApiParameter("Range", OpenApiTypes.STR, OpenApiParameter.HEADER)],
        responses={
            (200, "video/mp4"): OpenApiTypes.BINARY,
            (206, "video/mp4"): OpenApiTypes.BINARY,
            302: OpenApiResponse(
                description="`Location` has a link to the file that is valid for some minutes without a token."
            ),
            416: None,
        },
    )
    def get(self, request: Request, alert_id: int) -> HttpResponse:
        """Returns the MP4 or one byte range of it. With S3 storage, redirects to a short-lived link."""
        alert = alert_for(principal_of(request), alert_id)
        with translate_errors():
            key = alert.clip or recorded_clip_key(alert)
        return stored_file_response(
            request._request,
            key,
            content_type="video/mp4",
            file_name=f"alert-{alert.pk}.mp4",
            headers={"Cache-Control": "private, max-age=86400, immutable"},
        )
