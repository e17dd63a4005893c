"""Walk through a JSON schema and find values without bounds."""

from collections.abc import Iterator, Mapping
from typing import Any

Schema = Mapping[str, Any]
_BOUNDED_FORMATS = {"binary", "date", "date-time", "uuid"}
"""Formats with inherent bounds; files (`binary`) are bounded by the limit on the request body."""


def unbounded(
    schema: Schema, definitions: Mapping[str, Schema], place: str, seen: frozenset[str] = frozenset()
) -> Iterator[str]:
    """Yield the place and kind of each string, array and number without a bound.

    `definitions`: by the last part of a `$ref`. `seen`: definitions that enclose this one.
    """
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        if name not in seen:
            yield from unbounded(definitions[name], definitions, name, seen | {name})
        return
    for kind in _unbounded_kinds(schema):
        yield f"{place}: {kind}"
    for child_place, child in _children(schema, place):
        yield from unbounded(child, definitions, child_place, seen)


def _unbounded_kinds(schema: Schema) -> Iterator[str]:
    named = schema.get("type")
    kinds = set(named) if isinstance(named, list) else {named}
    if "enum" in schema or "const" in schema:
        return
    if "string" in kinds and "maxLength" not in schema and schema.get("format") not in _BOUNDED_FORMATS:
        yield "string"
    if "array" in kinds and "maxItems" not in schema:
        yield "array"
    lower, upper = {"minimum", "exclusiveMinimum"} & set(schema), {"maximum", "exclusiveMaximum"} & set(schema)
    if kinds & {"integer", "number"} and not (lower and upper):
        yield "number"


def _children(schema: Schema, place: str) -> Iterator[tuple[str, Schema]]:
    for word in ("anyOf", "oneOf", "allOf"):
        yield from ((place, child) for child in schema.get(word, ()))
    yield from ((f"{place}.{name}", child) for name, child in schema.get("properties", {}).items())
    for word in ("items", "additionalProperties"):
        if isinstance(schema.get(word), dict):
            yield f"{place}[]", schema[word]
    yield from ((f"{place}[{number}]", child) for number, child in enumerate(schema.get("prefixItems", ())))
