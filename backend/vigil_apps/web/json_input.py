"""Parse JSON from clients with a limited nesting depth."""

import json
from collections.abc import Mapping
from typing import IO, Any

from rest_framework.exceptions import ParseError
from rest_framework.parsers import JSONParser

MAX_DEPTH = 32
"""The deepest valid body has eight levels: a point of a zone in a camera's detection settings."""
TOO_DEEP = f"JSON may be nested {MAX_DEPTH} levels deep"


class TooDeepError(ValueError):
    """JSON that is nested more than MAX_DEPTH levels deep."""


def load_json(text: str) -> Any:
    """Return the value of a JSON text. Raises ValueError if it is invalid or nested too deeply."""
    try:
        value = json.loads(text)
    except RecursionError:
        raise TooDeepError(TOO_DEEP) from None
    check_depth(value)
    return value


def check_depth(value: Any) -> None:
    """Raise TooDeepError for a value that is nested too deeply: recursive code would exceed Python's stack."""
    level = [value]
    for _ in range(MAX_DEPTH + 1):
        level = [child for parent in level for child in _children(parent)]
        if not level:
            return
    raise TooDeepError(TOO_DEEP)


def _children(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []


class BoundedJSONParser(JSONParser):
    """REST framework's parser with a depth limit; the original lets RecursionError through."""

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        """Return the body's value. Raises ParseError, which becomes a 400 response."""
        try:
            value = super().parse(stream, media_type, parser_context)
            check_depth(value)
        except (RecursionError, TooDeepError):
            raise ParseError(TOO_DEEP) from None
        return value
