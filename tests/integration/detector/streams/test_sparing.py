"""A stream that no model analyses: single keyframes are decoded, and all frames once they are needed."""

import itertools
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import pytest
from tests.integration.detector.streams.conftest import LOOPBACK, SPEED
from tests.integration.services.made_clips import make_clip
from tests.integration.services.misbehaving_rtsp import Script, misbehaving_camera

from cctv.streams.faults import StreamFault
from cctv.streams.rtsp import RtspSource
from cctv.streams.sparing import FrameDemand
from cctv.streams.stillness import StillnessWatch
from vigil_contracts.names import Reason, StreamTransport
from vigil_demo.clip import Clip, load_clip


@pytest.fixture
def clip(tmp_path: Path) -> Clip:
    return load_clip(make_clip(tmp_path / "clip.mp4"))


@pytest.fixture(autouse=True)
def every_keyframe(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cctv.streams.sparing.KEYFRAME_SECONDS", 0.0)


class Watched(RtspSource):
    """A source whose frames are wanted while `is_wanted`."""

    def __init__(self, url: str) -> None:
        self.is_wanted = False
        demand = FrameDemand(lambda: self.is_wanted)
        super().__init__(
            url, StreamTransport.TCP, LOOPBACK, open_timeout_seconds=5, read_timeout_seconds=5, demand=demand
        )

    @property
    def has_decoder(self) -> bool:
        """Whether a decoder is in memory."""
        return self._video.codec_context.is_open or self._temporary_decoder is not None

    def pictures(self) -> Iterator[av.VideoFrame]:
        """Yield the frames until the stream ends."""
        try:
            yield from self.frames()
        except StreamFault:
            return


def seconds_of(pictures: list[av.VideoFrame]) -> list[float]:
    return [round(picture.time or 0.0, 1) for picture in pictures]


def test_no_decoder_is_kept_after_a_keyframe(clip: Clip) -> None:
    with misbehaving_camera(Script(clip=clip, once=True, speed=SPEED)) as camera:
        source = Watched(camera.url)
        source.open()
        pictures, has_decoder = [], []
        for picture in source.pictures():
            pictures.append(picture)
            has_decoder.append(source.has_decoder)
        source.close()

    assert seconds_of(pictures) == [0.0, 1.0, 2.0, 3.0]
    assert all(picture.key_frame and not picture.is_corrupt for picture in pictures)
    assert not any(has_decoder)


def test_all_frames_follow_once_they_are_wanted(clip: Clip) -> None:
    with misbehaving_camera(Script(clip=clip, once=True, speed=SPEED)) as camera:
        source = Watched(camera.url)
        source.open()
        pictures, has_decoder = [], []
        for picture in source.pictures():
            pictures.append(picture)
            time.sleep(0.15)  # some packets arrive before the frames are wanted
            source.is_wanted = len(pictures) in range(2, 8)
            has_decoder.append(source.has_decoder)
        source.close()

    assert seconds_of(pictures)[:2] == [0.0, 1.0]
    first, *following = seconds_of(pictures)[2:8]
    assert 1.0 < first < 2.0
    assert following == pytest.approx([first + number / 10 for number in range(1, 6)])
    assert not any(picture.is_corrupt for picture in pictures)
    assert set(seconds_of(pictures)[8:]) <= {2.0, 3.0}
    assert has_decoder == [False] * 2 + [True] * 6 + [False] * (len(pictures) - 8)


class Counted(RtspSource):
    """Wants frames from the thirtieth packet on, and notes where the pixels of each decoded frame are."""

    def __init__(self, url: str, *, is_analysed: bool) -> None:
        packets = itertools.count()
        demand = FrameDemand(lambda: next(packets) >= 30)
        super().__init__(url, StreamTransport.TCP, LOOPBACK, demand=demand, is_analysed=is_analysed)
        self.places: list[int] = []

    def _decode(self, *arguments: Any, **options: Any) -> list[av.VideoFrame]:
        pictures = super()._decode(*arguments, **options)
        self.places += [picture.planes[0].buffer_ptr for picture in pictures]
        return pictures


@pytest.mark.parametrize("is_analysed", [False, True])
def test_frames_that_are_caught_up_share_the_memory_of_a_few(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_analysed: bool
) -> None:
    """In 1080p, fifty frames have 150 MB."""
    monkeypatch.setattr(StillnessWatch, "is_still", lambda *_: True)
    clip = load_clip(make_clip(tmp_path / "clip.mp4", keyframe_every=40))
    with misbehaving_camera(Script(clip=clip, once=True, speed=SPEED)) as camera:
        source = Counted(camera.url, is_analysed=is_analysed)
        source.open()
        pictures = []
        for picture in source.frames():
            pictures.append(round(picture.time or 0.0, 1))
            if len(pictures) == 3:
                break
        source.close()

    assert pictures[0] == 0.0
    assert pictures[1:] == pytest.approx([3.0, 3.1])
    assert len(source.places) >= 31
    assert len(set(source.places)) <= 6


def test_another_size_is_noticed(clip: Clip, tmp_path: Path) -> None:
    other = load_clip(make_clip(tmp_path / "other.mp4", size=(640, 352), seed=2))
    with misbehaving_camera(Script(clip=clip, then_clip=other, then_after_seconds=3.0, speed=SPEED)) as camera:
        source = Watched(camera.url)
        opened = source.open()
        sizes = [(opened.width, opened.height)]
        for picture in source.pictures():
            info = source.info()
            assert (info.width, info.height) == (picture.width, picture.height)
            sizes.append((info.width, info.height))
            if len(sizes) == 8:
                break
        source.close()

    assert sizes[0] == sizes[1] == (320, 192)
    assert sizes[-1] == (640, 352)


def test_an_encoder_that_refreshes_frames_gradually(tmp_path: Path) -> None:
    """Its keyframes hold no whole frame."""
    options = {"x264-params": "intra-refresh=1:keyint=10"}
    clip = load_clip(make_clip(tmp_path / "clip.mp4", options=options))
    with misbehaving_camera(Script(clip=clip, once=True, speed=SPEED)) as camera:
        source = Watched(camera.url)
        source.open()
        pictures = list(source.pictures())
        source.close()

    assert len(pictures) >= 15


def test_frames_above_the_limit_are_refused(clip: Clip, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cctv.streams.temporary_decoder.MAX_PIXELS", 320 * 192)
    other = load_clip(make_clip(tmp_path / "other.mp4", size=(640, 352), seed=2))
    with misbehaving_camera(Script(clip=clip, then_clip=other, then_after_seconds=3.0, speed=SPEED)) as camera:
        source = Watched(camera.url)
        source.open()
        with pytest.raises(StreamFault, match="above the limit of") as caught:
            list(source.frames())
        source.close()

    assert caught.value.reason is Reason.STREAM_UNSUPPORTED
