"""Common parts of the views: authentication, and fragments that are not sent again while unchanged."""

import hashlib
from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, ParamSpec

from django.conf import settings
from django.contrib.auth.models import User
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse, HttpResponseNotModified
from django.template.loader import render_to_string
from django.utils.cache import patch_cache_control
from django_htmx.http import HttpResponseClientRedirect
from django_htmx.middleware import HtmxDetails

P = ParamSpec("P")


class UserRequest(HttpRequest):
    """A request with an authenticated user (the type that `sign_in_required` passes on)."""

    user: User
    htmx: HtmxDetails


def sign_in_required(view: Callable[Concatenate[UserRequest, P], HttpResponse]) -> Callable[..., HttpResponse]:
    """Redirect anonymous users to the sign-in page; for a fragment, redirect the whole page."""

    @wraps(view)
    def wrapper(request: UserRequest, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        if isinstance(request.user, User):
            response = view(request, *args, **kwargs)
            # Another user may use this browser next: cache nothing unless the view permits it.
            if not response.has_header("Cache-Control"):
                patch_cache_control(response, private=True, no_store=True)
            return response
        if request.htmx:
            return HttpResponseClientRedirect(str(settings.LOGIN_URL))
        return redirect_to_login(request.get_full_path())

    return wrapper


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
