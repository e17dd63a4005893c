"""RTP (RFC 3550) for H.264 (RFC 6184): packets, sender reports, and the SDP (RFC 8866) that describes them."""

import base64
import secrets
import struct
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

from vigil_demo.clip import AccessUnit, Clip

CLOCK_HZ = 90_000
PAYLOAD_TYPE = 96
MAX_PAYLOAD_BYTES = 1400
NAL_TYPE_FU_A = 28
TRACK = "trackID=0"
"""Suffix of the only track's URL."""
_NTP_EPOCH_OFFSET_SECONDS = 2_208_988_800  # 1900-01-01 to 1970-01-01


def payloads(nal_unit: bytes, max_bytes: int = MAX_PAYLOAD_BYTES) -> Iterator[bytes]:
    """Return the NAL unit as one payload if it fits, else as FU-A fragments (RFC 6184, 5.8)."""
    if len(nal_unit) <= max_bytes:
        yield nal_unit
        return
    indicator = (nal_unit[0] & 0xE0) | NAL_TYPE_FU_A
    kind = nal_unit[0] & 0x1F
    body = memoryview(nal_unit)[1:]
    step = max_bytes - 2
    for begin in range(0, len(body), step):
        start = 0x80 if begin == 0 else 0
        end = 0x40 if begin + step >= len(body) else 0
        yield bytes((indicator, start | end | kind)) + bytes(body[begin : begin + step])


@dataclass
class RtpSender:
    """The state of one RTP stream to one receiver; numbers start at random (RFC 3550, 5.1)."""

    ssrc: int = field(default_factory=lambda: secrets.randbits(32))
    sequence: int = field(default_factory=lambda: secrets.randbits(16))
    timestamp_offset: int = field(default_factory=lambda: secrets.randbits(32))
    packet_count: int = 0
    octet_count: int = 0

    def rtp_timestamp(self, seconds: float) -> int:
        """Return the RTP timestamp of a time in the stream."""
        return (self.timestamp_offset + round(seconds * CLOCK_HZ)) & 0xFFFFFFFF

    def packets(self, unit: AccessUnit, seconds: float) -> Iterator[bytes]:
        """Return the packets of a frame shown at `seconds`; the last one has the marker bit."""
        parts = [payload for nal_unit in unit.nal_units for payload in payloads(nal_unit)]
        timestamp = self.rtp_timestamp(seconds)
        for number, payload in enumerate(parts, start=1):
            marker = 0x80 if number == len(parts) else 0
            yield struct.pack("!BBHII", 0x80, marker | PAYLOAD_TYPE, self.sequence, timestamp, self.ssrc) + payload
            self.sequence = (self.sequence + 1) & 0xFFFF
            self.packet_count += 1
            self.octet_count += len(payload)

    def sender_report(self, seconds: float) -> bytes:
        """Return an RTCP sender report (RFC 3550, 6.4.1), which relates the stream's clock to the wall clock."""
        now = time.time() + _NTP_EPOCH_OFFSET_SECONDS
        whole = int(now)
        fraction = int((now - whole) * (1 << 32))
        timestamp = self.rtp_timestamp(seconds)
        counts = (self.packet_count & 0xFFFFFFFF, self.octet_count & 0xFFFFFFFF)
        return struct.pack("!BBHIIIIII", 0x80, 200, 6, self.ssrc, whole, fraction, timestamp, *counts)


def describe(clip: Clip, title: str) -> str:
    """Return the SDP of a stream of `clip`."""
    sets = ",".join(base64.b64encode(nal_unit).decode() for nal_unit in (clip.sps, clip.pps))
    profile = clip.sps[1:4].hex().upper()
    lines = [
        "v=0",
        "o=- 1 1 IN IP4 0.0.0.0",
        f"s={title}",
        "c=IN IP4 0.0.0.0",
        "t=0 0",
        "a=control:*",
        f"m=video 0 RTP/AVP {PAYLOAD_TYPE}",
        f"a=rtpmap:{PAYLOAD_TYPE} H264/{CLOCK_HZ}",
        f"a=fmtp:{PAYLOAD_TYPE} packetization-mode=1;profile-level-id={profile};sprop-parameter-sets={sets}",
        f"a=control:{TRACK}",
    ]
    return "\r\n".join(lines) + "\r\n"
