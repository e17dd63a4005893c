"""Convert between key styles: the API uses `frames_per_second`, resources use `framesPerSecond`."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from pydantic import BaseModel
from pydantic.alias_generators import to_camel, to_snake

_snake_case = lru_cache(maxsize=1024)(to_snake)
_camel_case = lru_cache(maxsize=1024)(to_camel)
"""The names of fields are few, and converting one takes several regular expressions."""


def snake_case_keys(value: Any) -> Any:
    """Return `value` with the API's key style in all nested mappings."""
    if isinstance(value, Mapping):
        return {_snake_case(key): snake_case_keys(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [snake_case_keys(inner) for inner in value]
    return value


def resource_fields(model: BaseModel) -> dict[str, Any]:
    """Return the model's non-default fields in camelCase, as a resource contains them."""
    dumped: dict[str, Any] = camel_case_keys(model.model_dump(mode="json", exclude_defaults=True))
    return dumped


def camel_case_keys(value: Any) -> Any:
    """Return `value` with the resources' key style in all nested mappings."""
    if isinstance(value, Mapping):
        return {_camel_case(key): camel_case_keys(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [camel_case_keys(inner) for inner in value]
    return value
