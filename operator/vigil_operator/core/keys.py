"""Two spellings of one thing: the API says `frames_per_second`, a resource says `framesPerSecond`."""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel
from pydantic.alias_generators import to_camel, to_snake


def snake_case_keys(value: Any) -> Any:
    """`value` as the API spells it: the keys of every mapping in it, and nothing else, are changed."""
    if isinstance(value, Mapping):
        return {to_snake(key): snake_case_keys(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [snake_case_keys(inner) for inner in value]
    return value


def resource_fields(model: BaseModel) -> dict[str, Any]:
    """What a resource says of the model: all that is not its default, in camelCase."""
    dumped: dict[str, Any] = _camel_case_keys(model.model_dump(mode="json", exclude_defaults=True))
    return dumped


def _camel_case_keys(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {to_camel(key): _camel_case_keys(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_camel_case_keys(inner) for inner in value]
    return value
