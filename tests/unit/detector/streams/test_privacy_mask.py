"""Masked frames and the video that is encoded from them."""

import io
from pathlib import Path

import av
import numpy as np
import pytest
from tests.integration.services.made_clips import make_clip

from cctv.clips.mp4 import mux
from cctv.clips.packet_buffer import Packet
from cctv.clips.parameter_sets import ParameterSets
from cctv.common.frame import Image
from cctv.streams.masked_video import MaskedVideo, encoder_name
from cctv.streams.privacy_mask import PrivacyMask

MASK = ((0.25, 0.25), (0.75, 0.25), (0.75, 0.75), (0.25, 0.75))
FORMATS = ("yuv420p", "yuvj420p", "yuv422p", "yuv444p", "yuv420p10le", "nv12", "p010le", "gray", "bgr24", "pal8")


def grey(frame: av.VideoFrame) -> Image:
    return np.asarray(frame.to_ndarray(format="gray"), np.uint8)


def white_frame(pixel_format: str, width: int = 64, height: int = 48) -> av.VideoFrame:
    source = av.VideoFrame.from_ndarray(np.full((height, width, 3), 235, np.uint8), format="rgb24")
    return source if pixel_format == "pal8" else source.reformat(format=pixel_format)


@pytest.mark.parametrize("pixel_format", FORMATS)
def test_masked_pixels_are_black_in_every_pixel_format(pixel_format: str) -> None:
    masked = PrivacyMask([MASK]).apply(white_frame(pixel_format))
    rgb = masked.to_ndarray(format="rgb24")
    assert rgb[12:36, 16:48].max() < 25
    assert rgb[:8].min() > 200
    assert rgb[:, :12].min() > 200


def test_the_times_and_marks_of_a_frame_stay(tmp_path: Path) -> None:
    with av.open(str(make_clip(tmp_path / "a.mp4", seconds=1))) as file:
        frames = list(file.decode(video=0))
    before = [(one.pts, one.time_base, one.key_frame, one.is_corrupt, one.colorspace) for one in frames]
    mask = PrivacyMask([MASK])
    after = [mask.apply(one) for one in frames]
    assert [(one.pts, one.time_base, one.key_frame, one.is_corrupt, one.colorspace) for one in after] == before


def test_the_decoder_predicts_from_unmasked_frames(tmp_path: Path) -> None:
    """The next frames refer to the decoder's own copy; a mask in it would spread with the motion."""
    clip = make_clip(tmp_path / "a.mp4", seconds=2, keyframe_every=100)
    with av.open(str(clip)) as file:
        plain = [grey(one) for one in file.decode(video=0)]
    mask = PrivacyMask([((0.0, 0.0), (0.3, 0.0), (0.3, 1.0), (0.0, 1.0))])
    with av.open(str(clip)) as file:
        masked = [grey(mask.apply(one)) for one in file.decode(video=0)]
    assert all(one[:, :90].max() < 25 for one in masked)
    assert all((one[:, 104:] == other[:, 104:]).all() for one, other in zip(plain, masked, strict=True))


def test_a_change_of_size_is_followed() -> None:
    mask = PrivacyMask([MASK])
    for size in ((64, 48), (321, 241), (64, 48)):
        width, height = size
        shown = grey(mask.apply(white_frame("yuv420p", *size)))
        assert shown[height // 4 : 3 * height // 4, width // 4 : 3 * width // 4].max() < 25


def encode(clip: Path) -> tuple[list[Packet], list[av.VideoFrame]]:
    name = encoder_name()
    assert name is not None
    video, mask, sets = MaskedVideo(name), PrivacyMask([MASK]), ParameterSets("h264", None)
    packets: list[Packet] = []
    with av.open(str(clip)) as file:
        frames = list(file.decode(video=0))
    for frame in frames:
        for one in video.encode(mask.apply(frame)):
            data = bytes(one)
            sets.update(data)
            base = one.time_base
            assert one.pts is not None
            assert one.dts is not None
            at = float(one.pts * base), float(one.dts * base)
            packets.append(Packet(data, *at, one.is_keyframe, at[0], sets.joined()))
    return packets, frames


def test_each_frame_becomes_one_packet_with_its_time(tmp_path: Path) -> None:
    packets, frames = encode(make_clip(tmp_path / "a.mp4", seconds=5, options={"bf": "2"}))
    assert len(packets) == 50 == len(frames)
    assert [one.pts for one in packets] == pytest.approx([one.time for one in frames], abs=0.001)
    keys = [number for number, one in enumerate(packets) if one.is_keyframe]
    assert keys == [0, 20, 40], "a keyframe every two seconds, and none where the camera has one"


def test_stored_video_is_masked(tmp_path: Path) -> None:
    packets, _ = encode(make_clip(tmp_path / "a.mp4", seconds=3))
    content, seconds = mux(packets, "h264")
    assert seconds == pytest.approx(2.9, abs=0.05)
    with av.open(io.BytesIO(content), "r") as file:
        shown = [grey(one) for one in file.decode(video=0)]
    assert len(shown) == 30
    assert max(one[48:144, 80:240].max() for one in shown) < 30
    assert min(one[45:48, :].max() for one in shown) > 200, "the moving object beside the mask is there"


@pytest.mark.parametrize("size", [(320, 192), (321, 193)])
def test_frames_without_sane_times_are_stored(size: tuple[int, int]) -> None:
    name = encoder_name()
    assert name is not None
    video = MaskedVideo(name)
    packets = []
    for pts in (None, 5, 5, 3, None, 10_000_000):
        frame = white_frame("yuv420p", *size)
        frame.pts = pts
        packets += video.encode(frame)
        assert frame.pts == pts
    times = [one.pts or 0 for one in packets]
    assert len(times) == 6
    assert sorted(set(times)) == times
