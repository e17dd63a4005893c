"""Which pictures are looked at, and when a stream counts as frozen."""

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cctv.selection import FrameRateLimit, FreezeDetector, fingerprint


@pytest.mark.parametrize(
    ("camera_rate", "limit", "expected"), [(25, 5, 5), (10, 5, 5), (12.5, 5, 5), (30, 10, 10), (5, 5, 5), (3, 5, 3)]
)
def test_an_even_stream_is_thinned_to_the_limit(camera_rate: float, limit: float, expected: float) -> None:
    rate_limit = FrameRateLimit(limit)
    taken = sum(rate_limit.is_due(number / camera_rate) for number in range(int(camera_rate * 60)))

    assert taken / 60 == pytest.approx(expected, rel=0.05)


@given(st.lists(st.floats(min_value=0.0, max_value=0.3), min_size=50, max_size=100))
def test_the_limit_holds_however_pictures_arrive(gaps: list[float]) -> None:
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


def test_the_same_picture_for_too_long_is_frozen() -> None:
    freeze = FreezeDetector(20.0)

    assert [freeze.is_frozen(lambda: 7, second, float(second)) for second in range(22)] == [False] * 20 + [True] * 2
    assert not freeze.is_frozen(lambda: 8, 22, 22.0)


def test_a_clock_that_stands_still_is_frozen_though_pictures_differ() -> None:
    freeze = FreezeDetector(20.0)

    frozen = [freeze.is_frozen(lambda: second, 5, float(second)) for second in range(22)]  # noqa: B023

    assert frozen[-1]
    assert not frozen[10]


def test_noise_and_missing_timestamps_are_not_frozen() -> None:
    freeze = FreezeDetector(20.0)

    assert not any(freeze.is_frozen(lambda: second, None, float(second)) for second in range(100))  # noqa: B023


def test_a_new_connection_has_its_own_time_to_change_but_the_old_picture_is_known() -> None:
    freeze = FreezeDetector(20.0)
    freeze.is_frozen(lambda: 7, 0, 0.0)
    freeze.begin_stream()

    assert not freeze.is_frozen(lambda: 7, 1, 65.0)
    assert not freeze.has_changed
    assert freeze.is_frozen(lambda: 7, 2, 85.0)
    assert not freeze.is_frozen(lambda: 8, 3, 86.0)
    assert freeze.has_changed


def test_zero_turns_it_off() -> None:
    freeze = FreezeDetector(0.0)

    assert not any(freeze.is_frozen(lambda: 7, 1, float(second)) for second in range(1000))


def test_a_fingerprint_differs_by_noise_alone() -> None:
    noise = np.random.default_rng(1).integers(0, 255, (480, 640, 3), np.uint8)
    picture = av.VideoFrame.from_ndarray(noise, format="bgr24").reformat(format="yuv420p")
    same = av.VideoFrame.from_ndarray(noise, format="bgr24").reformat(format="yuv420p")
    noise[100:110, 100:110] += 1
    other = av.VideoFrame.from_ndarray(noise, format="bgr24").reformat(format="yuv420p")

    assert fingerprint(picture) == fingerprint(same)
    assert fingerprint(picture) != fingerprint(other)
