"""Audio of clips: AAC and Opus unchanged, G.711 and other telephony codecs as AAC, synchronised with the video.

Cameras send damaged audio in many ways, and a browser stops a clip at the first packet that it cannot decode. So
every packet is decoded once here. Undecodable packets are omitted, and a clip whose audio is mostly damaged has none.
"""

import contextlib
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from statistics import median
from typing import Self, cast

import av
import av.error
import numpy as np
import numpy.typing as npt

from cctv.clips.packet_buffer import Packet

COPIED = frozenset({"aac", "opus"})
"""Codecs that browsers play from an MP4."""
_TRANSCODED = frozenset({"pcm_mulaw", "pcm_alaw", "pcm_s16be", "adpcm_g722", "adpcm_g726", "adpcm_g726le"})
_MOST_CHANNELS = 8
SAME_CLOCK_SECONDS = 0.3
"""If timestamps and arrival times of the audio differ by less, the timestamps are correct: libav has aligned audio
and video by RTCP, and the rest is the delay of the camera's encoders."""
SNAP_SECONDS = 0.04
"""Deviations below this are jitter of timestamps; a lost packet leaves a longer gap."""
MOST_BROKEN_SHARE = 0.5
_BIT_RATE_PER_CHANNEL = 32_000
_OPUS_RATE = 48_000
AAC_SAMPLES = 1024
LIBAV_ERRORS = (av.error.FFmpegError, ValueError)

Samples = npt.NDArray[np.float32]
"""(channels, samples), -1 to 1."""


class AudioError(ValueError):
    """The audio cannot be stored; the message says why."""


@dataclass(frozen=True, slots=True)
class AudioFormat:
    """How a stream's audio is encoded. `codec`: libav's name; `extradata`: the decoder's initial data."""

    codec: str
    sample_rate: int
    channels: int
    extradata: bytes = b""


@dataclass(frozen=True, slots=True)
class AudioPacket:
    """One packet as received; `pts` in seconds of the stream, `received_at` on the monotonic clock."""

    data: bytes
    pts: float | None
    received_at: float

    @classmethod
    def copy(cls, packet: "av.Packet[av.AudioStream]", received_at: float) -> Self:
        """Return a copy of libav's packet."""
        pts = float(packet.pts * packet.time_base) if packet.pts is not None and packet.time_base else None
        return cls(bytes(packet), pts, received_at)


@dataclass(frozen=True, slots=True)
class ShownPacket:
    """A video packet of a clip and its presentation time in the clip, in seconds."""

    at: float
    packet: Packet


@dataclass(frozen=True, slots=True)
class AudioTrack:
    """A clip's audio, ready to be written. `packets`: each with its time in samples from the first video frame."""

    format: AudioFormat
    packets: tuple[tuple[int, bytes], ...]


@dataclass(frozen=True, slots=True)
class _Decoded:
    packet: AudioPacket
    samples: Samples
    seconds: float


def format_of(stream: "av.AudioStream") -> AudioFormat:
    """Return the format of a stream's audio. Raises AudioError if it cannot be stored."""
    context = stream.codec_context
    codec = context.codec.canonical_name
    channels = context.layout.nb_channels
    if codec not in COPIED | _TRANSCODED:
        raise AudioError(f"audio codec {codec!r} cannot be stored; set the camera's audio codec to AAC or G.711")
    if codec == "opus":
        return AudioFormat(codec, _OPUS_RATE, min(channels, 2) or 2, _opus_head(min(channels, 2) or 2))
    if not context.sample_rate or not 0 < channels <= _MOST_CHANNELS:
        raise AudioError("the camera does not declare the sample rate or the channels of its audio")
    if codec == "aac" and not context.extradata:
        raise AudioError("the camera does not declare the configuration of its AAC audio (config in the SDP)")
    return AudioFormat(codec, context.sample_rate, channels, context.extradata or b"")


