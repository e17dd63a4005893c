"""Endpoints of recordings: detectors register them, users view them."""

from datetime import UTC, datetime, timedelta
from typing import Any

from django.http import Http404, HttpResponse
from django.utils import timezone
from django.utils.cache import patch_cache_control
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from surveillance import images
from surveillance.api.access import SENDERS, USER, principal_of
from surveillance.api.errors import translate_errors
from surveillance.api.files import stored_file_response
from surveillance.api.live import JpegRenderer
from surveillance.core.validation import parse
from surveillance.selectors.access import camera_for
from vigil_apps.api.recordings.period import MOMENT, PERIOD, moment_of, period_of
from vigil_apps.api.recordings.serializers import TimelineSerializer
from vigil_apps.recordings.core.playlist import media_playlist, of_same_tracks
from vigil_apps.recordings.models import RecordedSegment
from vigil_apps.recordings.selectors import recorded_periods, recorded_segments, recording_gaps, segment_at
from vigil_apps.recordings.services import NoSuchCameraError, recordings_register, upload_urls
from vigil_contracts.preview import MAX_BYTES, preview_in
from vigil_contracts.recording import RecordingBatch, RegisteredRecordings, UploadOrder, Uploads, gap_text

_LONGEST_TIMELINE = timedelta(days=31)
_LONGEST_PLAYLIST = timedelta(hours=24)
_MOST_GAPS = 2000


class RecordingsView(APIView):
    """The recordings of a camera."""

    scopes = {"GET": USER, "POST": SENDERS}  # noqa: RUF012 read only

    @extend_schema(summary="List a camera's recordings", parameters=PERIOD, responses=TimelineSerializer)
    def get(self, request: Request, camera_id: int) -> Response:
        """Returns the recorded periods, and the gaps with their reasons. At most 31 days and 2,000 gaps."""
        camera = camera_for(principal_of(request), camera_id)
        period = period_of(request, _LONGEST_TIMELINE).milliseconds
        recorded = recorded_periods(camera_id=camera.pk, **period)
        gaps = recording_gaps(camera_id=camera.pk, limit=_MOST_GAPS, **period)
        body = {
            "recorded": [{"start": _instant(one.start_ms), "end": _instant(one.end_ms)} for one in recorded],
            "gaps": [
                {
                    "start": _instant(one.start_ms),
                    "end": _instant(one.end_ms),
                    "reason": one.reason,
                    "message": gap_text(one.reason),
                }
                for one in gaps
            ],
        }
        return Response(TimelineSerializer(body).data)

    @extend_schema(summary="Register recordings", request=RecordingBatch, responses=RegisteredRecordings)
    def post(self, request: Request, camera_id: int) -> Response:
        """Adds segments whose files are stored, and gaps, exactly once. For detectors.

        `missing` lists segments whose file is not in the storage, or has another size.
        """
        camera = camera_for(principal_of(request), camera_id)
        with translate_errors():
            batch = parse(RecordingBatch, request.data)
            try:
                registered = recordings_register(camera_id=camera.pk, batch=batch)
            except NoSuchCameraError:
                raise Http404 from None
        return Response(registered.model_dump(mode="json"))


class UploadsView(APIView):
    """Where a detector uploads segments to."""

    scopes = {"POST": SENDERS}  # noqa: RUF012

    @extend_schema(summary="Get upload URLs for recordings", request=UploadOrder, responses=Uploads)
    def post(self, request: Request, camera_id: int) -> Response:
        """Returns a signed URL for each segment, valid for five minutes. For detectors.

        Returns none if media are stored in a directory: the detector then needs access to it.
        """
        camera = camera_for(principal_of(request), camera_id)
        with translate_errors():
            order = parse(UploadOrder, request.data)
            urls = upload_urls(camera_id=camera.pk, starts_ms=order.starts_ms)
        response = Response({"uploads": [{"start_ms": start, "url": url} for start, url in urls.items()]})
        patch_cache_control(response, no_store=True)
        return response


