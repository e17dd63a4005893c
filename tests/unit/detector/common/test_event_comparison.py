"""Events of two models on the same frames: which are the same, which only one of them has."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from cctv.common.event_comparison import MATCH_SECONDS, EventComparison, Outcome, is_same
from cctv.common.events import Event
from vigil_contracts.geometry import Box
from vigil_contracts.names import AlertType

PERSON = Event("1", AlertType.PERSON, "person", 0.8, datetime(2026, 3, 1, tzinfo=UTC), Box(0.3, 0.2, 0.5, 0.8), "t1")
CAR = replace(PERSON, alert_type=AlertType.VEHICLE, label="car")
ELSEWHERE = replace(PERSON, box=Box(0.8, 0.2, 0.95, 0.8))


@pytest.mark.parametrize(
    ("other", "seconds_apart", "same"),
    [
        (PERSON, 0.0, True),
        (replace(PERSON, label="pedestrian"), 0.0, True),
        (PERSON, MATCH_SECONDS, True),
        (PERSON, -MATCH_SECONDS, True),
        (PERSON, MATCH_SECONDS + 0.1, False),
        (CAR, 0.0, False),
        (replace(PERSON, rule="gate"), 0.0, False),
        (replace(PERSON, zone="yard"), 0.0, False),
        (ELSEWHERE, 0.0, False),
        (ELSEWHERE, 1.0, False),
        (ELSEWHERE, 2.0, True),
        (replace(PERSON, box=None), 0.0, True),
    ],
)
def test_same_event(other: Event, seconds_apart: float, same: bool) -> None:
    assert is_same(PERSON, other, seconds_apart) is same
    assert is_same(other, PERSON, -seconds_apart) is same


def test_both_orders_agree_at_once() -> None:
    comparison = EventComparison()
    assert comparison.add_live([PERSON], 1.0) == []
    assert comparison.add_shadow([PERSON], 1.4) == [Outcome.AGREED]
    assert comparison.add_shadow([CAR], 3.0) == []
    assert comparison.add_live([CAR], 3.2) == [Outcome.AGREED]


def test_missed_and_new_are_known_when_the_other_model_is_past() -> None:
    comparison = EventComparison()
    assert comparison.add_live([PERSON], 1.0) == []
    assert comparison.add_shadow([CAR], 1.0) == []
    assert comparison.add_live([], 1.0 + MATCH_SECONDS) == []
    assert comparison.add_shadow([], 1.0 + MATCH_SECONDS) == []
    assert comparison.add_live([], 1.1 + MATCH_SECONDS) == [Outcome.NEW]
    assert comparison.add_shadow([], 1.1 + MATCH_SECONDS) == [Outcome.MISSED]
    assert comparison.add_live([], 60.0) == []


def test_each_event_agrees_with_one_other_the_nearest() -> None:
    comparison = EventComparison()
    near = replace(PERSON, box=Box(0.31, 0.2, 0.51, 0.8))
    far = replace(PERSON, box=Box(0.45, 0.2, 0.65, 0.8))
    comparison.add_live([far, near], 1.0)
    assert comparison.add_shadow([PERSON], 1.0) == [Outcome.AGREED]
    assert comparison.add_shadow([far], 1.2) == [Outcome.AGREED], "the near one was taken"
    assert comparison.add_shadow([PERSON], 1.3) == []
