"""Which alerts, and in how many messages: without a database."""

from datetime import UTC, datetime, timedelta

import pytest

from vigil_apps.notifications.core.matching import Happened, Wish
from vigil_apps.notifications.core.planning import MOST_ALERTS, Pace, grouped
from vigil_contracts.rules import Schedule

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)  # a Monday
ALERT = Happened("person", 0.8, camera_id=7, site_id=1)


@pytest.mark.parametrize(
    ("wish", "wants"),
    [
        (Wish(), True),
        (Wish(alert_types=("fire", "person")), True),
        (Wish(alert_types=("fire",)), False),
        (Wish(minimum_confidence=0.8), True),
        (Wish(minimum_confidence=0.81), False),
        (Wish(cameras=(7,)), True),
        (Wish(cameras=(8,)), False),
        (Wish(sites=(1,)), True),
        (Wish(sites=(2,)), False),
        (Wish(cameras=(8,), sites=(1,)), True),
        (Wish(cameras=(8,), sites=(2,)), False),
    ],
)
def test_filters(wish: Wish, wants: bool) -> None:
    assert wish.wants(ALERT, now=NOW) is wants


def test_camera_without_a_site_is_in_no_named_site() -> None:
    assert not Wish(sites=(1,)).wants(Happened("person", 0.8, camera_id=7, site_id=None), now=NOW)


@pytest.mark.parametrize(("hour", "wants"), [(18, False), (19, True), (23, True)])
def test_schedule_is_in_its_own_time_zone(hour: int, wants: bool) -> None:
    window = {"days": ["mon"], "start": "20:00", "end": "06:00"}
    wish = Wish(schedule=Schedule.model_validate({"time_zone": "Europe/Berlin", "windows": [window]}))
    assert wish.wants(ALERT, now=NOW.replace(hour=hour)) is wants


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
    groups = grouped(_since(*waiting), pace, sent_within_period=sent, now=NOW)
    assert [len(group) for group in groups] == sizes
    taken = [index for group in groups for index in group]
    assert taken == list(range(len(taken)))


def test_message_is_no_larger_than_a_receiver_can_read() -> None:
    groups = grouped(_since(*range(2000, 0, -1)), Pace(messages_per_hour=1), sent_within_period=0, now=NOW)
    assert [len(group) for group in groups] == [MOST_ALERTS]
