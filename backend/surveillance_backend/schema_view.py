"""The endpoint of the OpenAPI schema.

The schema is the same for every request, and generating it takes up to two seconds of CPU. It is generated with the
first request for each format and cached in the process. `?lang=` and `?version=` have no effect.
"""

from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from threading import Lock
from typing import Any

from django.conf import settings
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.utils import translation
from django.utils.cache import get_conditional_response
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.renderers import OpenApiJsonRenderer, OpenApiYamlRenderer
from drf_spectacular.utils import extend_schema
from drf_spectacular.views import SpectacularAPIView
from rest_framework.request import Request

_RENDERERS: dict[str, type[OpenApiYamlRenderer | OpenApiJsonRenderer]] = {
    renderer.format: renderer for renderer in (OpenApiYamlRenderer, OpenApiJsonRenderer)
}
_generation = Lock()


@dataclass(frozen=True, slots=True)
class SchemaDocument:
    """The rendered schema and its entity tag (RFC 9110, section 8.8.3)."""

    content: bytes
    etag: str


class SchemaView(SpectacularAPIView):
    """The OpenAPI schema as YAML or JSON. Returns 304 if `If-None-Match` contains the entity tag."""

    @extend_schema(exclude=True)
    def get(self, request: Request, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Return the schema in the negotiated format."""
        renderer: Any = request.accepted_renderer
        document = schema_document(renderer.format)
        file_name = self._get_filename(request, None)  # type: ignore[no-untyped-call]
        charset = f"; charset={renderer.charset}" if renderer.charset else ""
        response = HttpResponse(
            document.content,
            content_type=f"{renderer.media_type}{charset}",
            headers={
                "Content-Disposition": f'inline; filename="{file_name}"',
                "ETag": document.etag,
                "Cache-Control": "no-cache",
            },
        )
        answer = get_conditional_response(request._request, etag=document.etag, response=response)
        assert answer is not None
        return answer


def schema_document(file_format: str) -> SchemaDocument:
    """Return the schema as `yaml` or `json`; only the first call for a format generates it."""
    with _generation:  # concurrent first requests wait for one generation instead of each doing their own
        return _generate(file_format)


@cache
def _generate(file_format: str) -> SchemaDocument:
    with translation.override(settings.LANGUAGE_CODE):
        description = SchemaGenerator().get_schema(request=None, public=True)  # type: ignore[no-untyped-call]
        content: bytes = _RENDERERS[file_format]().render(description, renderer_context={})
    return SchemaDocument(content, f'"{sha256(content).hexdigest()[:32]}"')
