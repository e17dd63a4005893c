"""Which pictures are looked at, and when a stream counts as frozen."""

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cctv.common.frame_rate import FrameRateLimit
from cctv.common.timestamps import TimestampCheck
from cctv.streams.damage import DamageFilter
from cctv.streams.freeze import FreezeDetector, fingerprint


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


class Shown:
    """A freeze detector that is shown a picture each second, a keyframe every `keyframe_every` seconds."""

    def __init__(self, freeze: FreezeDetector, keyframe_every: int = 1) -> None:
        self.freeze, self.keyframe_every = freeze, keyframe_every

    def __call__(self, picture: int, second: int) -> bool:
        is_keyframe = second % self.keyframe_every == 0
        return self.freeze.is_frozen(lambda: picture, float(second), is_refreshed=is_keyframe)


def test_the_same_picture_for_too_long_is_frozen() -> None:
    shown = Shown(FreezeDetector(20.0))

    assert [shown(7, second) for second in range(22)] == [False] * 20 + [True] * 2
    assert not shown(8, 22)


def test_pictures_that_differ_by_noise_are_not_frozen() -> None:
    shown = Shown(FreezeDetector(20.0))

    assert not any(shown(second, second) for second in range(100))


def test_a_quiet_scene_between_two_keyframes_is_not_frozen() -> None:
    shown = Shown(FreezeDetector(20.0), keyframe_every=60)

    assert not any(shown(second // 60, second) for second in range(300))


def test_a_picture_that_outlasts_its_keyframe_is_frozen() -> None:
    shown = Shown(FreezeDetector(20.0), keyframe_every=60)

    frozen = [shown(7, second) for second in range(61)]

    assert frozen.index(True) == 60


def test_a_picture_that_no_keyframe_ever_refreshes_is_frozen_in_the_end() -> None:
    shown = Shown(FreezeDetector(20.0), keyframe_every=10_000)

    assert [shown(7, second) for second in range(602)] == [False] * 600 + [True] * 2


def test_a_new_connection_has_its_own_time_to_change_but_the_old_picture_is_known() -> None:
    freeze = FreezeDetector(20.0)
    shown = Shown(freeze)
    shown(7, 0)
    freeze.begin_stream()

    assert not shown(7, 65)
    assert not freeze.has_changed
    assert not shown(7, 84)
    assert shown(7, 85)
    assert not shown(8, 86)
    assert freeze.has_changed


def test_zero_turns_it_off() -> None:
    shown = Shown(FreezeDetector(0.0))

    assert not any(shown(7, second) for second in range(1000))


def findings(timestamps: list[float | None], interval: float = 0.1) -> list[float]:
    """When nonsense is found in the timestamps of pictures that arrive evenly."""
    check = TimestampCheck()
    times = [number * interval for number in range(len(timestamps))]
    return [now for now, timestamp in zip(times, timestamps, strict=True) if check.finds_nonsense(timestamp, now)]


@pytest.mark.parametrize(
    "timestamps",
    [
        [5.0] * 600,
        [number * 0.001 for number in range(600)],
        [number * 4.0 for number in range(600)],
        [-number * 0.1 for number in range(600)],
        list(np.random.default_rng(1).uniform(0, 40_000, 600)),
    ],
    ids=["standing", "slow", "fast", "backward", "random"],
)
def test_timestamps_that_are_nonsense_are_reported_once(timestamps: list[float | None]) -> None:
    found = findings(timestamps)

    assert len(found) == 1
    assert found[0] <= 20


@pytest.mark.parametrize(
    "timestamps",
    [
        [number * 0.1 for number in range(600)],
        [number * 0.1 - (3600.0 if number > 300 else 0.0) for number in range(600)],
        [number * 0.1 + min(number, 10) for number in range(600)],
        [None] * 600,
    ],
    ids=["right", "one jump", "sent at once at first", "missing"],
)
def test_timestamps_that_may_be_true_are_not_reported(timestamps: list[float | None]) -> None:
    assert findings(timestamps) == []


def test_a_fingerprint_differs_by_noise_alone() -> None:
    noise = np.random.default_rng(1).integers(0, 255, (480, 640, 3), np.uint8)
    picture = av.VideoFrame.from_ndarray(noise, format="bgr24").reformat(format="yuv420p")
    same = av.VideoFrame.from_ndarray(noise, format="bgr24").reformat(format="yuv420p")
    noise[100:110, 100:110] += 1
    other = av.VideoFrame.from_ndarray(noise, format="bgr24").reformat(format="yuv420p")

    assert fingerprint(picture) == fingerprint(same)
    assert fingerprint(picture) != fingerprint(other)


def test_damaged_frames_are_skipped_unless_there_are_no_others() -> None:
    damage = DamageFilter()
    skipped = [damage.skips(at / 10, is_damaged=at in {3, 4, 20}) for at in range(30)]
    assert [at for at, is_skipped in enumerate(skipped) if is_skipped] == [3, 4, 20]

    analysed_at = [at / 10 for at in range(30, 60) if not damage.skips(at / 10, is_damaged=True)]
    assert analysed_at[0] == pytest.approx(2.9 + 2.0), "2 s after the last undamaged one"
    damage.begin_stream()
    assert damage.skips(60.0, is_damaged=True), "a new connection begins with damaged frames more often than not"


def test_analysing_damaged_frames_is_reported_once() -> None:
    damage = DamageFilter()
    assert [damage.reports_damage(is_damaged=is_damaged) for is_damaged in (False, True, True)] == [
        False,
        True,
        False,
    ]
