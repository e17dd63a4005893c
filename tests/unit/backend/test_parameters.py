"""A list refuses parameters that it does not have: a filter with a typing error would return every row."""

from pathlib import Path

import pytest
import yaml
from tests.unit.backend.conftest import WEBHOOK, Party

from surveillance.models import Alert

SCHEMA = yaml.load((Path(__file__).parents[3] / "docs/openapi.yaml").read_text(), Loader=yaml.CSafeLoader)
PARAMETERS = {
    path: {one["name"]: one["schema"] for one in operations["get"]["parameters"] if one["in"] == "query"}
    for path, operations in SCHEMA["paths"].items()
    if any(one["name"] == "page_size" for one in operations.get("get", {}).get("parameters", ()))
}
EXPORTS = ["/api/alerts/export.json", "/api/alerts/export.csv"]
TRUTHS = [
    (path, name)
    for path, schemas in PARAMETERS.items()
    for name, schema in schemas.items()
    if schema["type"] == "boolean"
]


def _url(path: str, root: Party) -> str:
    if "{subscription_id}" not in path:
        return path
    subscription = root.client.post("/api/notifications/", WEBHOOK).json()["subscription"]["id"]
    return path.format(subscription_id=subscription)


@pytest.mark.parametrize("path", PARAMETERS)
def test_an_unknown_parameter_of_a_list_is_refused(root: Party, path: str) -> None:
    answer = root.client.get(_url(path, root), {"alert_typ": "person"})
    assert answer.status_code == 400
    [(name, [words])] = answer.json().items()
    assert name == "alert_typ"
    named = set(words.removeprefix("is not a parameter of this request; its parameters are ").split(", "))
    assert named == set(PARAMETERS[path])


@pytest.mark.parametrize("path", EXPORTS)
def test_an_unknown_parameter_of_an_export_is_refused(root: Party, path: str) -> None:
    answer = root.client.get(path, {"befor": "2026-11-30T12:00:00Z"})
    assert (answer.status_code, list(answer.json())) == (400, ["befor"])


@pytest.mark.parametrize("size", ["0", "-1", "501", "1e3", "", "x", "9" * 5000, "٣"])
@pytest.mark.parametrize("path", PARAMETERS)
def test_an_invalid_page_size_is_refused(root: Party, path: str, size: str) -> None:
    answer = root.client.get(_url(path, root), {"page_size": size})
    assert (answer.status_code, answer.json()) == (400, {"page_size": ["must be a whole number from 1 to 500"]})


@pytest.mark.parametrize("path", PARAMETERS)
def test_the_bounds_of_the_page_size_are_documented_and_valid(root: Party, path: str) -> None:
    schema = PARAMETERS[path]["page_size"]
    assert (schema["minimum"], schema["maximum"]) == (1, 500)
    url = _url(path, root)
    for size in (1, 500):
        assert root.client.get(url, {"page_size": size}).status_code == 200


@pytest.mark.parametrize(("path", "name"), TRUTHS)
def test_a_boolean_parameter_is_true_or_false(root: Party, path: str, name: str) -> None:
    for value in ("maybe", "1", "yes"):
        answer = root.client.get(path, {name: value})
        assert (answer.status_code, answer.json()) == (400, {name: ["must be true or false"]}), value
    for value in ("true", "False", ""):
        assert root.client.get(path, {name: value}).status_code == 200, value


def test_a_boolean_parameter_filters(anna: Party, alert: Alert) -> None:
    found = {
        value: len(anna.client.get("/api/alerts/", {"acknowledged": value}).json()["results"])
        for value in ("true", "false", "")
    }
    assert found == {"true": 0, "false": 1, "": 1}


def test_a_method_that_a_url_does_not_have_is_named(anna: Party, alert: Alert) -> None:
    answer = anna.client.delete(f"/api/alerts/{alert.pk}/")
    assert (answer.status_code, answer.json()) == (405, {"detail": 'Method "DELETE" not allowed.'})
    assert "GET" in answer["Allow"]
    anna.client.logout()
    anna.client.credentials()
    assert anna.client.delete(f"/api/alerts/{alert.pk}/").status_code == 401
