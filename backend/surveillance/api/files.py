"""Deliver a stored file to a browser: from the backend, through nginx, or from S3 by a short-lived link.

Callers have checked the permission for the file.
"""

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect

from surveillance import images
from surveillance.api.errors import translate_errors
from vigil_apps.web.ranges import ranged_response

_LONGEST_REDIRECT_SECONDS = 60
"""How long a browser may reuse a link; the link itself is valid for longer."""


def stored_file_response(
    request: HttpRequest, key: str, *, content_type: str, file_name: str, headers: dict[str, str]
) -> HttpResponse:
    """Return the response. Raises Http404 for an empty key, and ServiceUnavailableError."""
    if not key:
        raise Http404
    headers = {
        **headers,
        "X-Content-Type-Options": "nosniff",
        "Content-Disposition": f'inline; filename="{file_name}"',
    }
    if settings.VIGIL_MEDIA_ACCEL_PREFIX:
        # nginx adopts these headers, handles ranges itself, and sends the file.
        answer = HttpResponse(content_type=content_type, headers=headers)
        answer["X-Accel-Redirect"] = f"{settings.VIGIL_MEDIA_ACCEL_PREFIX}{key}"
        return answer
    if settings.VIGIL_MEDIA_LINK_SECONDS:
        with translate_errors():
            link = images.link(key, content_type=content_type, file_name=file_name)
        seconds = min(_LONGEST_REDIRECT_SECONDS, settings.VIGIL_MEDIA_LINK_SECONDS // 2)
        return HttpResponseRedirect(link, headers={"Cache-Control": f"private, max-age={seconds}"})
    with translate_errors():
        content = images.read(key)
    if content is None:
        raise Http404
    return ranged_response(content, request.headers.get("Range", ""), content_type=content_type, headers=headers)
