"""RTP packets conform to RFC 3550 and RFC 6184, without losing data."""

import struct

from hypothesis import given
from hypothesis import strategies as st

from vigil_demo.clip import AccessUnit, split_annexb
from vigil_demo.rtp import NAL_TYPE_FU_A, RtpSender, payloads


def join(parts: list[bytes]) -> bytes:
    """Join payloads to a NAL unit, as a receiver does."""
    if parts[0][0] & 0x1F != NAL_TYPE_FU_A:
        assert len(parts) == 1
        return parts[0]
    assert [part[1] & 0x80 for part in parts] == [0x80] + [0] * (len(parts) - 1)
    assert [part[1] & 0x40 for part in parts] == [0] * (len(parts) - 1) + [0x40]
    header = bytes(((parts[0][0] & 0xE0) | (parts[0][1] & 0x1F),))
    return header + b"".join(part[2:] for part in parts)


@given(body=st.binary(min_size=1, max_size=5000), header=st.sampled_from([0x65, 0x41, 0x67, 0x06]))
def test_fragments_join_to_the_nal_unit(body: bytes, header: int) -> None:
    nal_unit = bytes((header,)) + body
    parts = list(payloads(nal_unit, max_bytes=500))
    assert all(len(part) <= 500 for part in parts)
    assert join(parts) == nal_unit


def test_sequence_numbers_continue_and_last_packet_is_marked() -> None:
    sender = RtpSender(ssrc=7, sequence=65534, timestamp_offset=0xFFFFFFFF)
    unit = AccessUnit((b"\x67abc", b"\x65" + bytes(3000)), 0.0, True)
    packets = list(sender.packets(unit, seconds=1.0))
    fields = [struct.unpack("!BBHII", packet[:12]) for packet in packets]
    assert [sequence for _, _, sequence, _, _ in fields] == [65534, 65535, 0, 1]
    assert [bool(marked & 0x80) for _, marked, _, _, _ in fields] == [False, False, False, True]
    assert {timestamp for _, _, _, timestamp, _ in fields} == {89_999}
    assert sender.packet_count == 4
    assert sender.octet_count == sum(len(packet) - 12 for packet in packets)


def test_annexb_start_codes_of_three_and_four_bytes_are_split() -> None:
    assert list(split_annexb(b"\0\0\0\1\x67ab\0\0\1\x68c\0\0\0\1\x65\x00\x01d")) == [
        b"\x67ab",
        b"\x68c",
        b"\x65\x00\x01d",
    ]
