"""What somebody is told who has tried too many passwords; django-axes counts the attempts."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render

from audit.origin import address_of

WORDS = "Too many wrong passwords for this user name from here. Wait 15 minutes, or ask an administrator."


def answer(request: HttpRequest, original_response: Any = None, credentials: Any = None) -> HttpResponse:
    """429 in JSON below `/api/`, and a page elsewhere."""
    headers = {"Retry-After": str(int(settings.AXES_COOLOFF_TIME.total_seconds())), "Cache-Control": "no-store"}
    if request.path_info.startswith("/api/"):
        return JsonResponse({"detail": WORDS}, status=429, headers=headers)
    response = render(request, "accounts/locked.html", {"words": WORDS}, status=429)
    for name, value in headers.items():
        response.headers[name] = value
    return response


def address_of_client(request: HttpRequest) -> str | None:
    """The address by which attempts are counted."""
    return address_of(request)
