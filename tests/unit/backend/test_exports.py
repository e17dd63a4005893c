"""Exports: the same alerts as in the list, streamed, and safe to open in a spreadsheet."""

import asyncio
import csv
import io
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from django.core.handlers.asgi import ASGIRequest
from pytest_django import DjangoAssertNumQueries
from rest_framework.request import Request
from tests.unit.backend.conftest import Party

from surveillance.api import exports
from surveillance.api.exports import ExportView
from surveillance.core.export import csv_lines
from surveillance.models import Alert, Camera


@pytest.fixture
def alerts(camera: Camera, monkeypatch: pytest.MonkeyPatch) -> list[Alert]:
    monkeypatch.setattr(exports, "BATCH", 3)
    return [
        Alert.objects.create(
            camera=camera,
            event_id=f"event-{number:04}",
            alert_type="person" if number % 2 else "motion",
            confidence=0.5,
            timestamp=datetime(2026, 11, 23, 12, tzinfo=UTC),
            description='=HYPERLINK("http://evil.example")' if number == 0 else "a, b",
        )
        for number in range(7)
    ]


def _body(party: Party, path: str) -> bytes:
    answer: Any = party.client.get(f"/api/alerts/{path}")
    assert answer.status_code == 200, answer.content
    assert answer.headers["Content-Disposition"].startswith("attachment")
    return b"".join(answer.streaming_content)


def test_json_export_equals_the_unpaged_list(anna: Party, alerts: list[Alert]) -> None:
    listed = anna.client.get("/api/alerts/").json()["results"]
    assert len(listed) == 7
    assert json.loads(_body(anna, "export.json")) == listed


def test_csv_has_every_alert_once_and_no_formula(anna: Party, alerts: list[Alert]) -> None:
    rows = list(csv.DictReader(io.StringIO(_body(anna, "export.csv").decode())))
    assert [int(row["id"]) for row in rows] == [alert.pk for alert in reversed(alerts)]
    assert rows[0]["description"] == "a, b"
    assert rows[-1]["description"] == '\'=HYPERLINK("http://evil.example")'
    assert rows[0]["acknowledged"] == "false"


def test_filters_are_those_of_the_list(anna: Party, alerts: list[Alert]) -> None:
    assert len(json.loads(_body(anna, "export.json?alert_type=person"))) == 3
    refused = anna.client.get("/api/alerts/export.csv?alert_type=nothing")
    assert refused.status_code == 400
    assert "alert_type" in refused.json()


def test_export_excludes_inaccessible_alerts(ben: Party, alerts: list[Alert]) -> None:
    assert json.loads(_body(ben, "export.json")) == []
    assert _body(ben, "export.csv").count(b"\n") == 1


def test_rows_are_streamed_from_the_database(
    anna: Party, alerts: list[Alert], django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    answer: Any = anna.client.get("/api/alerts/export.csv")
    chunks = iter(answer.streaming_content)
    next(chunks)
    for _ in range(3):  # 3, 3 and 1 of 7 alerts
        with django_assert_num_queries(1):
            next(chunks)
    # Read to the end: a partly read response is closed by the garbage collector during another test, where Django's
    # client would then close the connection of that test's transaction.
    assert list(chunks) == []


def test_chunks_are_read_on_demand_under_asgi() -> None:
    read: list[int] = []

    def chunks() -> Iterator[bytes]:
        for number in range(3):
            read.append(number)
            yield b"x"

    async def first() -> bytes:
        request = Request(ASGIRequest({"type": "http", "method": "GET", "path": "/", "headers": []}, io.BytesIO()))
        answer = ExportView().stream(request, chunks(), "text/csv", "alerts.csv")
        return bytes(await anext(aiter(answer)))

    assert asyncio.run(first()) == b"x"
    assert read == [0]


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("=1+1", "'=1+1"),
        ("Gate;=1+1", "Gate;'=1+1"),
        ("Gate; @SUM(1)", "Gate;' @SUM(1)"),
        ("Gate\n=1+1", "Gate\n'=1+1"),
        ("Gate\r\n-1", "Gate\r\n'-1"),
        ("Gate\t+1", "Gate\t'+1"),
        (' "=1+1', "' \"=1+1"),
        ("＝1+1", "'＝1+1"),
        ("Gate;north", "Gate;north"),
        ("north-east", "north-east"),
        ({"label": "x;=1+1"}, '{"label": "x;\'=1+1"}'),
    ],
)
def test_no_cell_part_starts_like_a_formula(text: Any, cell: str) -> None:
    written = csv_lines([{"a": text}], columns=["a"], with_header=False).decode()
    assert next(csv.reader(io.StringIO(written, newline=""))) == [cell]
