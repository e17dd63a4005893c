"""Numbers of every contract are finite, and times are within 1990 to 2100."""

import inspect
from types import ModuleType
from typing import Any

import pytest
from pydantic import AwareDatetime, BaseModel, TypeAdapter, ValidationError

from vigil_contracts import alert, camera, detection, detector_tasks, detector_tokens, health, resources, rules
from vigil_contracts.bounds import INSTANT_RANGE, Instant

MODULES: tuple[ModuleType, ...] = (
    alert,
    camera,
    detection,
    detector_tasks,
    detector_tokens,
    health,
    resources,
    rules,
)
MODELS = [
    model
    for module in MODULES
    for _, model in inspect.getmembers(module, inspect.isclass)
    if issubclass(model, BaseModel) and model.__module__ == module.__name__
]
INFINITE = [float("inf"), float("-inf"), float("nan"), "Infinity"]


def _fields(kind: str) -> list[tuple[type[BaseModel], str]]:
    return [
        (model, name)
        for model in MODELS
        for name, field in model.model_fields.items()
        if kind in str(field.annotation).lower() and "literal" not in str(field.annotation).lower()
    ]


def _problems(model: type[BaseModel], name: str, value: Any) -> list[str]:
    with pytest.raises(ValidationError) as caught:
        model.model_validate({name: value})
    return [problem["msg"] for problem in caught.value.errors() if problem["loc"][0] == name]


@pytest.mark.parametrize(("model", "name"), _fields("float"), ids=str)
def test_no_number_may_be_infinite(model: type[BaseModel], name: str) -> None:
    for value in INFINITE:
        assert _problems(model, name, value), value


@pytest.mark.parametrize(("model", "name"), _fields("datetime"), ids=str)
@pytest.mark.parametrize("value", ["9999-12-31T23:59:59-12:00", "0001-01-01T00:00:00+14:00", "1970-01-01T00:00:00Z"])
def test_no_time_may_be_out_of_bounds(model: type[BaseModel], name: str, value: str) -> None:
    assert any(INSTANT_RANGE in problem for problem in _problems(model, name, value))


def test_values_within_bounds_are_accepted() -> None:
    for value in ("1990-01-01T00:00:00Z", "2026-05-17T12:00:00+02:00", "2099-12-31T23:59:59Z"):
        assert TypeAdapter(Instant).validate_python(value) == TypeAdapter(AwareDatetime).validate_python(value)


def test_every_kind_of_field_is_covered() -> None:
    assert len(_fields("float")) >= 5
    assert len(_fields("datetime")) >= 5
