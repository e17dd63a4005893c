"""Figures over time: each alert counted once, in its step; response times that say what they were made from."""

from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.auth.models import User
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.dashboard.test_pages import add_camera

from surveillance.dashboard.statistics import PERIODS, compute, statistics_of
from surveillance.models import Alert, Camera
from surveillance.templatetags.vigil import duration
from vigil_contracts.names import AlertType

NOW = datetime(2026, 3, 1, 12, 34, 56, tzinfo=UTC)
HOUR = NOW.replace(minute=0, second=0)


@given(
    st.lists(st.tuples(st.integers(-2, 30), st.sampled_from(list(AlertType)), st.integers(1, 3), st.integers(1, 9)))
)
def test_every_view_counts_the_same_alerts(rows: list[tuple[int, AlertType, int, int]]) -> None:
    counted = [
        (HOUR - timedelta(hours=back), kind.value, camera, f"Camera {camera}", count)
        for back, kind, camera, count in rows
    ]
    found = compute(counted, [], "24", now=NOW)
    expected = sum(count for back, _kind, _camera, count in rows if 0 <= back < 24)
    assert found.total == expected
    assert sum(sum(counts) for _kind, counts in found.series) == expected
    assert sum(share.count for share in found.kinds) == sum(share.count for share in found.cameras) == expected
    assert len(found.starts) == 24
    assert found.starts[-1] == int(HOUR.timestamp())


def test_the_largest_comes_first_with_a_full_bar() -> None:
    rows = [(HOUR, "fire", 1, "A", 1), (HOUR, "person", 2, "B", 4)]
    found = compute(rows, [], "24", now=NOW)
    assert [(share.text, share.count, share.percent) for share in found.cameras] == [("B", 4, 100), ("A", 1, 25)]
    assert found.series[0][0] is AlertType.PERSON


def test_response_times_are_those_of_half_and_of_nine_in_ten() -> None:
    response = compute([], [float(second) for second in range(1, 101)], "24", now=NOW).response
    assert response is not None
    assert (response.count, round(response.median_seconds, 1), round(response.p90_seconds, 1)) == (100, 50.5, 90.1)
    assert compute([], [], "24", now=NOW).response is None


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.4, "0 s"), (89, "89 s"), (90, "2 min"), (3600, "60 min"), (5400, "1.5 h")]
)
def test_durations_read_well(seconds: float, text: str) -> None:
    assert duration(seconds) == text


@pytest.mark.parametrize("period", PERIODS)
def test_only_the_viewers_alerts_count_at_the_same_price(anna: User, period: str) -> None:
    ben = User.objects.create_user("ben")
    _alerts(add_camera(anna), 3)
    _alerts(add_camera(ben), 5)
    with CaptureQueriesContext(connection) as few:
        assert statistics_of(anna, period, now=timezone.now()).total == 3
    _alerts(add_camera(anna, "Other"), 20)
    cache.clear()
    with CaptureQueriesContext(connection) as many:
        assert statistics_of(anna, period, now=timezone.now()).total == 23
    assert len(few) == len(many) == 3  # the cameras that are seen, and two sums over their alerts


def test_the_page_takes_any_period(client: Client, anna: User) -> None:
    _alerts(add_camera(anna, "<b>Gate</b>"), 2)
    for query in ("", "?hours=24", "?hours=720", "?hours=x%00"):
        page = client.get(f"/dashboard/statistics/{query}")
        assert page.status_code == 200
        assert page.context["statistics"].total == 2
        assert b"<b>Gate" not in page.content


def _alerts(camera: Camera, count: int) -> None:
    now = timezone.now()
    Alert.objects.bulk_create(
        Alert(
            camera=camera,
            event_id=f"event-{camera.pk}-{number}",
            alert_type="person",
            confidence=0.9,
            timestamp=now - timedelta(minutes=number),
        )
        for number in range(count)
    )
