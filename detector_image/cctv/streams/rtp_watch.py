"""Observe the video that passes the gate: time of the last packet, and the actual codec.

Only interleaved packets (RFC 2326 section 10.12) pass the gate. With UDP transport nothing is known here.
"""

import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator

_SAMPLED_PACKETS = 500
"""Packets that are searched for the codec; later packets pass without inspection."""
_RTCP_TYPES = range(192, 224)
"""Distinguishes control packets from media packets (RFC 5761, section 4)."""
_H264_PROFILES = frozenset({66, 77, 88, 100, 110, 122, 144, 244})
_H264_SPS, _H264_STAP_A, _H264_FU_A = 7, 24, 28
_H264_SLICES = frozenset({1, 5})
_H265_PARAMETERS_AND_UNITS = frozenset({32, 33, 34, 48, 49})
"""VPS, SPS, PPS, aggregation and fragmentation units (RFC 7798, section 4.4)."""


class RtpWatch:
    """The media of one connection. Written by the gate's thread, readable by any."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._sampled = 0
        self._codecs: Counter[str] = Counter()
        self.last_at: float | None = None
        """Time of the last packet of video, on the monotonic clock."""

    def take(self, interleaved: bytes, audio_channels: Collection[int] = ()) -> None:
        """Record whole interleaved packets, except those of `audio_channels`."""
        for channel, packet in _packets(interleaved):
            if len(packet) < 12 or packet[1] in _RTCP_TYPES or channel in audio_channels:
                continue
            self.last_at = self._monotonic()
            if self._sampled >= _SAMPLED_PACKETS:
                return
            self._sampled += 1
            if codec := codec_of(_payload(packet)):
                self._codecs[codec] += 1

    def seconds_since_media(self) -> float:
        """Return the seconds since the last media packet; infinite if there was none."""
        return float("inf") if self.last_at is None else self._monotonic() - self.last_at

    @property
    def codec(self) -> str:
        """Return `h264` or `hevc` as detected from the payloads; empty if unknown."""
        return self._codecs.most_common(1)[0][0] if self._codecs else ""


def codec_of(payload: bytes) -> str:
    """Return the codec if an RTP payload's first bytes identify it unambiguously (RFC 6184, RFC 7798)."""
    if len(payload) < 4 or payload[0] & 0x80:
        return ""
    kind = payload[0] & 0x1F
    unit = payload[3:] if kind == _H264_STAP_A else payload
    if len(unit) > 1 and unit[0] & 0x1F == _H264_SPS and unit[1] in _H264_PROFILES:
        return "h264"
    if kind == _H264_FU_A and payload[1] & 0x1F in _H264_SLICES:
        return "h264"
    if payload[0] >> 1 in _H265_PARAMETERS_AND_UNITS and payload[1] == 1:
        return "hevc"
    return ""


def _packets(interleaved: bytes) -> Iterator[tuple[int, bytes]]:
    position = 0
    while position + 4 <= len(interleaved) and interleaved[position] == 0x24:
        end = position + 4 + int.from_bytes(interleaved[position + 2 : position + 4], "big")
        yield interleaved[position + 1], interleaved[position + 4 : end]
        position = end


def _payload(packet: bytes) -> bytes:
    """Return the payload after an RTP header (RFC 3550, sections 5.1 and 5.3.1)."""
    begin = 12 + 4 * (packet[0] & 0x0F)
    if packet[0] & 0x10:
        begin += 4 + 4 * int.from_bytes(packet[begin + 2 : begin + 4], "big")
    return packet[begin : begin + 8]
