"""The format of answers: the shortcut for clients that accept everything changes no answer."""

from typing import Any

import pytest
from rest_framework.exceptions import NotAcceptable
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.renderers import JSONRenderer, StaticHTMLRenderer
from rest_framework.request import Request
from rest_framework.test import APIRequestFactory
from rest_framework.views import APIView

from vigil_apps.web.negotiation import ContentNegotiation

ACCEPTED = [None, "*/*", "*/*;q=0.5", "application/json", "application/json; indent=4", "text/html", "text/html, */*"]


def chosen(negotiation: DefaultContentNegotiation, accept: str | None) -> tuple[Any, str] | str:
    """The renderer and the media type, or the name of the refusal."""
    headers = {} if accept is None else {"Accept": accept}
    request = Request(APIRequestFactory().get("/", headers=headers))
    try:
        renderer, media_type = negotiation.select_renderer(request, [JSONRenderer(), StaticHTMLRenderer()])
    except NotAcceptable as error:
        return type(error).__name__
    return type(renderer), media_type


@pytest.mark.parametrize("accept", [*ACCEPTED, "image/png", ""])
def test_same_choice_as_rest_framework(accept: str | None) -> None:
    assert chosen(ContentNegotiation(), accept) == chosen(DefaultContentNegotiation(), accept)


def test_the_api_uses_it() -> None:
    assert APIView.content_negotiation_class is ContentNegotiation
