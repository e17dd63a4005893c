"""Deliver a stored file to a browser: from the backend, through nginx, or from S3 by a short-lived link.

Callers have checked the permission for the file.
"""

from django.conf import settings
from django.http import (
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseBase,
    HttpResponseRedirect,
    StreamingHttpResponse,
)

from surveillance import images
from surveillance.api.errors import translate_errors
from vigil_apps.web.ranges import ranged_response
from vigil_apps.web.streaming import stream_of

_LONGEST_REDIRECT_SECONDS = 60
"""How long a browser may reuse a link; the link itself is valid for longer."""


def stored_file_response(
    request: HttpRequest, key: str, *, content_type: str, file_name: str, headers: dict[str, str]
) -> HttpResponse:
    """Return the response. Raises Http404 for an empty key, and ServiceUnavailableError."""
    answer = _delivered_by_others(key, content_type, file_name, headers, "inline")
    if answer is not None:
        return answer
    with translate_errors():
        content = images.read(key)
    if content is None:
        raise Http404
    headers = _headers(headers, file_name, "inline")
    return ranged_response(content, request.headers.get("Range", ""), content_type=content_type, headers=headers)


def download_response(
    request: HttpRequest, key: str, *, content_type: str, file_name: str, headers: dict[str, str]
) -> HttpResponseBase:
    """Return a file of any size, to be saved by the browser. Raises Http404, and ServiceUnavailableError.

    Only where neither nginx nor S3 delivers it, the backend streams it.
    """
    answer = _delivered_by_others(key, content_type, file_name, headers, "attachment")
    if answer is not None:
        return answer
    with translate_errors():
        size = images.size(key)
    if size is None:
        raise Http404
    headers = {**_headers(headers, file_name, "attachment"), "Content-Length": str(size)}
    return StreamingHttpResponse(stream_of(request, images.chunks(key)), content_type=content_type, headers=headers)


def _headers(headers: dict[str, str], file_name: str, disposition: str) -> dict[str, str]:
    return {
        **headers,
        "X-Content-Type-Options": "nosniff",
        "Content-Disposition": f'{disposition}; filename="{file_name}"',
    }


def _delivered_by_others(
    key: str, content_type: str, file_name: str, headers: dict[str, str], disposition: str
) -> HttpResponse | None:
    """Return a response by which nginx or S3 delivers the file; None if the backend must do it itself."""
    if not key:
        raise Http404
    headers = _headers(headers, file_name, disposition)
    if settings.VIGIL_MEDIA_ACCEL_PREFIX:
        # nginx adopts these headers, handles ranges itself, and sends the file.
        answer = HttpResponse(content_type=content_type, headers=headers)
        answer["X-Accel-Redirect"] = f"{settings.VIGIL_MEDIA_ACCEL_PREFIX}{key}"
        return answer
    if settings.VIGIL_MEDIA_LINK_SECONDS:
        with translate_errors():
            link = images.link(key, content_type=content_type, file_name=file_name, disposition=disposition)
        seconds = min(_LONGEST_REDIRECT_SECONDS, settings.VIGIL_MEDIA_LINK_SECONDS // 2)
        return HttpResponseRedirect(link, headers={"Cache-Control": f"private, max-age={seconds}"})
    return None
