"""Small generated clips: a bright square that moves over noise."""

import io
import shutil
import time
from collections.abc import Mapping
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import cast

import av
import numpy as np
import numpy.typing as npt
from tests.integration.services.kept_inputs import kept

from cctv.clips.audio import AudioPacket, format_of, make_track
from cctv.clips.mp4 import mux
from cctv.clips.packet_buffer import Packet
from cctv.clips.parameter_sets import ParameterSets
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
    """Write a clip (MP4) and return its path. `size`: width and height in pixels. `options`: of the encoder."""
    encoding = {"bf": "0", "g": str(keyframe_every), "preset": "ultrafast"}
    if codec == "libx265":
        encoding["x265-params"] = f"bframes=0:keyint={keyframe_every}:log-level=none"
    encoding |= options or {}
    return _kept_clip(path, partial(_encode_clip, seconds, rate, size, codec, seed, encoding))


def _kept_clip(path: Path, encode: partial[None]) -> Path:
    """Copy the clip that `encode` writes, which is encoded once for all tests and runs, to the path; return it."""
    name = f"clip{path.suffix}"
    versions = [f"{av.__version__} {encode.func.__name__}{encode.args!r} {name}"]
    folder = kept("made-clips", [Path(__file__)], lambda folder: encode(folder / name), versions=versions)
    shutil.copyfile(folder / name, path)
    return path


def _encode_clip(
    seconds: float,
    rate: int,
    size: tuple[int, int],
    codec: str,
    seed: int,
    encoding: dict[str, str],
    path: Path,
) -> None:
    width, height = size
    random = np.random.default_rng(seed)
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


SIGNALS = (1.0, 3.5, 5.0)
"""When a clip with sound flashes and beeps, in seconds."""
_SIGNAL_SECONDS = 0.3


def make_clip_with_sound(path: Path, audio: str, *, seconds: float = 8.0, sample_rate: int = 8000) -> Path:
    """Write a clip (MP4 or MOV) that flashes and beeps at `SIGNALS`. `audio`: libav's name of the encoder."""
    return _kept_clip(path, partial(_encode_clip_with_sound, audio, seconds, sample_rate))


def _encode_clip_with_sound(audio: str, seconds: float, sample_rate: int, path: Path) -> None:
    with av.open(str(path), "w") as output:
        # One slice per frame: GStreamer's server reorders several slices.
        options = {"bf": "0", "g": "10", "preset": "ultrafast", "threads": "1"}
        video = output.add_stream("libx264", rate=10, options=options)
        video.width, video.height, video.pix_fmt = 320, 192, "yuv420p"
        sound = cast("av.AudioStream", output.add_stream(audio, rate=sample_rate))
        sound.layout = "mono"
        at = np.arange(round(seconds * sample_rate)) / sample_rate
        tone = (np.sin(2 * np.pi * 700 * at) * 20_000 * is_signal(at)).astype(np.int16)
        step = sample_rate // 10
        for number in range(round(seconds * 10)):
            grey = np.full((192, 320, 3), 220 if is_signal(np.array([number / 10 + 0.05]))[0] else 20, np.uint8)
            frame = av.VideoFrame.from_ndarray(grey, format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, 10)
            output.mux(video.encode(frame))
            part = av.AudioFrame.from_ndarray(
                tone[None, number * step : (number + 1) * step], format="s16", layout="mono"
            )
            part.sample_rate, part.pts, part.time_base = sample_rate, number * step, Fraction(1, sample_rate)
            output.mux(sound.encode(part))
        output.mux(video.encode())
        output.mux(sound.encode())


def recorded_with_sound(clip: Path) -> bytes:
    """Return a clip with sound as a detector cuts it: the packets of both as a camera sends them, all at once."""
    with av.open(str(clip), "r") as file:
        stream = file.streams.audio[0]
        audio_format = format_of(stream)
        sound = [
            AudioPacket(bytes(one), float(one.pts * one.time_base), float(one.pts * one.time_base))
            for one in file.demux(stream)
            if one.size and one.pts is not None
        ]
    with av.open(as_stream(clip), "r") as container:
        read = [one for one in container.demux(video=0) if one.size and one.pts is not None]
        zero = float((read[0].pts or 0) * read[0].time_base)
        video: list[Packet] = []
        sets = ParameterSets("h264")
        for one in read:
            at = float((one.pts or 0) * one.time_base) - zero
            sets.update(bytes(one))
            video.append(Packet(bytes(one), at, at, one.is_keyframe, at, sets.joined()))
    return mux(video, "h264", None, lambda shown, seconds: make_track(audio_format, sound, shown, seconds))[0]


def is_signal(seconds: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
    """Return for each moment whether such a clip flashes and beeps."""
    shown = np.zeros(seconds.shape, np.bool_)
    for begin in SIGNALS:
        shown |= (begin <= seconds) & (seconds < begin + _SIGNAL_SECONDS)
    return shown


def signals_of(content: bytes) -> tuple[list[float], list[float]]:
    """Return the moments at which flashes and beeps begin in such a clip, in seconds."""
    with av.open(io.BytesIO(content), "r") as container:
        frames = container.decode(video=0)
        lights = [(frame.time or 0.0, bool(frame.to_ndarray(format="gray").mean() > 100)) for frame in frames]
    with av.open(io.BytesIO(content), "r") as container:
        sounds: list[tuple[float, bool]] = []
        for frame in container.decode(audio=0):
            samples = np.abs(frame.to_ndarray()[0].astype(np.float32))
            if frame.format.name.startswith("s16"):
                samples /= 32_768
            for begin in range(0, len(samples), frame.sample_rate // 100):
                level = samples[begin : begin + frame.sample_rate // 100].max()
                sounds.append((float(frame.time or 0.0) + begin / frame.sample_rate, bool(level > 0.15)))
    return _onsets(lights), _onsets(sounds)


def _onsets(moments: list[tuple[float, bool]]) -> list[float]:
    found: list[float] = []
    last_on = float("-inf")
    for at, is_on in moments:
        if is_on:
            if at - last_on > 0.5:
                found.append(at)
            last_on = at
    return found


def as_stream(clip: Path) -> io.BytesIO:
    """Return the clip as a camera's packets: an Annex B byte stream, here in an MPEG transport stream."""
    stream = io.BytesIO()
    with av.open(str(clip)) as file, av.open(stream, "w", format="mpegts") as output:
        written = output.add_stream_from_template(file.streams.video[0])
        for packet in file.demux(video=0):
            if packet.size:
                packet.stream = written
                output.mux(packet)
    stream.seek(0)
    return stream


def recorded(clip: Path, *, skip_keyframes: int = 0, display_aspect: Fraction | None = None) -> bytes:
    """Return the clip as a detector cuts it from a stream's packets for an event.

    `skip_keyframes`: the detector joins the stream this many keyframes later. `display_aspect`: as a camera's
    settings.
    """
    made: list[bytes] = []
    recorder = ClipRecorder(1, ClipLimits(30.0, 30.0), lambda _, content: made.append(content))
    with av.open(as_stream(clip), "r") as container:
        context = container.streams.video[0].codec_context
        recording = recorder.recording(context.name, context.extradata, display_aspect)
        assert recording is not None, "of this codec there are no clips"
        keyframes = 0
        for packet in container.demux(video=0):
            keyframes += packet.is_keyframe
            if keyframes > skip_keyframes:
                recording.add(packet)
        recorder.request("event-0001", time.monotonic())
        recording.end()
    (content,) = made
    return content
