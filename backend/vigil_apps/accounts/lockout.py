"""Limit password guessing: django-axes counts by user name and address; sign-in pages count by address only."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.shortcuts import render

from vigil_apps.web.addresses import address_of
from vigil_apps.web.rate_limits import seconds_to_wait

WORDS = "Too many wrong passwords for this user name from here. Wait 15 minutes, or ask an administrator."
TOO_MANY_ATTEMPTS = "Too many sign-in attempts from this address. Try again in {seconds} seconds."


def answer(request: HttpRequest, original_response: Any = None, credentials: Any = None) -> HttpResponse:
    """Return 429: as JSON below `/api/`, as a page elsewhere."""
    return _refused(request, WORDS, int(settings.AXES_COOLOFF_TIME.total_seconds()))


def limited_attempts(view: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    """Return the page's view with its POSTs limited per address, counted together with those to `/api/token/`."""

    @wraps(view)
    def limited(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if request.method == "POST":
            wait = seconds_to_wait("address", address_of(request) or "unknown")
            if wait:
                return _refused(request, TOO_MANY_ATTEMPTS.format(seconds=wait), wait)
        return view(request, *args, **kwargs)

    return limited


def _refused(request: HttpRequest, words: str, seconds: int) -> HttpResponse:
    headers = {"Retry-After": str(seconds), "Cache-Control": "no-store"}
    if request.path_info.startswith("/api/"):
        return JsonResponse({"detail": words}, status=429, headers=headers)
    response = render(request, "dashboard/locked.html", {"words": words}, status=429)
    for name, value in headers.items():
        response.headers[name] = value
    return response


def address_of_client(request: HttpRequest) -> str | None:
    """Return the address by which attempts are counted."""
    return address_of(request)
