"""Detection of frozen streams."""

import av
import numpy as np

from cctv.streams.freeze import FreezeDetector, fingerprint


class Shown:
    """A freeze detector that is shown a frame each second, a keyframe every `keyframe_every` seconds."""

    def __init__(self, freeze: FreezeDetector, keyframe_every: int = 1) -> None:
        self.freeze, self.keyframe_every = freeze, keyframe_every

    def __call__(self, picture: int, second: int) -> bool:
        is_keyframe = second % self.keyframe_every == 0
        return self.freeze.is_frozen(lambda: picture, float(second), is_refreshed=is_keyframe)


def test_unchanged_frame_is_frozen_after_the_time_out() -> None:
    shown = Shown(FreezeDetector(20.0))

    assert [shown(7, second) for second in range(22)] == [False] * 20 + [True] * 2
    assert not shown(8, 22)


def test_frames_that_differ_by_noise_are_not_frozen() -> None:
    shown = Shown(FreezeDetector(20.0))

    assert not any(shown(second, second) for second in range(100))


def test_a_quiet_scene_between_two_keyframes_is_not_frozen() -> None:
    shown = Shown(FreezeDetector(20.0), keyframe_every=60)

    assert not any(shown(second // 60, second) for second in range(300))


def test_frame_unchanged_across_a_keyframe_is_frozen() -> None:
    shown = Shown(FreezeDetector(20.0), keyframe_every=60)

    frozen = [shown(7, second) for second in range(61)]

    assert frozen.index(True) == 60


def test_unchanged_frame_without_keyframes_is_frozen_eventually() -> None:
    shown = Shown(FreezeDetector(20.0), keyframe_every=10_000)

    assert [shown(7, second) for second in range(602)] == [False] * 600 + [True] * 2


def test_new_connection_restarts_the_time_but_keeps_the_old_frame() -> None:
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


def test_zero_disables_it() -> None:
    shown = Shown(FreezeDetector(0.0))

    assert not any(shown(7, second) for second in range(1000))


def test_fingerprint_changes_with_noise() -> None:
    noise = np.random.default_rng(1).integers(0, 255, (480, 640, 3), np.uint8)
    picture = av.VideoFrame.from_ndarray(noise, format="bgr24").reformat(format="yuv420p")
    same = av.VideoFrame.from_ndarray(noise, format="bgr24").reformat(format="yuv420p")
    noise[100:110, 100:110] += 1
    other = av.VideoFrame.from_ndarray(noise, format="bgr24").reformat(format="yuv420p")

    assert fingerprint(picture) == fingerprint(same)
    assert fingerprint(picture) != fingerprint(other)
