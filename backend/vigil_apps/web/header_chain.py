"""The headers that Django's middleware adds to answers, for answers that are made outside of Django's handler."""

from collections.abc import Callable, Mapping

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils.module_loading import import_string

GetResponse = Callable[[HttpRequest], HttpResponse]


class HeaderChain:
    """The middleware in `VIGIL_HEADER_MIDDLEWARE`, in the order of `MIDDLEWARE`.

    All other middleware serves browsers (sessions, languages, messages), counts, or serves files.
    """

    def __init__(self) -> None:
        self._headers: dict[bool, Mapping[str, str]] = {}

    def add_to(self, response: HttpResponse, request: HttpRequest) -> None:
        """Add the headers that the response does not have. They depend only on whether the request came by TLS."""
        is_secure = request.is_secure()
        if is_secure not in self._headers:
            self._headers[is_secure] = dict(_chain()(request).headers)
        for name, value in self._headers[is_secure].items():
            response.headers.setdefault(name, value)
        response.headers["Content-Length"] = str(len(response.content))


def _chain() -> GetResponse:
    def get_response(_: HttpRequest) -> HttpResponse:
        response = HttpResponse()
        del response.headers["Content-Type"]
        return response

    chain: GetResponse = get_response
    for path in reversed(settings.MIDDLEWARE):
        if path in settings.VIGIL_HEADER_MIDDLEWARE:
            chain = import_string(path)(chain)
    return chain
