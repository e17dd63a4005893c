"""Search of alerts by words, filters and order; on PostgreSQL by its index."""

from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import connection
from tests.unit.backend.conftest import Party

from surveillance.models import Alert, Camera
from surveillance.selectors.search import alerts_with_words

TEXTS = {
    "event-0001": {"description": "A person climbs over the fence", "zone": "garden"},
    "event-0002": {"description": "A lorry at the ramp", "label": "truck", "rule": "long_stay"},
    "event-0003": {"description": "Straße frei", "label": "car"},
}


@pytest.fixture
def alerts(camera: Camera) -> None:
    for minute, (event_id, texts) in enumerate(TEXTS.items()):
        Alert.objects.create(
            camera=camera,
            event_id=event_id,
            alert_type="person",
            confidence=0.5 + minute / 10,
            timestamp=datetime(2026, 11, 23, 12, 9 - minute, tzinfo=UTC),
            **texts,
        )


@pytest.mark.usefixtures("alerts")
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("fence", [1]),
        ("FENCE person", [1]),
        ("fen", [1]),
        ("fence lorry", []),
        ("garden", [1]),
        ("truck", [2]),
        ("long_stay", [2]),
        ("straße", [3]),
        ("gate", [3, 2, 1]),  # the camera's name
        ("gate lorry", [2]),
        ("nothing", []),
        ("!!", []),
        ("fence & ! | ( ' \\ :*", [1]),
        ("  ", [3, 2, 1]),
    ],
)
def test_search_by_words(anna: Party, text: str, expected: list[int]) -> None:
    answer = anna.client.get("/api/alerts/", {"search": text})
    assert answer.status_code == 200
    assert [int(row["event_id"][-1]) for row in answer.json()["results"]] == expected


@pytest.mark.usefixtures("alerts")
@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has no such index; PostgreSQL's run has")
def test_search_uses_the_index() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
    plan = alerts_with_words(Alert.objects.order_by(), "fence").explain()
    assert "alert_words" in plan or "SubPlan" in plan
    from surveillance.selectors.search import _in_alert

    assert "alert_words" in Alert.objects.order_by().filter(_in_alert("fence")).explain()


@pytest.mark.usefixtures("alerts")
@pytest.mark.parametrize(
    ("ordering", "expected"),
    [("id", [1, 2, 3]), ("-id", [3, 2, 1]), ("timestamp", [3, 2, 1]), ("-timestamp", [1, 2, 3])],
)
def test_order_is_stable_across_pages(anna: Party, ordering: str, expected: list[int]) -> None:
    found: list[int] = []
    url: str | None = f"/api/alerts/?page_size=1&ordering={ordering}"
    while url:
        page = anna.client.get(url).json()
        found += [int(row["event_id"][-1]) for row in page["results"]]
        url = page["next"]
    assert found == expected


@pytest.mark.parametrize("ordering", ["confidence", "camera__user__password", "id,timestamp"])
def test_invalid_order_is_named(anna: Party, ordering: str) -> None:
    answer = anna.client.get("/api/alerts/", {"ordering": ordering})
    assert (answer.status_code, answer.json()) == (
        400,
        {"ordering": ["must be one of id, -id, timestamp, -timestamp"]},
    )


@pytest.mark.parametrize("cursor", ["x", "Y3Vyc29y", "%ff"])
def test_invalid_cursor_is_named(anna: Party, cursor: str) -> None:
    answer = anna.client.get("/api/alerts/", {"cursor": cursor})
    if answer.status_code != 200:  # some texts decode to the first page
        assert (answer.status_code, list(answer.json())) == (400, ["cursor"])


@pytest.mark.usefixtures("alerts")
@pytest.mark.parametrize(
    ("query", "count"),
    [
        ({"minimum_confidence": "0.6"}, 2),
        ({"zone": "garden"}, 1),
        ({"acknowledged": "true"}, 0),
        ({"after": "2026-11-23T12:08:00Z"}, 2),
        ({"before": "2026-11-23T12:08:00Z"}, 1),
        ({"alert_type": "fire"}, 0),
        ({"site": "1000000"}, 0),
    ],
)
def test_filters(anna: Party, query: dict[str, Any], count: int) -> None:
    assert len(anna.client.get("/api/alerts/", query).json()["results"]) == count


@pytest.mark.parametrize("few", [0, 1, 100])
def test_results_do_not_depend_on_the_number_of_cameras(
    anna: Party, ben: Party, viewer: Party, alert: Alert, monkeypatch: Any, few: int
) -> None:
    monkeypatch.setattr("surveillance.selectors.access.FEW_CAMERAS", few)
    for number in range(2):
        Camera.objects.create(user=anna.user, name=f"Another {number}", rtsp_url="rtsp://h/1")
    for party, expected in ((anna, 1), (viewer, 1), (ben, 0)):
        assert len(party.client.get("/api/alerts/").json()["results"]) == expected