class AudioBuffer:
    """The audio of a connection's last seconds, at most `max_bytes`. Not thread-safe."""

    def __init__(self, audio_format: AudioFormat, max_bytes: int) -> None:
        self.format, self.max_bytes = audio_format, max_bytes
        self._size_bytes = 0
        self._packets: deque[AudioPacket] = deque()

    def add(self, packet: AudioPacket) -> None:
        """Store the packet; drop the oldest ones if there is no space."""
        self._packets.append(packet)
        self._size_bytes += len(packet.data)
        while self._size_bytes > self.max_bytes:
            self._drop_oldest()

    def forget_before(self, received_at: float) -> None:
        """Drop the packets received before that."""
        while self._packets and self._packets[0].received_at < received_at:
            self._drop_oldest()

    def packets(self) -> list[AudioPacket]:
        """Return all packets, oldest first."""
        return list(self._packets)

    def _drop_oldest(self) -> None:
        self._size_bytes -= len(self._packets.popleft().data)


def make_track(
    audio_format: AudioFormat, packets: list[AudioPacket], video: list[ShownPacket], seconds: float
) -> AudioTrack | None:
    """Return the audio of a clip; None if there is none at that time.

    `seconds`: the duration of the clip. Raises AudioError if the audio cannot be decoded.
    """
    decoded = _decode(audio_format, packets)
    placed = [(at, one) for at, one in _positions(decoded, video) if at > -one.seconds and at < seconds]
    if not placed:
        return None
    if audio_format.codec not in COPIED:
        return _encode(audio_format, placed, seconds)
    rate = audio_format.sample_rate
    kept = [(round(at * rate), one.packet.data) for at, one in placed if at >= 0 and at + one.seconds <= seconds]
    return AudioTrack(audio_format, tuple(kept)) if kept else None


class AudioDecoder:
    """Decodes the packets of one format, each on its own."""

    def __init__(self, audio_format: AudioFormat) -> None:
        context = cast("av.AudioCodecContext", av.CodecContext.create(audio_format.codec, "r"))
        context.sample_rate = audio_format.sample_rate
        context.layout = layout_of(audio_format.channels)
        if audio_format.extradata:
            context.extradata = audio_format.extradata
        self._context = context
        self._resampler = av.AudioResampler(
            format="fltp", layout=layout_of(audio_format.channels), rate=audio_format.sample_rate
        )

    def decode(self, data: bytes) -> tuple[Samples, float] | None:
        """Return a packet's samples and its duration in seconds; None if it is damaged."""
        with contextlib.suppress(*LIBAV_ERRORS):
            frames = self._context.decode(av.Packet(data))
            parts = [part.to_ndarray() for frame in frames for part in self._resampler.resample(_without_pts(frame))]
            if parts:
                joined = np.concatenate(parts, axis=1, dtype=np.float32)
                return joined, sum(one.samples / one.sample_rate for one in frames)
        return None


def aac_encoder(sample_rate: int, channels: int) -> "av.AudioCodecContext":
    """Return an encoder of AAC for speech. It takes `AAC_SAMPLES` at a time and begins with as many of silence."""
    encoder = av.CodecContext.create("aac", "w")
    encoder.sample_rate, encoder.layout, encoder.format = sample_rate, layout_of(channels), "fltp"
    encoder.bit_rate, encoder.time_base = _BIT_RATE_PER_CHANNEL * channels, Fraction(1, sample_rate)
    encoder.flags |= 1 << 22  # AV_CODEC_FLAG_GLOBAL_HEADER: store the configuration outside the packets
    return encoder


def _decode(audio_format: AudioFormat, packets: list[AudioPacket]) -> list[_Decoded]:
    decoder = AudioDecoder(audio_format)
    decoded = [_Decoded(packet, *found) for packet in packets if (found := decoder.decode(packet.data)) is not None]
    if packets and len(decoded) < len(packets) * MOST_BROKEN_SHARE:
        raise AudioError(f"{len(packets) - len(decoded)} of {len(packets)} audio packets cannot be decoded")
    return decoded


def _without_pts(frame: av.AudioFrame) -> av.AudioFrame:
    frame.pts = None  # packets are decoded individually, so the resampler must not track the time
    return frame


