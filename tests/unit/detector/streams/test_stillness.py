"""Packet sizes tell whether a scene is still."""

from collections.abc import Iterable

import pytest

from cctv.streams.stillness import AWAKE_SECONDS, MAX_KEYFRAME_INTERVAL_SECONDS, StillnessWatch

FRAMES_PER_SECOND = 25
STILL = (400, 380, 420, 390, 410)


class Stream:
    """Feeds packets at 25 per second, with a keyframe at a fixed interval."""

    def __init__(self, keyframe_seconds: float = 2.0) -> None:
        self.watch = StillnessWatch()
        self.number = 0
        self.keyframe_every = round(keyframe_seconds * FRAMES_PER_SECOND)

    @property
    def seconds(self) -> float:
        return self.number / FRAMES_PER_SECOND

    def send(self, sizes: Iterable[int], *, is_calm: bool = True) -> None:
        for size in sizes:
            self.number += 1
            is_keyframe = self.number % self.keyframe_every == 0
            sent = 50_000 if is_keyframe else size
            self.watch.note(sent, is_keyframe=is_keyframe, seconds=self.seconds, is_calm=is_calm)

    def is_still(self) -> bool:
        return self.watch.is_still(self.seconds)


def still_stream(keyframe_seconds: float = 2.0) -> Stream:
    stream = Stream(keyframe_seconds)
    stream.send(STILL * 60)
    return stream


def test_steady_sizes_are_a_still_scene() -> None:
    assert still_stream().is_still()


@pytest.mark.parametrize("factor", [1.6, 3.0, 0.3], ids=["more", "far more", "less"])
def test_motion_is_noticed_within_four_packets(factor: float) -> None:
    stream = still_stream()
    stream.send(round(size * factor) for size in STILL[:4])
    assert not stream.is_still()


def test_without_motion_the_scene_is_still_again_soon() -> None:
    stream = still_stream()
    stream.send([1200, 1200])
    assert not stream.is_still()
    stream.send(STILL * round((AWAKE_SECONDS + 1) * FRAMES_PER_SECOND / len(STILL)))
    assert stream.is_still()


def test_sizes_of_a_scene_with_motion_are_not_learned() -> None:
    stream = Stream()
    stream.send([4000] * 300, is_calm=False)
    assert not stream.is_still(), "nobody knows yet how a still scene looks"
    stream.send(STILL * 60)
    stream.send([4000] * 150, is_calm=False)
    stream.send(STILL * 20)
    assert stream.is_still()
    stream.send([4000] * 4)
    assert not stream.is_still()


def test_stream_with_rare_keyframes_is_never_still() -> None:
    assert not still_stream(keyframe_seconds=4.0).is_still()


def test_missing_keyframe_ends_the_stillness() -> None:
    stream = still_stream()
    stream.keyframe_every = 10**9
    stream.send(STILL * round(MAX_KEYFRAME_INTERVAL_SECONDS * FRAMES_PER_SECOND / len(STILL) + 1))
    assert not stream.is_still()
