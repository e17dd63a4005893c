"""Common parts of the views: authentication, and fragments that are not sent again while unchanged."""

import hashlib
from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, ParamSpec
from urllib.parse import urlsplit, urlunsplit

from django.contrib.auth.models import User
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse, HttpResponseNotModified
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.cache import patch_cache_control
from django.utils.http import url_has_allowed_host_and_scheme
from django_htmx.http import HttpResponseClientRedirect
from django_htmx.middleware import HtmxDetails

P = ParamSpec("P")


class UserRequest(HttpRequest):
    """A request with an authenticated user (the type that `sign_in_required` passes on)."""

    user: User
    htmx: HtmxDetails


def sign_in_required(view: Callable[Concatenate[UserRequest, P], HttpResponse]) -> Callable[..., HttpResponse]:
    """Redirect anonymous users to the sign-in page, and from there to the page on which they were.

    For a fragment, the whole page is redirected.
    """

    @wraps(view)
    def wrapper(request: UserRequest, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        if isinstance(request.user, User):
            response = view(request, *args, **kwargs)
            # Another user may use this browser next: cache nothing unless the view permits it.
            if not response.has_header("Cache-Control"):
                patch_cache_control(response, private=True, no_store=True)
            return response
        to_sign_in = redirect_to_login(_page_of(request))
        return HttpResponseClientRedirect(to_sign_in.url) if request.htmx else to_sign_in

    return wrapper


def _page_of(request: UserRequest) -> str:
    """Return the path of the page on which the user is; of a form or fragment, that of the page that contains it."""
    if request.htmx:
        return request.htmx.current_url_abs_path or reverse("dashboard:overview")
    if request.method in {"GET", "HEAD"}:
        return request.get_full_path()
    page = request.headers.get("Referer", "")
    if not url_has_allowed_host_and_scheme(page, {request.get_host()}, require_https=request.is_secure()):
        return reverse("dashboard:overview")
    return urlunsplit(("", "", *urlsplit(page)[2:4], ""))


def fragment(request: HttpRequest, template: str, context: dict[str, Any]) -> HttpResponse:
    """Render a part of a page; return 304 if the browser already has exactly this content.

    The entity tag is a digest of the content, so it cannot be wrong. Templates of fragments contain neither the CSRF
    token nor the current time, which would change with each rendering.
    """
    body = render_to_string(template, context, request=request)
    etag = f'"{hashlib.sha256(body.encode()).hexdigest()[:32]}"'
    if request.headers.get("If-None-Match") == etag:
        return HttpResponseNotModified(headers={"ETag": etag})
    return HttpResponse(body, headers={"ETag": etag})
