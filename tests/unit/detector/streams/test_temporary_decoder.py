"""Decoders that a stream uses for one keyframe, or for a while."""

from pathlib import Path
from typing import TypeAlias, cast

import av
import av.error
import numpy as np
import pytest
from tests.integration.services.made_clips import make_clip

from cctv.streams.temporary_decoder import Shape, TemporaryDecoder, configure

CODECS = {"h264": "libx264", "hevc": "libx265", "mjpeg": "mjpeg"}


VideoPacket: TypeAlias = "av.Packet[av.VideoStream]"


def opened(path: Path) -> tuple[av.VideoCodecContext, list[VideoPacket]]:
    """Return the decoder of a clip's video, and its keyframes."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        packets = [packet for packet in container.demux(stream) if packet.is_keyframe and packet.size]
        own = cast("av.VideoCodecContext", av.CodecContext.create(stream.codec_context.codec, "r"))
        own.extradata = stream.codec_context.extradata
        configure(own)
        return own, packets


@pytest.mark.parametrize("codec", CODECS)
def test_the_frame_is_that_of_the_streams_decoder(tmp_path: Path, codec: str) -> None:
    own, keyframes = opened(make_clip(tmp_path / "clip.mp4", codec=CODECS[codec]))

    for keyframe in keyframes[:3]:
        expected = [*own.decode(keyframe)]
        decoder = TemporaryDecoder(own)
        (found,) = decoder.decode(keyframe, is_alone=True)
        expected += [] if expected else [*own.decode(None)]
        own.flush_buffers()

        assert np.array_equal(found.to_ndarray(), expected[0].to_ndarray())
        assert keyframe.pts is not None
        assert found.time == pytest.approx(float(keyframe.pts * keyframe.time_base))
        assert (decoder.shape.width, decoder.shape.height) == (320, 192)
        assert (decoder.shape.pixel_aspect or 1) == (Shape.of(own).pixel_aspect or 1)


@pytest.mark.parametrize("options", [{"bf": "3"}, {"bf": "3", "x264-params": "open-gop=1"}])
def test_frames_in_another_order_than_their_packets(tmp_path: Path, options: dict[str, str]) -> None:
    own, keyframes = opened(make_clip(tmp_path / "clip.mp4", options=options))

    assert all(len(TemporaryDecoder(own).decode(keyframe, is_alone=True)) == 1 for keyframe in keyframes)


def test_an_encoder_that_refreshes_frames_gradually_needs_all_packets(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "clip.mp4", options={"x264-params": "intra-refresh=1:keyint=10"})
    own, keyframes = opened(path)
    decoder = TemporaryDecoder(own)

    assert decoder.decode(keyframes[-1], is_alone=True) == []


def test_a_damaged_keyframe_is_an_error_of_its_own(tmp_path: Path) -> None:
    own, (keyframe, *_) = opened(make_clip(tmp_path / "clip.mp4"))
    damaged = cast("VideoPacket", av.Packet(b"\xff" * keyframe.size))
    decoder = TemporaryDecoder(own)

    with pytest.raises(av.error.InvalidDataError):
        decoder.decode(damaged, is_alone=True)


def test_too_large_frames_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own, (keyframe, *_) = opened(make_clip(tmp_path / "clip.mp4"))
    monkeypatch.setattr("cctv.streams.temporary_decoder.MAX_PIXELS", 320 * 192 - 1)
    decoder = TemporaryDecoder(own)

    with pytest.raises((av.error.FFmpegError, ValueError)):
        decoder.decode(keyframe, is_alone=True)
