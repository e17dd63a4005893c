"""Requirements of client generators on the API and its schema."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.unit.backend.conftest import Party, send

from surveillance.models import Camera
from surveillance_backend.schema import titles_are_names

DOCUMENT: dict[str, Any] = yaml.load(
    (Path(__file__).parents[3] / "docs/openapi.yaml").read_bytes(), Loader=yaml.CSafeLoader
)
PAGES = sorted(name for name in DOCUMENT["components"]["schemas"] if name.startswith("Paginated"))


def _titles(node: Any) -> Iterator[str]:
    if isinstance(node, list):
        for item in node:
            yield from _titles(item)
    elif isinstance(node, dict):
        if isinstance(node.get("title"), str):
            yield node["title"]
        for key, item in node.items():
            if key not in {"default", "example", "examples"}:
                yield from _titles(item)


def test_schema_titles_are_unique() -> None:
    counted = Counter(_titles(DOCUMENT["components"]["schemas"]))
    assert len(counted) > 30
    assert [title for title, count in counted.items() if count > 1] == []


def test_a_component_is_titled_by_its_name_and_nothing_within_it_is_titled() -> None:
    box = {
        "title": "Box",
        "type": "object",
        "properties": {
            "title": {"title": "Title", "type": "string", "examples": [{"title": "kept"}]},
            "inner": {"anyOf": [{"title": "Inner", "type": "object", "properties": {}}, {"type": "null"}]},
        },
    }
    result = titles_are_names({"components": {"schemas": {"BoxRequest": box, "Plain": {"type": "string"}}}})
    assert result["components"]["schemas"] == {
        "BoxRequest": {
            "title": "BoxRequest",
            "type": "object",
            "properties": {
                "title": {"type": "string", "examples": [{"title": "kept"}]},
                "inner": {"anyOf": [{"type": "object", "properties": {}}, {"type": "null"}]},
            },
        },
        "Plain": {"type": "string"},
    }


def test_operation_ids_are_unique_identifiers() -> None:
    names = [operation["operationId"] for methods in DOCUMENT["paths"].values() for operation in methods.values()]
    assert len(names) == len(set(names)) > 60
    assert [name for name in names if not name.isidentifier()] == []


def test_only_fractions_are_numbers() -> None:
    types: dict[str, set[str]] = {}
    for methods in DOCUMENT["paths"].values():
        for operation in methods.values():
            for parameter in operation.get("parameters", ()):
                types.setdefault(parameter["name"], set()).add(parameter["schema"].get("type"))
    assert {name for name, found in types.items() if "number" in found} == {"minimum_confidence", "fps"}
    for name in ("camera", "site", "page_size", "camera_id", "alert_id"):
        assert types[name] == {"integer"}


@pytest.mark.parametrize("value", ["1.5", "x", "0", "9" * 30, "9" * 5000])
@pytest.mark.parametrize("name", ["camera", "site"])
def test_non_integer_id_is_rejected(anna: Party, name: str, value: str) -> None:
    answer = anna.client.get("/api/alerts/", {name: value})
    assert (answer.status_code, list(answer.json())) == (400, [name])


def test_every_page_is_described_with_its_cursors() -> None:
    assert len(PAGES) >= 8
    for name in PAGES:
        schema = DOCUMENT["components"]["schemas"][name]
        assert schema["required"] == ["next", "previous", "next_cursor", "previous_cursor", "results"], name
        assert schema["properties"]["next_cursor"]["type"] == ["string", "null"], name


def test_pages_are_followed_by_cursor_in_both_directions(anna: Party, camera: Camera, detector: Party) -> None:
    for number in range(5):
        assert send(detector, camera, event_id=f"event-000{number}").status_code == 201

    def page(cursor: str | None) -> dict[str, Any]:
        query = {"page_size": "2", **({"cursor": cursor} if cursor else {})}
        answer = anna.client.get("/api/alerts/", query)
        assert answer.status_code == 200, answer.content
        return dict(answer.json())

    first = page(None)
    second = page(first["next_cursor"])
    third = page(second["next_cursor"])
    events = [[alert["event_id"][-1] for alert in found["results"]] for found in (first, second, third)]
    assert events == [["4", "3"], ["2", "1"], ["0"]]
    assert (first["previous"], first["previous_cursor"], third["next"], third["next_cursor"]) == (None,) * 4
    assert page(second["previous_cursor"])["results"] == first["results"]
    # The link leads to the same page.
    assert anna.client.get(first["next"]).json()["results"] == second["results"]
