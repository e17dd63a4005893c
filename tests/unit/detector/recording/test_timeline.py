"""Times of recorded packets, and where segments begin."""

from itertools import pairwise

import pytest

from cctv.clips.packet_buffer import Packet
from cctv.recording.timeline import TICKS_PER_SECOND, Cutter, Placed, Timeline

WALL = 1_796_000_000.0
RATE = 25


def packet(dts: float | None, received_at: float, *, is_keyframe: bool = False, headers: bytes = b"a") -> Packet:
    return Packet(b"x", dts, dts, is_keyframe, received_at, headers)


def seconds(placed: list[Placed]) -> list[float]:
    return [one.seconds - WALL for one in placed]


def test_distances_are_the_cameras_although_packets_arrive_in_bursts() -> None:
    timeline = Timeline(WALL)
    placed = [timeline.place(packet(n / RATE, n // 10 * 10 / RATE + 0.4)) for n in range(90)]
    steps = {round(later.seconds - former.seconds, 3) for former, later in pairwise(placed)}
    assert steps == {0.04}
    assert not any(one.is_after_jump for one in placed)


@pytest.mark.parametrize("drift", [0.999, 1.001])
def test_a_camera_clock_that_drifts_is_followed(drift: float) -> None:
    timeline = Timeline(WALL)
    count = 1200 * RATE
    placed = [timeline.place(packet(n / RATE * drift, n / RATE)) for n in range(count)]
    assert abs(seconds(placed)[-1] - (count - 1) / RATE) < 0.1
    assert not any(one.is_after_jump for one in placed)
    steps = [later.dts - former.dts for former, later in pairwise(placed)]
    assert 0.98 < min(steps) / (TICKS_PER_SECOND / RATE) <= max(steps) / (TICKS_PER_SECOND / RATE) < 1.02


@pytest.mark.parametrize("dts", [None, 5.0])
def test_missing_or_standing_timestamps_are_replaced_by_arrivals(dts: float | None) -> None:
    timeline = Timeline(WALL)
    placed = [timeline.place(packet(dts, n / RATE)) for n in range(1000)]
    assert abs(seconds(placed)[-1] - 999 / RATE) < 2.5
    assert all(later.dts > former.dts for former, later in pairwise(placed))


def test_buffered_seconds_at_the_begin_do_not_run_ahead_for_ever() -> None:
    timeline = Timeline(WALL)
    placed = [timeline.place(packet(n / RATE, max(0.0, n / RATE - 20.0))) for n in range(120 * RATE)]
    assert max(at - max(0.0, n / RATE - 20.0) for n, at in enumerate(seconds(placed))) < 11


def test_a_pause_is_a_jump_to_the_time_of_arrival() -> None:
    timeline = Timeline(WALL)
    for n in range(100):
        timeline.place(packet(n / RATE, n / RATE))
    after = timeline.place(packet(100 / RATE, 60.0))
    assert after.is_after_jump
    assert after.seconds == pytest.approx(WALL + 60.0)


def test_times_do_not_begin_before_the_end_of_the_last_segment() -> None:
    assert Timeline(WALL, not_before=WALL + 3).place(packet(0.0, 1.0)).seconds == pytest.approx(WALL + 3)


def cuts(packets: list[Packet]) -> list[int]:
    timeline, cutter = Timeline(WALL), Cutter()
    return [n for n, one in enumerate(packets) if cutter.begins(one, timeline.place(one))]


def test_segments_begin_at_keyframes_after_about_four_seconds() -> None:
    packets = [packet(n / RATE, n / RATE, is_keyframe=n % 50 == 0) for n in range(500)]
    assert cuts(packets) == [0, 100, 200, 300, 400]


def test_changed_parameter_sets_begin_a_segment_at_once() -> None:
    old, new = b"old", b"new"
    packets = [
        packet(n / RATE, n / RATE, is_keyframe=n % 25 == 0, headers=old if n < 150 else new) for n in range(200)
    ]
    assert cuts(packets) == [0, 100, 150]


def test_packets_before_a_keyframe_belong_to_no_segment() -> None:
    timeline, cutter = Timeline(WALL), Cutter()
    packets = [packet(n / RATE, n / RATE, is_keyframe=n == 5) for n in range(7)]
    assert [cutter.begins(one, timeline.place(one)) for one in packets] == [None] * 5 + [True, False]
