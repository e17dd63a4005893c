"""Choose the format of answers by the Accept header."""

from collections.abc import Iterable

from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request

ANY = "*/*"


class ContentNegotiation(DefaultContentNegotiation):
    """REST framework's negotiation, without parsing the header of clients that accept everything.

    Detectors and the operator send no Accept header or `*/*`; parsing it costs as much as checking their token.
    """

    def select_renderer(
        self, request: Request, renderers: Iterable[BaseRenderer], format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str]:
        """Return the renderer and the media type of the answer. Raises NotAcceptable."""
        if not format_suffix and request.headers.get("Accept", ANY) == ANY:
            first = next(iter(renderers))
            return first, str(first.media_type)
        renderer, media_type = super().select_renderer(request, renderers, format_suffix)
        return renderer, media_type