def _positions(decoded: list[_Decoded], video: list[ShownPacket]) -> Iterator[tuple[float, _Decoded]]:
    """Yield each packet's playback time, in seconds from the first video frame; packets do not overlap."""
    end: float | None = None
    for at, one in zip(_raw_positions(decoded, video), decoded, strict=True):
        begin = at if end is None or at - end > SNAP_SECONDS else end
        end = begin + one.seconds
        yield begin, one


def _raw_positions(decoded: list[_Decoded], video: list[ShownPacket]) -> list[float]:
    """Return the packets' times by the stream's timestamps, or by their arrival if the timestamps are unusable."""
    if not decoded or not video:
        return []
    times = _sane_times([one.packet for one in decoded])
    if times is None:
        since = [float(each) for each in np.cumsum([0.0, *(one.seconds for one in decoded[:-1])])]
    else:
        since = [time - times[0] for time in times]
    # Packets arrive late and in bursts, never early: the earliest one determines the start.
    video_began = min(one.packet.received_at - one.at for one in video)
    began = min(one.packet.received_at - at for one, at in zip(decoded, since, strict=True)) - video_began
    zeros = [one.packet.pts - one.at for one in video if one.packet.pts is not None]
    if times is not None and zeros and abs(times[0] - median(zeros) - began) <= SAME_CLOCK_SECONDS:
        began = times[0] - median(zeros)
    return [began + at for at in since]


def _sane_times(packets: list[AudioPacket]) -> list[float] | None:
    """Return the packets' timestamps; None if one is missing or they do not advance as the packets arrive."""
    times = [packet.pts for packet in packets if packet.pts is not None]
    if len(times) < len(packets):
        return None
    elapsed, advance = packets[-1].received_at - packets[0].received_at, times[-1] - times[0]
    steps_back = any(later < earlier for earlier, later in pairwise(times))
    return None if steps_back or abs(elapsed - advance) > max(1.0, 0.2 * elapsed) else times


def _encode(audio_format: AudioFormat, placed: list[tuple[float, _Decoded]], seconds: float) -> AudioTrack:
    """Return the audio as AAC, with silence in the gaps."""
    rate = audio_format.sample_rate
    # Use whole encoder frames: the encoder pads the last one, so the audio would be longer than the video.
    length = max(1, round(seconds * rate / AAC_SAMPLES)) * AAC_SAMPLES
    whole = np.zeros((audio_format.channels, length), np.float32)
    for at, one in placed:
        begin = round(at * rate)
        part = one.samples[:, max(0, -begin) :][:, : max(0, whole.shape[1] - max(0, begin))]
        whole[:, max(0, begin) : max(0, begin) + part.shape[1]] = part
    encoder = aac_encoder(rate, audio_format.channels)
    frame = av.AudioFrame.from_ndarray(whole, format="fltp", layout=layout_of(audio_format.channels))
    frame.sample_rate, frame.pts, frame.time_base = rate, 0, Fraction(1, rate)
    resampler = av.AudioResampler(format="fltp", layout=frame.layout, rate=rate, frame_size=AAC_SAMPLES)
    frames = [*resampler.resample(frame), *resampler.resample(None)]
    packets = [packet for one in [*frames, None] for packet in encoder.encode(one)]
    made = AudioFormat("aac", rate, audio_format.channels, encoder.extradata or b"")
    return AudioTrack(made, tuple((cast("int", packet.pts), bytes(packet)) for packet in packets))


def layout_of(channels: int) -> str:
    """Return libav's name for a channel layout."""
    return {1: "mono", 2: "stereo"}.get(channels, f"{channels} channels")


def _opus_head(channels: int) -> bytes:
    """Return the identification header (RFC 7845, section 5.1), which RTP does not carry."""
    return (
        b"OpusHead"
        + bytes((1, channels))
        + (0).to_bytes(2, "little")  # pre-skip
        + _OPUS_RATE.to_bytes(4, "little")
        + (0).to_bytes(2, "little")  # output gain
        + bytes((0,))  # mono or stereo
    )
