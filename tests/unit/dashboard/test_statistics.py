"""Statistics: each alert is counted once, in its interval; response times with their basis."""

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.auth.models import User
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.unit.dashboard.test_pages import add_camera

from surveillance.models import Alert, Camera
from vigil_apps.dashboard.statistics import PERIODS, Counted, compute, statistics_of
from vigil_apps.dashboard.templatetags.vigil import duration
from vigil_contracts.names import AlertType

NOW = datetime(2026, 3, 1, 12, 34, 56, tzinfo=UTC)
HOUR = NOW.replace(minute=0, second=0)


def counted(
    *, steps: Sequence[tuple[datetime, str, int]] = (), waits: Sequence[float] = (), now: datetime = NOW
) -> Counted:
    return Counted(steps=steps, cameras=[], waits=waits, at=now)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.integers(-60, 1500), st.sampled_from(list(AlertType)), st.integers(0, 2))))
def test_every_view_counts_the_same_alerts(anna: User, rows: list[tuple[int, AlertType, int]]) -> None:
    """Minutes before the end of the hour (some of them after it), the type, and one of three cameras."""
    Camera.objects.all().delete()
    cache.clear()
    cameras = [add_camera(anna, name) for name in "ABC"]
    end = HOUR + timedelta(hours=1)
    Alert.objects.bulk_create(
        Alert(
            camera=cameras[camera],
            event_id=f"event-{number}",
            alert_type=kind.value,
            confidence=0.9,
            timestamp=end - timedelta(minutes=minutes),
        )
        for number, (minutes, kind, camera) in enumerate(rows)
    )
    found = statistics_of(anna, "24", now=NOW)
    expected = [(kind, camera) for minutes, kind, camera in rows if 0 < minutes <= 24 * 60]
    assert found.total == sum(sum(counts) for _kind, counts in found.series) == len(expected)
    assert {share.query: share.count for share in found.kinds} == Counter(
        f"alert_type={kind.value}" for kind, _camera in expected
    )
    assert {share.text: share.count for share in found.cameras} == Counter(
        "ABC"[camera] for _kind, camera in expected
    )
    assert len(found.starts) == 24
    assert found.starts[-1] == int(HOUR.timestamp())


def test_largest_value_is_first_with_a_full_bar(anna: User) -> None:
    _alerts(add_camera(anna, "A"), 1)
    _alerts(add_camera(anna, "B"), 4)
    found = statistics_of(anna, "24", now=timezone.now())
    assert [(share.text, share.count, share.percent) for share in found.cameras] == [("B", 4, 100), ("A", 1, 25)]
    few_first = compute(counted(steps=[(HOUR, "fire", 1), (HOUR, "person", 4)]), "24")
    assert few_first.series[0][0] is AlertType.PERSON


def test_response_times_are_median_and_90th_percentile() -> None:
    response = compute(counted(waits=[float(second) for second in range(1, 101)]), "24").response
    assert response is not None
    assert (response.count, round(response.median_seconds, 1), round(response.p90_seconds, 1)) == (100, 50.5, 90.1)
    assert compute(counted(), "24").response is None


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.4, "0 s"), (89, "89 s"), (90, "2 min"), (3600, "60 min"), (5400, "1.5 h")]
)
def test_durations_read_well(seconds: float, text: str) -> None:
    assert duration(seconds) == text


@pytest.mark.parametrize("period", PERIODS)
def test_statistics_count_only_accessible_alerts(anna: User, period: str) -> None:
    ben = User.objects.create_user("ben")
    _alerts(add_camera(anna), 3)
    _alerts(add_camera(ben), 5)
    with CaptureQueriesContext(connection) as few:
        assert statistics_of(anna, period, now=timezone.now()).total == 3
    _alerts(add_camera(anna, "Other"), 20)
    cache.clear()
    with CaptureQueriesContext(connection) as many:
        assert statistics_of(anna, period, now=timezone.now()).total == 23
    assert len(few) == len(many) == 5  # the cameras that are seen, three sums over their alerts, cameras' names


def test_page_accepts_any_period(client: Client, anna: User) -> None:
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
