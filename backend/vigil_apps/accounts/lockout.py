"""Limit password guessing: django-axes counts by user name and client; sign-in pages count by client only."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from axes.handlers.database import AxesDatabaseHandler
from axes.helpers import get_client_username
from axes.models import AccessAttempt
from django.conf import settings
from django.db.models import Sum
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.shortcuts import render
from django.utils import timezone

from vigil_apps.web.clients import UNKNOWN, client_of, seconds_of_client

WORDS = "Too many wrong passwords for this user name from here. Wait 15 minutes, or ask an administrator."
TOO_MANY_ATTEMPTS = "Too many sign-in attempts from this address. Try again in {seconds} seconds."
PROXY_FAILURE_LIMIT = 100
"""Wrong passwords for one user name from all clients of an untrusted proxy, which may have invented these clients."""


class Lockout(AxesDatabaseHandler):  # type: ignore[misc]  # axes has no types
    """Counts wrong passwords by user name, peer and the client that an untrusted proxy reports.

    One client of a proxy cannot lock a user name for the others. axes has no field for the reported client; the field
    for the user agent, which every client can choose, contains it instead.
    """

    def is_locked(self, request: HttpRequest, credentials: dict[str, Any] | None = None) -> bool:
        """Return whether the client, or the whole untrusted proxy, must not sign in by this user name."""
        _set_reported_client(request)
        return super().is_locked(request, credentials) or _is_proxy_locked(request, credentials)

    def user_login_failed(
        self, sender: Any, credentials: dict[str, Any], request: HttpRequest | None = None, **kwargs: Any
    ) -> None:
        """Count a wrong password."""
        if request is not None:
            _set_reported_client(request)
        super().user_login_failed(sender, credentials, request, **kwargs)

    def user_logged_in(self, sender: Any, request: HttpRequest, user: Any, **kwargs: Any) -> None:
        """Reset the count of the client, not that of other clients of its proxy."""
        _set_reported_client(request)
        super().user_logged_in(sender, request, user, **kwargs)


def answer(request: HttpRequest, original_response: Any = None, credentials: Any = None) -> HttpResponse:
    """Return 429: as JSON below `/api/`, as a page elsewhere."""
    return _refusal(request, WORDS, int(settings.AXES_COOLOFF_TIME.total_seconds()))


def limited_attempts(view: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    """Return the page's view with its POSTs limited per client, counted together with those to `/api/token/`."""

    @wraps(view)
    def limited(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if request.method == "POST":
            wait = seconds_of_client(request)
            if wait:
                return _refusal(request, TOO_MANY_ATTEMPTS.format(seconds=wait), wait)
        return view(request, *args, **kwargs)

    return limited


def _refusal(request: HttpRequest, words: str, seconds: int) -> HttpResponse:
    headers = {"Retry-After": str(seconds), "Cache-Control": "no-store"}
    if request.path_info.startswith("/api/"):
        return JsonResponse({"detail": words}, status=429, headers=headers)
    response = render(request, "dashboard/locked.html", {"words": words}, status=429)
    for name, value in headers.items():
        response.headers[name] = value
    return response


def address_of_client(request: HttpRequest) -> str | None:
    """Return the address by which attempts are counted. None for a Unix socket."""
    peer = client_of(request).peer
    return None if peer == UNKNOWN else peer


def _set_reported_client(request: HttpRequest) -> None:
    reported = client_of(request).forwarded_for
    vars(request)["axes_user_agent"] = f"forwarded for {reported}" if reported else ""


def _is_proxy_locked(request: HttpRequest, credentials: dict[str, Any] | None) -> bool:
    client = client_of(request)
    if not client.forwarded_for:
        return False
    attempts = AccessAttempt.objects.filter(
        username=get_client_username(request, credentials),
        ip_address=client.peer,
        user_agent__startswith="forwarded for ",
        attempt_time__gte=timezone.now() - settings.AXES_COOLOFF_TIME,
    )
    return (attempts.aggregate(all=Sum("failures_since_start"))["all"] or 0) >= PROXY_FAILURE_LIMIT
