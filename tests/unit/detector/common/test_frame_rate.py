"""Selection of the frames to analyse."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cctv.common.frame_rate import FrameRateLimit


@pytest.mark.parametrize(
    ("camera_rate", "limit", "expected"), [(25, 5, 5), (10, 5, 5), (12.5, 5, 5), (30, 10, 10), (5, 5, 5), (3, 5, 3)]
)
def test_even_stream_is_reduced_to_the_limit(camera_rate: float, limit: float, expected: float) -> None:
    rate_limit = FrameRateLimit(limit)
    taken = sum(rate_limit.is_due(number / camera_rate) for number in range(int(camera_rate * 60)))

    assert taken / 60 == pytest.approx(expected, rel=0.05)


@given(st.lists(st.floats(min_value=0.0, max_value=0.3), min_size=50, max_size=100))
def test_limit_holds_for_any_arrival_times(gaps: list[float]) -> None:
    rate_limit, now, taken = FrameRateLimit(5.0), 0.0, 0
    for gap in gaps:
        now += gap
        taken += rate_limit.is_due(now)

    assert taken <= now * 5.0 + 3


def test_a_jittering_camera_of_the_same_rate_loses_nothing() -> None:
    rate_limit = FrameRateLimit(5.0)
    jitter = np.random.default_rng(3).uniform(-0.02, 0.02, 300)

    taken = sum(rate_limit.is_due(number * 0.2 + jitter[number]) for number in range(300))

    assert taken >= 295
