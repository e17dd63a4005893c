"""Convert between key styles: the API uses `frames_per_second`, resources use `framesPerSecond`."""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel
from pydantic.alias_generators import to_camel, to_snake


def snake_case_keys(value: Any) -> Any:
    """Return `value` with the API's key style in all nested mappings."""
    if isinstance(value, Mapping):
        return {to_snake(key): snake_case_keys(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [snake_case_keys(inner) for inner in value]
    return value


def resource_fields(model: BaseModel) -> dict[str, Any]:
    """Return the model's non-default fields in camelCase, as a resource contains them."""
    dumped: dict[str, Any] = _camel_case_keys(model.model_dump(mode="json", exclude_defaults=True))
    return dumped


def _camel_case_keys(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {to_camel(key): _camel_case_keys(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_camel_case_keys(inner) for inner in value]
    return value
