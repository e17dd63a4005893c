"""Respond with 400. For a host name that is not allowed, the page names the setting to change, and nothing else."""

from django.core.exceptions import DisallowedHost
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.template.loader import render_to_string
from django.views import defaults

DETAIL = (
    "This host name is not allowed. Set HOST= for `make run`, VIGIL_PUBLIC_URL behind a reverse proxy, or add the "
    "name to VIGIL_ALLOWED_HOSTS; then restart the backend."
)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Return a page for browsers and JSON for the API; for other bad requests, Django's page.

    Neither contains the requested name, which anyone can choose, nor the list of allowed names.
    """
    if not isinstance(exception, DisallowedHost):
        return defaults.bad_request(request, exception)
    if request.path_info.startswith("/api/") or not request.accepts("text/html"):
        return JsonResponse({"detail": DETAIL, "code": "host_not_allowed"}, status=400)
    return HttpResponse(render_to_string("host_not_allowed.html"), status=400)
