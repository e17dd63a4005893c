"""What all views share: signed-in users only, and fragments that cost nothing while nothing changes."""

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
    """A request whose user is known (the type that `signed_in` hands on)."""

    user: User
    htmx: HtmxDetails


def signed_in(view: Callable[Concatenate[UserRequest, P], HttpResponse]) -> Callable[..., HttpResponse]:
    """Sends everybody else to the sign-in page; a fragment's request takes the whole page there."""

    @wraps(view)
    def wrapper(request: UserRequest, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        if isinstance(request.user, User):
            response = view(request, *args, **kwargs)
            # Somebody else may use this browser next: nothing is kept that its view does not say may be.
            if not response.has_header("Cache-Control"):
                patch_cache_control(response, private=True, no_store=True)
            return response
        if request.htmx:
            return HttpResponseClientRedirect(str(settings.LOGIN_URL))
        return redirect_to_login(request.get_full_path())

    return wrapper


def fragment(request: HttpRequest, template: str, context: dict[str, Any]) -> HttpResponse:
    """The rendered part of a page; 304 when the browser has the very same already.

    The tag is a digest of the text itself, so it can't be wrong. Templates of fragments hold neither the CSRF token
    nor the time of day, which would make each rendering another one.
    """
    body = render_to_string(template, context, request=request)
    etag = f'"{hashlib.sha256(body.encode()).hexdigest()[:32]}"'
    if request.headers.get("If-None-Match") == etag:
        return HttpResponseNotModified(headers={"ETag": etag})
    return HttpResponse(body, headers={"ETag": etag})
