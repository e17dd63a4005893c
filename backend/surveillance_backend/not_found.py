"""Respond with 404: JSON for URLs that the API does not have, and a page for all others."""

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import is_valid_path
from django.views import defaults

DETAIL = "The API has no such URL. GET /api/schema/ returns all its URLs."
SLASH = "This URL ends with a slash: {}"


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Return the response; objects that do not exist are answered by the views."""
    if request.path_info.startswith("/api/"):
        slashed = f"{request.path_info}/"
        detail = SLASH.format(slashed) if is_valid_path(slashed) else DETAIL
        return JsonResponse({"detail": detail}, status=404)
    return defaults.page_not_found(request, exception)
