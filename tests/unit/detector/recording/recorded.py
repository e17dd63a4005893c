"""Play a clip into a recorder as a camera sends it, on clocks that the test moves."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import av
from tests.integration.services.made_clips import as_stream

from cctv.clips.audio import AudioFormat, AudioPacket, format_of
from cctv.clips.packet_buffer import Packet
from cctv.clips.parameter_sets import ParameterSets
from cctv.recording.recorder import SegmentRecorder
from cctv.recording.spool import RecordingSpool
from vigil_contracts.recording import RecordingSettings

BEGIN = 1_796_000_000.0
"""The time of day at which the test begins, in seconds since 1970."""


class Clocks:
    """Wall clock and monotonic clock, moved together."""

    def __init__(self) -> None:
        self.passed = 0.0

    def wall(self) -> float:
        return BEGIN + self.passed

    def monotonic(self) -> float:
        return 1000.0 + self.passed


def recorder_on(
    folder: Path, clocks: Clocks, max_bytes: int = 10**9, camera_id: int = 7, **settings: object
) -> SegmentRecorder:
    spool = RecordingSpool(folder, lambda: max_bytes)
    chosen = RecordingSettings.model_validate({"mode": "continuous", **settings})
    recorder = SegmentRecorder(camera_id, chosen, spool, wall_clock=clocks.wall, monotonic=clocks.monotonic)
    recorder.test_spool = spool  # type: ignore[attr-defined]
    return recorder


def spool_of(recorder: SegmentRecorder) -> RecordingSpool:
    return recorder.test_spool  # type: ignore[attr-defined, no-any-return]


def packets_of(clip: Path, codec: str = "h264") -> Iterator[Packet]:
    """Yield the clip's packets with times from 0."""
    sets = ParameterSets(codec)
    with av.open(as_stream(clip), "r") as container:
        zero: float | None = None
        for one in container.demux(video=0):
            if not one.size or one.pts is None or one.dts is None:
                continue
            pts, dts = float(one.pts * one.time_base), float(one.dts * one.time_base)
            zero = dts if zero is None else zero
            sets.update(bytes(one))
            yield Packet(bytes(one), pts - zero, dts - zero, one.is_keyframe, dts - zero, sets.joined())


def audio_of(clip: Path) -> tuple[AudioFormat, list[AudioPacket]]:
    """Return the clip's audio as RTP brings it: at most 0.1 s in a packet."""
    with av.open(str(clip)) as file:
        stream = file.streams.audio[0]
        audio_format, found = format_of(stream), []
        for one in file.demux(stream):
            if one.size and one.pts is not None:
                at, data = float(one.pts * one.time_base), bytes(one)
                if stream.codec_context.name.startswith("pcm"):
                    step = audio_format.sample_rate // 10
                    found += [
                        AudioPacket(data[n : n + step], at + n / audio_format.sample_rate, at)
                        for n in range(0, len(data), step)
                    ]
                else:
                    found.append(AudioPacket(data, at, at))
        return audio_format, [replace(one, received_at=one.pts or 0.0) for one in found]


def play(
    clip: Path,
    recorder: SegmentRecorder,
    clocks: Clocks,
    codec: str = "h264",
    each: Callable[[float], object] = float,
) -> None:
    """Play the clip as one connection. `each` is called with the seconds from its begin, before each packet."""
    feed = recorder.feed(codec, None, None)
    assert feed is not None
    began = clocks.passed
    for packet in packets_of(clip, codec):
        clocks.passed = began + packet.received_at
        each(packet.received_at)
        feed.take(Packet(packet.data, packet.pts, packet.dts, packet.is_keyframe, clocks.monotonic(), packet.headers))
    feed.end()
