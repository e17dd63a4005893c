"""Pagination: each row once, in both directions, even if many rows have the same order value."""

from datetime import UTC, datetime
from typing import Any

import pytest
from tests.unit.backend.conftest import Party

from surveillance.models import Alert, Camera
from surveillance.services.cameras import camera_create

MOMENT = datetime(2026, 11, 23, 12, tzinfo=UTC)
ROWS = 1203
"""More than the maximum offset of DRF's cursors (1,000)."""


@pytest.fixture
def alike(anna: Party) -> list[int]:
    """Ids of alerts with the same time, plus one before and one after it."""
    camera = camera_create(user=anna.user, values={"name": "Gate", "rtsp_url": "rtsp://10.0.0.7/1"})
    times = [MOMENT.replace(hour=11), *[MOMENT] * ROWS, MOMENT.replace(hour=13)]
    made = [
        Alert(camera=camera, event_id=f"event-{number:04}", alert_type="person", confidence=0.9, timestamp=time)
        for number, time in enumerate(times)
    ]
    return [alert.pk for alert in Alert.objects.bulk_create(made)]


def _page(client: Any, path: str, **query: Any) -> dict[str, Any]:
    answer = client.get(path, query)
    assert answer.status_code == 200, answer.content
    return dict(answer.json())


def _walk(client: Any, path: str, way: str, cursor: str | None = None, **query: Any) -> tuple[list[Any], str]:
    """Return all rows from a page on, and the cursor of the last page."""
    found: list[Any] = []
    for _ in range(20):
        page = _page(client, path, **query, **({"cursor": cursor} if cursor else {}))
        found += page["results"] if way == "next_cursor" else page["results"][::-1]
        if page[way] is None:
            return found, cursor or ""
        cursor = page[way]
    raise AssertionError("the pages do not end")


@pytest.mark.parametrize("ordering", ["timestamp", "-timestamp"])
def test_pages_of_equal_times_terminate(anna: Party, alike: list[int], ordering: str) -> None:
    query: dict[str, Any] = {"ordering": ordering, "page_size": 200}
    rows, last = _walk(anna.client, "/api/alerts/", "next_cursor", **query)
    expected = alike if ordering == "timestamp" else alike[::-1]
    assert [row["id"] for row in rows] == expected
    back, _ = _walk(anna.client, "/api/alerts/", "previous_cursor", last, **query)
    assert [row["id"] for row in back] == expected[len(expected) - len(expected) % 200 :][::-1] + expected[
        : len(expected) - len(expected) % 200
    ][::-1]


def test_names_with_separators_are_not_skipped(anna: Party) -> None:
    names = ["a", "a|1", "a|2|x", "a,b", "a b", "ä"]
    for name in names:
        camera_create(user=anna.user, values={"name": name, "rtsp_url": "rtsp://10.0.0.7/1"})
    rows, _ = _walk(anna.client, "/api/cameras/", "next_cursor", ordering="name", page_size=1)
    assert sorted(row["name"] for row in rows) == sorted(names)
    assert [row["name"] for row in rows] == list(Camera.objects.order_by("name", "id").values_list("name", flat=True))


def test_page_of_deleted_rows_continues(anna: Party, alike: list[int]) -> None:
    first = _page(anna.client, "/api/alerts/", ordering="timestamp", page_size=500)
    Alert.objects.filter(pk__gt=first["results"][-1]["id"]).delete()
    page = _page(anna.client, "/api/alerts/", ordering="timestamp", page_size=500, cursor=first["next_cursor"])
    assert (page["results"], page["next"]) == ([], None)
    assert page["previous"] is not None


def test_cursor_of_another_order_is_rejected(anna: Party, alike: list[int]) -> None:
    cursor = _page(anna.client, "/api/alerts/", page_size=1)["next_cursor"]
    answer = anna.client.get("/api/alerts/", {"ordering": "-timestamp", "cursor": cursor})
    assert (answer.status_code, list(answer.json())) == (400, ["cursor"])
