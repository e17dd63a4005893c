"""Response headers that Django does not set."""

from collections.abc import Callable
from http import HTTPStatus
from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.middleware.common import CommonMiddleware
from django.middleware.locale import LocaleMiddleware
from django.shortcuts import render

from vigil_contracts.text import NO_NUL


def policy(media_origins: str, media_server_url: str = "", media_hls_url: str = "") -> str:
    """Return a policy without inline or foreign content (CSP level 3), so that injected scripts cannot run.

    `media_origins`: origins of the links to images, clips and recordings, if not the backend. Recordings are fetched
    by a script, which passes them to the video element (`blob:`).
    `media_server_url`, `media_hls_url`: where a camera's page gets its video (WHEP, HLS).
    """
    whep, hls = _origin(media_server_url), _origin(media_hls_url)
    media = f" {media_origins}" if media_origins else ""
    return "; ".join(
        (
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            f"img-src 'self' data: blob:{media}",
            f"media-src 'self' blob:{media}{hls}",
            "font-src 'self'",
            f"connect-src 'self'{media}{whep}",
            "manifest-src 'self'",
            "form-action 'self'",
            "frame-ancestors 'none'",
            "base-uri 'none'",
        )
    )


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f" {parts.scheme}://{parts.netloc}" if parts.netloc else ""


class ContentSecurityPolicyMiddleware:
    """Adds the Content-Security-Policy to every response."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response
        self._policy = policy(
            settings.VIGIL_MEDIA_ORIGINS, settings.VIGIL_MEDIA_SERVER_URL, settings.VIGIL_MEDIA_HLS_URL
        )

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        response.headers.setdefault("Content-Security-Policy", self._policy)
        response.headers.setdefault("Permissions-Policy", "camera=(), microphone=(), geolocation=()")
        return response


class NulMiddleware:
    """Rejects NUL in the API's paths and query parameters, since PostgreSQL text cannot contain it.

    Pages ignore invalid filters, so that an old or damaged link still works.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if not request.path_info.startswith("/api/"):
            return self.get_response(request)
        errors: dict[str, object] = {
            name.replace("\x00", ""): [NO_NUL]
            for name, values in request.GET.lists()
            if any("\x00" in text for text in (name, *values))
        }
        if "\x00" in request.path_info:
            errors["detail"] = f"The path {NO_NUL}."
        return JsonResponse(errors, status=400) if errors else self.get_response(request)


class SlashMiddleware(CommonMiddleware):
    """Adds a missing slash at the end of a URL by a redirect, but not to a URL to which the API is sent something.

    A client that follows the redirect sends a GET, whose answer looks like a success; curl prints nothing.
    """

    def should_redirect_with_slash(self, request: HttpRequest) -> bool:
        """Return whether the URL exists with a slash, and the request may be sent to it again."""
        is_write = request.path_info.startswith("/api/") and request.method not in {"GET", "HEAD"}
        return not is_write and super().should_redirect_with_slash(request)


class MethodPageMiddleware:
    """Returns a page for the address of a form that is opened as a page; Django's response to that is empty."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if response.status_code != HTTPStatus.METHOD_NOT_ALLOWED or response.content:
            return response
        page = render(request, "405.html", status=response.status_code)
        page.headers["Allow"] = response.headers["Allow"]
        return page


class PageLocaleMiddleware(LocaleMiddleware):
    """Pages use the viewer's language (`Accept-Language` or the language cookie); the API is in English."""

    def process_request(self, request: HttpRequest) -> None:
        """Select the language of a page."""
        if not request.path_info.startswith("/api/"):
            super().process_request(request)

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        """Add to a page's headers that it depends on the language."""
        return response if request.path_info.startswith("/api/") else super().process_response(request, response)
