"""Parse JSON from clients: of a limited nesting depth, with texts that a database can store."""

import json
from collections.abc import Mapping
from typing import IO, Any

from rest_framework.exceptions import ParseError, ValidationError
from rest_framework.parsers import JSONParser

from vigil_contracts.text import text_problem, text_problems

MAX_DEPTH = 32
"""The deepest valid body has eight levels: a point of a zone in a camera's detection settings."""
TOO_DEEP = f"JSON may be nested {MAX_DEPTH} levels deep"


class RefusedJSONError(ValueError):
    """JSON that is nested more than MAX_DEPTH levels deep, or has texts that no database stores."""


def load_json(text: str) -> Any:
    """Return the value of a JSON text. Raises ValueError if it is invalid, and RefusedJSONError if it is refused."""
    try:
        value = json.loads(text)
    except RecursionError:
        raise RefusedJSONError(TOO_DEEP) from None
    check_depth(value)
    if problem := text_problem(value):
        raise RefusedJSONError(problem)
    return value


def check_depth(value: Any) -> None:
    """Raise RefusedJSONError for a value that is nested too deeply: recursive code would exceed Python's stack."""
    level = [value]
    for _ in range(MAX_DEPTH + 1):
        level = [child for parent in level for child in _children(parent)]
        if not level:
            return
    raise RefusedJSONError(TOO_DEEP)


def _children(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []


def _check_texts(body: Any) -> None:
    if not (problem := text_problem(body)):
        return
    problems = text_problems(body) if isinstance(body, dict) else {}
    raise ValidationError(
        {name: [each] for name, each in problems.items() if name} or {"detail": f"The body {problem}."}
    )


class BoundedJSONParser(JSONParser):
    """REST framework's parser with these limits; the original lets RecursionError through."""

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        """Return the body's value. Raises ParseError or ValidationError, which become a 400 response."""
        try:
            value = super().parse(stream, media_type, parser_context)
            check_depth(value)
        except (RecursionError, RefusedJSONError):
            raise ParseError(TOO_DEEP) from None
        _check_texts(value)
        return value
