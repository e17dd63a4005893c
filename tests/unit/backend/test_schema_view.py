"""`GET /api/schema/`: generated once per format, negotiated, with an entity tag."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.test import Client
from drf_spectacular.generators import SchemaGenerator

from surveillance_backend import schema_view

SCHEMA = Path(__file__).parents[3] / "docs/openapi.yaml"
YAML_TYPES = ("application/vnd.oai.openapi", "application/yaml")
JSON_TYPES = ("application/vnd.oai.openapi+json", "application/json")


@pytest.fixture(autouse=True)
def without_redirect(settings: Any) -> None:
    settings.SECURE_SSL_REDIRECT = False


@pytest.fixture
def generations(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """One entry per generation of the schema; starts with an empty cache.

    Only for tests that count: the others share the generated schema, since generating it takes seconds.
    """
    counted: list[int] = []

    class CountingGenerator(SchemaGenerator):
        def get_schema(self, *args: Any, **kwargs: Any) -> Any:
            counted.append(1)
            return super().get_schema(*args, **kwargs)  # type: ignore[no-untyped-call]

    monkeypatch.setattr(schema_view, "SchemaGenerator", CountingGenerator)
    schema_view._generate.cache_clear()
    return counted


def _get(accept: str = "*/*", path: str = "/api/schema/", **headers: str) -> Any:
    return Client().get(path, headers={"accept": accept, **headers})


def test_each_format_is_generated_once_and_equals_the_committed_one(generations: list[int]) -> None:
    committed = SCHEMA.read_bytes()
    document = yaml.load(committed, Loader=yaml.CSafeLoader)
    for _ in range(2):
        for accept in ("*/*", *YAML_TYPES):
            assert _get(accept).content == committed, "run `make schema` and commit docs/openapi.yaml"
        for accept in JSON_TYPES:
            assert json.loads(_get(accept).content) == document
    # Parameters with which drf-spectacular would generate a different document.
    for path in ("/api/schema/?lang=de", "/api/schema/?version=2"):
        assert _get(path=path).content == committed
    assert len(generations) == 2


def test_the_format_is_negotiated() -> None:
    for accept in YAML_TYPES:
        answer = _get(accept)
        assert answer.headers["Content-Type"] == f"{accept}; charset=utf-8"
        assert answer.headers["Content-Disposition"] == 'inline; filename="Vigil.yaml"'
    for accept in JSON_TYPES:
        answer = _get(accept)
        assert answer.headers["Content-Type"] == accept
        assert answer.headers["Content-Disposition"] == 'inline; filename="Vigil.json"'
    assert _get("text/html").status_code == 406


def test_an_unchanged_document_is_not_sent_again() -> None:
    tags = {}
    for accept in (YAML_TYPES[0], JSON_TYPES[0]):
        first = _get(accept)
        tags[accept] = first.headers["ETag"]
        assert "Accept" in first.headers["Vary"]
        assert first.headers["Cache-Control"] == "no-cache"
        for header in (tags[accept], f"W/{tags[accept]}", f'"other", {tags[accept]}'):
            again = _get(accept, **{"if-none-match": header})
            assert (again.status_code, again.content, again.headers["ETag"]) == (304, b"", tags[accept])
    yaml_tag, json_tag = tags.values()
    assert yaml_tag != json_tag
    assert _get(JSON_TYPES[0], **{"if-none-match": yaml_tag}).status_code == 200


def test_invalid_token_is_rejected(db: None, generations: list[int]) -> None:
    assert _get(authorization="Token nonsense").status_code == 401
    assert generations == []