class PlaylistView(APIView):
    """Playback over HLS."""

    scopes = {"GET": USER}  # noqa: RUF012

    @extend_schema(
        operation_id="recordings_playlist",
        summary="Get a playlist of recordings",
        parameters=PERIOD,
        responses={(200, "application/vnd.apple.mpegurl"): OpenApiTypes.BINARY},
    )
    def get(self, request: Request, camera_id: int) -> HttpResponse:
        """Returns an HLS playlist of at most 24 hours; 404 if nothing of them is recorded.

        Each segment has its time of day. Gaps of up to a minute keep their length, longer ones are skipped. The
        playlist ends where the recording begins or ceases to have audio; request what follows from there.
        """
        camera = camera_for(principal_of(request), camera_id)
        period = period_of(request, _LONGEST_PLAYLIST)
        items = of_same_tracks(recorded_segments(camera_id=camera.pk, **period.milliseconds))
        if not items:
            raise Http404
        answer = HttpResponse(
            media_playlist(items, lambda start_ms: f"{start_ms}.mp4"), content_type="application/vnd.apple.mpegurl"
        )
        is_past = period.end < timezone.now() - timedelta(hours=1)
        answer["Cache-Control"] = "private, max-age=60" if is_past else "no-store"
        return answer


class SegmentView(APIView):
    """One recorded file; the permissions are checked for each, so playback ends when the right ends."""

    scopes = {"GET": USER}  # noqa: RUF012

    @extend_schema(
        operation_id="recordings_segment",
        summary="Get a segment of a recording",
        parameters=[OpenApiParameter("Range", OpenApiTypes.STR, OpenApiParameter.HEADER)],
        responses={
            (200, "video/mp4"): OpenApiTypes.BINARY,
            (206, "video/mp4"): OpenApiTypes.BINARY,
            302: None,
            416: None,
        },
    )
    def get(self, request: Request, camera_id: int, start_ms: int) -> HttpResponse:
        """Returns the MP4 or one byte range of it. With S3 storage, redirects to a short-lived link."""
        camera = camera_for(principal_of(request), camera_id)
        if start_ms >= 2**63:
            raise Http404
        segment = RecordedSegment.objects.filter(camera_id=camera.pk, start_ms=start_ms).first()
        return stored_file_response(
            request._request,
            segment.key if segment is not None else "",
            content_type="video/mp4",
            file_name=f"camera-{camera.pk}-{start_ms}.mp4",
            headers={"Cache-Control": "private, max-age=3600"},
        )


class PreviewView(APIView):
    """A small picture for scrubbing."""

    scopes = {"GET": USER}  # noqa: RUF012
    renderer_classes = (JSONRenderer, JpegRenderer)

    @extend_schema(
        operation_id="recordings_preview",
        summary="Get a preview of a recording",
        parameters=MOMENT,
        responses={(200, "image/jpeg"): OpenApiTypes.BINARY, 204: None},
    )
    def get(self, request: Request, camera_id: int) -> HttpResponse:
        """Returns a JPEG, 240 pixels wide, of the segment of some seconds that contains the time.

        It is a frame of the segment that the detector analysed. 404 if nothing is recorded then, 204 if no frame of
        the segment was analysed.
        """
        camera = camera_for(principal_of(request), camera_id)
        segment = segment_at(camera_id=camera.pk, at_ms=moment_of(request))
        if segment is None:
            raise Http404
        with translate_errors():
            end = images.read_end(segment.key, min(MAX_BYTES, segment.size_bytes))
        jpeg = preview_in(end or b"")
        headers = {"Cache-Control": "private, max-age=3600", "X-Content-Type-Options": "nosniff"}
        if jpeg is None:
            return HttpResponse(status=204, headers=headers)
        return HttpResponse(jpeg, content_type="image/jpeg", headers=headers)


def _instant(milliseconds: int) -> Any:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)
