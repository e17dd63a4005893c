"""The audio of a recording: AAC without gaps, on the timeline of its video. AAC is copied, all else becomes AAC.

A browser that plays a file with both stalls where one of them is missing. So silence fills every gap, packets that
cannot be decoded are omitted, and packets that come too late are dropped.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

import av
import numpy as np

from cctv.clips.audio import (
    AAC_SAMPLES,
    LIBAV_ERRORS,
    MOST_BROKEN_SHARE,
    SAME_CLOCK_SECONDS,
    SNAP_SECONDS,
    AudioDecoder,
    AudioError,
    AudioFormat,
    AudioPacket,
    Samples,
    aac_encoder,
    layout_of,
)
from cctv.clips.packet_buffer import Packet
from cctv.recording.timeline import TICKS_PER_SECOND, Placed

WAIT_SECONDS = 1.0
"""How long a recording waits for the audio of its video: cameras buffer audio for longer before they send it."""
_LATE_SECONDS = 0.5
"""Arrivals of packets without usable timestamps may deviate by this."""
_JUDGED_PACKETS = 50
_MOST_PACKETS = 1000
_LOW_COMPLEXITY = 2
"""The audio object type (ISO/IEC 14496-3, table 1.17) that every browser plays: the only one that is copied."""


@dataclass(frozen=True, slots=True)
class Sound:
    """A packet to write: when it begins, in samples since 1970, and its duration in samples."""

    at: int
    samples: int
    data: bytes


@dataclass(frozen=True, slots=True)
class _Due:
    """A packet of AAC, and when it should begin, in seconds since 1970; up to `slack_seconds` is jitter."""

    at: float
    slack_seconds: float
    data: bytes


class SoundTrack:
    """The audio of one connection. `format`: that of what is written. Raises AudioError if it cannot be AAC."""

    def __init__(self, audio_format: AudioFormat) -> None:
        self._decoder = AudioDecoder(audio_format)
        self._transcoder: _Transcoder | None = None
        self.format = audio_format
        if audio_format.codec != "aac" or audio_format.extradata[0] >> 3 != _LOW_COMPLEXITY:
            self._transcoder = _Transcoder(audio_format)
            self.format = self._transcoder.format
        self._samples = AAC_SAMPLES
        self._due: deque[_Due] = deque(maxlen=_MOST_PACKETS)
        self._next: int | None = None
        self._expected: float | None = None
        self._packets = self._broken = 0

    @property
    def problem(self) -> str:
        """Return why there is only silence; empty if there is audio."""
        is_broken = self._packets >= _JUDGED_PACKETS and self._broken > self._packets * MOST_BROKEN_SHARE
        return "most of its audio packets cannot be decoded" if is_broken else ""

    def add(self, packet: AudioPacket, video: Packet, placed: Placed) -> None:
        """Take a packet. `video` and `placed`: the video packet before it, and its times."""
        self._packets += 1
        decoded = self._decoder.decode(packet.data)
        if decoded is None:
            self._broken += 1
            return
        samples, seconds = decoded
        at, slack_seconds = self._time_of(packet, video, placed)
        self._expected = at + seconds
        if self._transcoder is None:
            self._samples = round(seconds * self.format.sample_rate)
            self._due.append(_Due(at, slack_seconds, packet.data))
        else:
            self._due += [_Due(begin, slack_seconds, data) for begin, data in self._transcoder.encode(samples, at)]

    def begin(self, seconds: float) -> None:
        """Begin a segment at that time of the day: where the last one has ended, or after a gap."""
        start = round(seconds * self.format.sample_rate)
        if self._next is None or abs(self._next - start) > self._samples:
            self._next = start
            while self._due and self._due[0].at < seconds:
                self._due.popleft()

    def until(self, seconds: float) -> Iterator[Sound]:
        """Yield what follows up to that time of the day, to the nearest packet. `begin` comes first."""
        end = round(seconds * self.format.sample_rate)
        while self._next is not None and self._next + self._samples // 2 < end:
            sound = self._following(self._next)
            self._next = sound.at + sound.samples
            yield sound

    def _following(self, begin: int) -> Sound:
        """Return the packet that is due at that time, or silence until the next one."""
        rate, length = self.format.sample_rate, self._samples
        while self._due:
            due = self._due[0]
            early = due.at - begin / rate
            if early > due.slack_seconds:
                length = min(length, round(early * rate))
                break
            self._due.popleft()
            if early >= -due.slack_seconds:
                return Sound(begin, self._samples, due.data)
        return Sound(begin, length, _silence(rate * AAC_SAMPLES // self._samples, self.format.channels))

    def _time_of(self, packet: AudioPacket, video: Packet, placed: Placed) -> tuple[float, float]:
        """Return the packet's time of the day, and how much of a deviation is jitter.

        The timestamps count if they are on the clock of the video's, as RTCP aligns them; else the arrival does.
        """
        by_arrival = placed.seconds + packet.received_at - video.received_at
        if packet.pts is None or video.pts is None:
            return by_arrival, _LATE_SECONDS
        by_clock = placed.pts / TICKS_PER_SECOND + packet.pts - video.pts
        others = by_arrival, by_arrival if self._expected is None else self._expected
        if any(abs(by_clock - other) <= SAME_CLOCK_SECONDS for other in others):
            return by_clock, SNAP_SECONDS
        return by_arrival, _LATE_SECONDS


class _Transcoder:
    """Makes AAC of the samples of a connection."""

    def __init__(self, audio_format: AudioFormat) -> None:
        rate, channels = audio_format.sample_rate, audio_format.channels
        self._encoder = aac_encoder(rate, channels)
        try:
            self._encoder.open()
        except LIBAV_ERRORS:
            raise AudioError(
                f"audio of {rate} Hz and {channels} channels cannot become AAC; set the camera's audio codec to AAC"
            ) from None
        self.format = AudioFormat("aac", rate, channels, self._encoder.extradata or b"")
        self._rest: Samples = np.zeros((channels, 0), np.float32)
        self._rest_at = 0.0
        self._encoded = 0
        self._times: deque[float] = deque()

    def encode(self, samples: Samples, at: float) -> Iterator[tuple[float, bytes]]:
        """Yield the packets that become complete, with their times. `at`: when the samples begin, in seconds."""
        rate, waiting = self.format.sample_rate, self._rest.shape[1]
        if not waiting or abs(at - self._rest_at - waiting / rate) > SNAP_SECONDS:
            self._rest_at = at - waiting / rate
        if not self._encoded and not self._times:
            self._times.append(self._rest_at - AAC_SAMPLES / rate)  # of the silence that the encoder begins with
        self._rest = np.concatenate([self._rest, samples], axis=1)
        while self._rest.shape[1] >= AAC_SAMPLES:
            frame = _frame(self._rest[:, :AAC_SAMPLES], self.format, self._encoded)
            self._times.append(self._rest_at)
            self._rest, self._rest_at = self._rest[:, AAC_SAMPLES:], self._rest_at + AAC_SAMPLES / rate
            self._encoded += AAC_SAMPLES
            for packet in self._encoder.encode(frame):
                yield self._times.popleft(), bytes(packet)


def _frame(samples: Samples, audio_format: AudioFormat, pts: int) -> av.AudioFrame:
    layout = layout_of(audio_format.channels)
    frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples), format="fltp", layout=layout)
    frame.sample_rate, frame.pts, frame.time_base = (
        audio_format.sample_rate,
        pts,
        Fraction(1, audio_format.sample_rate),
    )
    return frame


@lru_cache(maxsize=32)
def _silence(sample_rate: int, channels: int) -> bytes:
    """Return a packet of AAC with silence."""
    encoder = aac_encoder(sample_rate, channels)
    audio_format = AudioFormat("aac", sample_rate, channels)
    silent = np.zeros((channels, AAC_SAMPLES), np.float32)
    packets = [
        packet for number in range(4) for packet in encoder.encode(_frame(silent, audio_format, number * AAC_SAMPLES))
    ]
    return bytes(packets[-1])
