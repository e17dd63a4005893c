"""Every string, list and number in a schema has a bound."""

from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import Any

import pytest
import yaml
from pydantic import BaseModel
from tests.unit.contracts.schema_walk import unbounded

import vigil_contracts

DOCUMENT = yaml.load((Path(__file__).parents[3] / "docs/openapi.yaml").read_text(), Loader=yaml.CSafeLoader)


def _models() -> Iterator[type[BaseModel]]:
    for module in iter_modules(vigil_contracts.__path__):
        for value in vars(import_module(f"vigil_contracts.{module.name}")).values():
            if isinstance(value, type) and issubclass(value, BaseModel) and value is not BaseModel:
                yield value


MODELS = sorted(set(_models()), key=lambda model: model.__name__)


def _bodies() -> Iterator[tuple[str, dict[str, Any]]]:
    for path, methods in DOCUMENT["paths"].items():
        for method, operation in methods.items():
            for content in operation.get("requestBody", {}).get("content", {}).values():
                yield f"{method} {path}", content["schema"]


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_every_field_of_a_contract_is_bounded(model: type[BaseModel]) -> None:
    schema = model.model_json_schema()
    assert list(unbounded(schema, schema.get("$defs", {}), model.__name__)) == []


def test_every_field_of_a_request_is_bounded() -> None:
    components = DOCUMENT["components"]["schemas"]
    assert sorted({name for where, body in _bodies() for name in unbounded(body, components, where)}) == []


def test_walk_covers_enough_schemas() -> None:
    assert len(MODELS) >= 30
    assert len(list(_bodies())) >= 25


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "string"},
        {"type": ["string", "null"]},
        {"type": "string", "pattern": "^a+$"},
        {"type": "array", "items": {"type": "boolean"}},
        {"type": "array", "maxItems": 3, "items": {"type": "string"}},
        {"type": "array", "maxItems": 2, "prefixItems": [{"type": "number"}]},
        {"type": "integer", "minimum": 1},
        {"type": "number", "exclusiveMaximum": 1},
        {"anyOf": [{"type": "null"}, {"type": "string"}]},
        {"$ref": "#/components/schemas/Inner"},
        {"type": "object", "additionalProperties": {"type": "string"}},
        {"type": "object", "properties": {"inner": {"allOf": [{"$ref": "#/$defs/Inner"}]}}},
    ],
)
def test_walk_finds_unbounded_fields(schema: dict[str, Any]) -> None:
    inner = {"type": "object", "properties": {"name": {"type": "string"}}}
    assert len(list(unbounded(schema, {"Inner": inner}, "here"))) == 1
