"""Unusual invalid input gets a 400 with a message, never a 500."""

from base64 import b64encode
from typing import Any

import pytest
from tests.unit.backend.conftest import Party, send

from surveillance.models import Alert, Camera
from vigil_apps.web.json_input import MAX_DEPTH, TOO_DEEP, load_json
from vigil_apps.web.ranges import ranged_response
from vigil_contracts.text import NO_NUL, NO_SURROGATES

LISTS = ["/api/alerts/", "/api/cameras/", "/api/tokens/", "/api/audit/", "/api/sites/", "/api/notifications/"]
POSITIONS = ["foo", "", "%00", "9999-12-31T23:59:59-12:00", "0001-01-01T00:00:00%2B14:00", "2026-05-17T12:00:00"]
DEEP = "[" * 100_000


def _cursor(position: str) -> dict[str, str]:
    return {"cursor": b64encode(f"p={position}".encode()).decode()}


@pytest.mark.parametrize("position", POSITIONS)
@pytest.mark.parametrize("path", LISTS)
def test_cursor_with_an_invalid_position_is_rejected(root: Party, path: str, position: str) -> None:
    answer = root.client.get(path, _cursor(position))
    assert answer.status_code == 400
    assert answer.json() == {"cursor": ["must come from `next` or `previous`"]}


def test_cursor_for_another_order_is_rejected(anna: Party) -> None:
    answer = anna.client.get("/api/alerts/", {**_cursor("17"), "ordering": "timestamp"})
    assert (answer.status_code, list(answer.json())) == (400, ["cursor"])


@pytest.mark.parametrize("ordering", ["timestamp", "-timestamp", "id", "-id"])
def test_cursors_of_responses_are_accepted(anna: Party, camera: Camera, detector: Party, ordering: str) -> None:
    for number in range(3):
        time = f"2026-11-23T12:00:0{number}.25Z"
        assert send(detector, camera, event_id=f"event-000{number}", timestamp=time).status_code == 201
    seen = []
    url: str | None = f"/api/alerts/?page_size=1&ordering={ordering}"
    while url:
        page = anna.client.get(url)
        assert page.status_code == 200, page.content
        seen += [alert["event_id"] for alert in page.json()["results"]]
        url = page.json()["next"]
    assert sorted(seen) == ["event-0000", "event-0001", "event-0002"]


def test_deeply_nested_json_is_rejected(root: Party, detector: Party, operator: Party, camera: Camera) -> None:
    asked = [
        root.client.post("/api/cameras/", DEEP, content_type="application/json"),
        root.client.post("/api/token/", DEEP, content_type="application/json"),
        root.client.post("/api/alerts/acknowledge/", f"{DEEP[:500]}{']' * 500}", content_type="application/json"),
        detector.client.post(f"/api/cameras/{camera.pk}/heartbeat/", DEEP, content_type="application/json"),
        operator.client.put("/api/camera-resources/abc/", DEEP, content_type="application/json"),
    ]
    assert [(answer.status_code, answer.json()) for answer in asked] == [(400, {"detail": TOO_DEEP})] * len(asked)


def test_deeply_nested_form_field_is_rejected(detector: Party, camera: Camera) -> None:
    answer = send(detector, camera, box=DEEP)
    assert (answer.status_code, answer.json()) == (400, {"box": [TOO_DEEP]})
    assert not Alert.objects.exists()


def test_json_of_the_maximum_depth_is_accepted() -> None:
    assert load_json("[" * MAX_DEPTH + "1" + "]" * MAX_DEPTH)
    with pytest.raises(ValueError, match=TOO_DEEP):
        load_json("[" * (MAX_DEPTH + 1) + "1" + "]" * (MAX_DEPTH + 1))


@pytest.mark.parametrize(
    ("asked", "status", "content"),
    [
        (f"bytes={'9' * 5000}-", 416, b""),
        (f"bytes=2-{'9' * 5000}", 206, b"cdef"),
        (f"bytes=-{'9' * 5000}", 206, b"abcdef"),
        (f"bytes={'0' * 5000}1-2", 206, b"bc"),
        ("bytes=٣-", 200, b"abcdef"),
    ],
)
def test_a_range_may_have_any_number_of_digits(asked: str, status: int, content: bytes) -> None:
    answer = ranged_response(b"abcdef", asked, content_type="video/mp4", headers={})
    assert (answer.status_code, answer.content) == (status, content)


@pytest.mark.parametrize(
    ("sender", "path", "name"),
    [
        ("pipeline", "/api/active-cameras/", "group"),
        ("operator", "/api/camera-resources/", "source"),
        ("anna", "/api/schema/", "version"),
        ("anna", "/api/alerts/", "zone"),
    ],
)
def test_nul_in_a_parameter_is_rejected(request: Any, sender: str, path: str, name: str) -> None:
    answer = request.getfixturevalue(sender).client.get(path, {name: "a\x00b"})
    assert (answer.status_code, answer.json()) == (400, {name: [NO_NUL]})


def test_nul_in_a_path_is_rejected(operator: Party) -> None:
    answer = operator.client.put("/api/camera-resources/a%00b/", {}, format="json")
    assert (answer.status_code, answer.json()) == (400, {"detail": f"The path {NO_NUL}."})


def test_a_line_break_in_the_schemas_version_is_ignored(anna: Party) -> None:
    assert anna.client.get("/api/schema/", {"version": "a\nb"}).status_code == 200


@pytest.mark.parametrize(("text", "words"), [("a\\u0000b", NO_NUL), ("a\\ud800b", NO_SURROGATES)])
def test_texts_that_no_database_stores_are_refused(
    anna: Party, detector: Party, camera: Camera, alert: Alert, text: str, words: str
) -> None:
    """PostgreSQL refuses both, which was answered with 500. SQLite stores the first."""
    own = f"/api/cameras/{camera.pk}/"
    bodies = [
        (anna, "PATCH", own, '{"name": "%s"}', "name"),
        (
            anna,
            "PATCH",
            own,
            '{"detection": {"zones": [{"name": "%s", "points": [[0,0],[1,0],[1,1]]}]}}',
            "detection.zones.0.name",
        ),
        (anna, "POST", "/api/tokens/", '{"name": "%s"}', "name"),
        (anna, "POST", "/api/sites/", '{"name": "%s"}', "name"),
        (anna, "POST", f"/api/alerts/{alert.pk}/comments/", '{"text": "%s"}', "text"),
        (anna, "POST", "/api/token/", '{"username": "%s", "password": "x"}', "username"),
        (detector, "POST", f"{own}heartbeat/", '{"phase": "Streaming", "message": "%s"}', "message"),
        (anna, "POST", "/api/tokens/", '{"%s": 1}', "detail"),
        (anna, "POST", "/api/tokens/", '["%s"]', "detail"),
    ]
    for party, method, path, body, field in bodies:
        answer = party.client.generic(method, path, body % text, content_type="application/json")
        assert answer.status_code == 400, (path, body)
        assert list(answer.json()) == [field]
        assert words in answer.content.decode()


@pytest.mark.parametrize("field", ["description", "label", "zone", "rule", "track"])
def test_nul_in_an_alert_is_refused(detector: Party, camera: Camera, field: str) -> None:
    refused = send(detector, camera, event_id="event-0001", **{field: "a\0b"})
    assert (refused.status_code, refused.json()) == (400, {field: [NO_NUL]})
    assert not Alert.objects.exists()
