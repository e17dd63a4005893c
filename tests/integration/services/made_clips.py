"""Small clips made on the spot: a noisy picture on which a bright square moves."""

import io
import time
from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path
from typing import cast

import av
import numpy as np

from cctv.clips.recorder import ClipLimits, ClipRecorder


def make_clip(
    path: Path,
    *,
    seconds: float = 4.0,
    rate: int = 10,
    size: tuple[int, int] = (320, 192),
    keyframe_every: int = 10,
    codec: str = "libx264",
    seed: int = 1,
    options: Mapping[str, str] | None = None,
) -> Path:
    """Writes a clip (MP4) and returns its path. `size`: width and height in pixels. `options`: of the encoder."""
    width, height = size
    random = np.random.default_rng(seed)
    encoding = {"bf": "0", "g": str(keyframe_every), "preset": "ultrafast"}
    if codec == "libx265":
        encoding["x265-params"] = f"bframes=0:keyint={keyframe_every}:log-level=none"
    encoding |= options or {}
    with av.open(str(path), "w") as output:
        stream = cast(
            "av.VideoStream", output.add_stream(codec, rate=rate, options={} if codec == "mjpeg" else encoding)
        )
        stream.width, stream.height = width, height
        stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
        for number in range(round(seconds * rate)):
            picture = random.integers(0, 40, (height, width, 3), dtype=np.uint8)
            left = 8 * number % (width - 64)
            picture[40:104, left : left + 64] = 220
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, rate)
            output.mux(stream.encode(frame))
        output.mux(stream.encode())
    return path


def as_stream(clip: Path) -> io.BytesIO:
    """The clip as packets come from a camera: an Annex B byte stream, here in an MPEG transport stream."""
    stream = io.BytesIO()
    with av.open(str(clip)) as file, av.open(stream, "w", format="mpegts") as output:
        written = output.add_stream_from_template(file.streams.video[0])
        for packet in file.demux(video=0):
            if packet.size:
                packet.stream = written
                output.mux(packet)
    stream.seek(0)
    return stream


def recorded(clip: Path, *, skip_keyframes: int = 0) -> bytes:
    """The clip as a detector cuts it from a stream's packets for an event: another MP4 than a file's.

    `skip_keyframes`: the detector joins the stream so many keyframes later.
    """
    made: list[bytes] = []
    recorder = ClipRecorder(1, ClipLimits(30.0, 30.0), lambda _, content: made.append(content))
    with av.open(as_stream(clip), "r") as container:
        context = container.streams.video[0].codec_context
        recording = recorder.recording(context.name, context.extradata)
        assert recording is not None, "of this codec there are no clips"
        keyframes = 0
        for packet in container.demux(video=0):
            keyframes += packet.is_keyframe
            if keyframes > skip_keyframes:
                recording.add(packet)
        recorder.want("event-0001", time.monotonic())
        recording.end()
    (content,) = made
    return content
