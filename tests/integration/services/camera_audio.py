"""The audio track of the misbehaving camera: description and RTP packets."""

import random
import struct
from collections.abc import Iterator
from dataclasses import dataclass

TRACK = "audio1"
_CHANNEL = 2
_PACKET_SECONDS = 0.1
_TONE = bytes((0x80, 0x00))
"""The two loudest samples of G.711 µ-law, alternating: a tone of 4 kHz."""
_PCMU = ["m=audio 0 RTP/AVP 0", f"a=control:{TRACK}"]
_AAC = [
    "m=audio 0 RTP/AVP 97",
    "a=rtpmap:97 MPEG4-GENERIC/16000/1",
    "a=fmtp:97 streamtype=5;mode=AAC-hbr;sizelength=13;indexlength=3;indexdeltalength=3;config=1408",
    f"a=control:{TRACK}",
]


@dataclass(frozen=True)
class Audio:
    """Properties of the audio. Seconds count from PLAY."""

    is_garbage: bool = False
    """AAC in name only; else G.711."""
    begins_after_seconds: float = 0.0
    ends_after_seconds: float = float("inf")
    setup_status: int = 200
    goes_on: bool = False
    """Continues after the video has stopped."""

    def description(self) -> str:
        """Return the track's part of the SDP."""
        return "\r\n".join([*(_AAC if self.is_garbage else _PCMU), ""])

    def packets(self, first_seconds: float, last_seconds: float) -> Iterator[bytes]:
        """Yield the interleaved packets of a time."""
        for number in range(round(first_seconds / _PACKET_SECONDS), round(last_seconds / _PACKET_SECONDS)):
            if self.begins_after_seconds <= number * _PACKET_SECONDS < self.ends_after_seconds:
                rate, payload_type = (16_000, 97) if self.is_garbage else (8000, 0)
                ticks = round(number * _PACKET_SECONDS * rate)
                header = struct.pack("!BBHII", 0x80, payload_type, number & 0xFFFF, ticks, 7)
                packet = header + self._payload(number)
                yield b"$" + bytes((_CHANNEL,)) + len(packet).to_bytes(2, "big") + packet

    def _payload(self, number: int) -> bytes:
        if not self.is_garbage:
            return _TONE * 400
        unit = random.Random(number).randbytes(200)
        return struct.pack("!HH", 16, len(unit) << 3) + unit  # AU headers: their length in bits, one size (RFC 3640)
