"""Selection of alerts and their grouping into messages, without a database."""

from datetime import UTC, datetime, timedelta

import pytest

from vigil_apps.notifications.core.matching import AlertFilter, StoredAlert
from vigil_apps.notifications.core.planning import MOST_ALERTS, Pace, group_alerts
from vigil_contracts.rules import Schedule

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)  # a Monday
ALERT = StoredAlert("person", 0.8, camera_id=7, site_id=1)


@pytest.mark.parametrize(
    ("alert_filter", "is_match"),
    [
        (AlertFilter(), True),
        (AlertFilter(alert_types=("fire", "person")), True),
        (AlertFilter(alert_types=("fire",)), False),
        (AlertFilter(minimum_confidence=0.8), True),
        (AlertFilter(minimum_confidence=0.81), False),
        (AlertFilter(cameras=(7,)), True),
        (AlertFilter(cameras=(8,)), False),
        (AlertFilter(sites=(1,)), True),
        (AlertFilter(sites=(2,)), False),
        (AlertFilter(cameras=(8,), sites=(1,)), True),
        (AlertFilter(cameras=(8,), sites=(2,)), False),
    ],
)
def test_filters(alert_filter: AlertFilter, is_match: bool) -> None:
    assert alert_filter.matches(ALERT, now=NOW) is is_match


def test_filter_by_site_excludes_cameras_without_a_site() -> None:
    assert not AlertFilter(sites=(1,)).matches(StoredAlert("person", 0.8, camera_id=7, site_id=None), now=NOW)


@pytest.mark.parametrize(("hour", "is_match"), [(18, False), (19, True), (23, True)])
def test_schedule_uses_its_own_time_zone(hour: int, is_match: bool) -> None:
    window = {"days": ["mon"], "start": "20:00", "end": "06:00"}
    alert_filter = AlertFilter(schedule=Schedule.model_validate({"time_zone": "Europe/Berlin", "windows": [window]}))
    assert alert_filter.matches(ALERT, now=NOW.replace(hour=hour)) is is_match


def _since(*minutes: float) -> list[datetime]:
    return [NOW - timedelta(minutes=each) for each in minutes]


@pytest.mark.parametrize(
    ("waiting", "pace", "sent", "sizes"),
    [
        ([], Pace(), 0, []),
        ([2, 1], Pace(), 0, [1, 1]),
        ([2, 1], Pace(messages_per_hour=2), 0, [1, 1]),
        ([5, 4, 3, 2, 1], Pace(messages_per_hour=2), 0, [1, 4]),
        ([5, 4, 3, 2, 1], Pace(messages_per_hour=2), 1, [5]),
        ([5, 4], Pace(messages_per_hour=2), 2, []),
        ([5, 4], Pace(messages_per_hour=2), 9, []),
        ([9, 1], Pace(digest=timedelta(minutes=10)), 0, []),
        ([10, 1], Pace(digest=timedelta(minutes=10)), 0, [2]),
        ([10, 1], Pace(digest=timedelta(minutes=10), messages_per_hour=1), 1, []),
    ],
)
def test_messages(waiting: list[float], pace: Pace, sent: int, sizes: list[int]) -> None:
    groups = group_alerts(_since(*waiting), pace, sent_within_period=sent, now=NOW)
    assert [len(group) for group in groups] == sizes
    taken = [index for group in groups for index in group]
    assert taken == list(range(len(taken)))


def test_message_size_is_limited() -> None:
    groups = group_alerts(_since(*range(2000, 0, -1)), Pace(messages_per_hour=1), sent_within_period=0, now=NOW)
    assert [len(group) for group in groups] == [MOST_ALERTS]
