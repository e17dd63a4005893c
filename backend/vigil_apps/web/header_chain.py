"""The headers that Django's middleware adds to answers, for answers that are made outside of Django's handler."""

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils.module_loading import import_string

Headers = list[tuple[bytes, bytes]]
GetResponse = Callable[[HttpRequest], HttpResponse]


class HeaderChain:
    """The middleware in `VIGIL_HEADER_MIDDLEWARE`, in the order of `MIDDLEWARE`.

    All other middleware serves browsers (sessions, languages, messages), counts, or serves files.
    """

    def __init__(self) -> None:
        self._added: dict[bool, dict[str, tuple[bytes, bytes]]] = {}

    def headers_of(self, response: HttpResponse, request: HttpRequest) -> Headers:
        """Return the headers of the response, its length, and the middleware's headers that it does not have.

        The middleware's headers depend only on whether the request came by TLS, and are encoded once.
        """
        is_secure = request.is_secure()
        if is_secure not in self._added:
            added = _chain()(request).items()
            self._added[is_secure] = {name.lower(): _encoded(name, value) for name, value in added}
        own = {name.lower(): _encoded(name, value) for name, value in response.items()}
        own["content-length"] = _encoded("Content-Length", str(len(response.content)))
        return list((self._added[is_secure] | own).values())


def _encoded(name: str, value: str) -> tuple[bytes, bytes]:
    return name.encode("ascii"), value.encode("latin1")


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
