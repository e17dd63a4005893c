"""Observation of the media that passes the gate."""

import pytest

from cctv.streams.rtp_watch import RtpWatch, codec_of


def interleaved(
    payload: bytes, *, kind: int = 96, channel: int = 0, first: int = 0x80, between: bytes = b""
) -> bytes:
    packet = bytes((first, kind)) + bytes(10) + between + payload
    return b"$" + bytes((channel,)) + len(packet).to_bytes(2, "big") + packet


@pytest.mark.parametrize(
    ("payload", "codec"),
    [
        (bytes.fromhex("6764001f"), "h264"),  # SPS, High
        (bytes.fromhex("2742c01e"), "h264"),  # SPS, Baseline, of lower importance
        (bytes.fromhex("7c85b800"), "h264"),  # FU-A, the beginning of an IDR
        (bytes.fromhex("5c41b800"), "h264"),  # FU-A, the end of another slice
        (bytes.fromhex("78001967640020"), "h264"),  # STAP-A that begins with an SPS
        (bytes.fromhex("40010c01"), "hevc"),  # VPS
        (bytes.fromhex("42010101"), "hevc"),  # SPS
        (bytes.fromhex("62019300"), "hevc"),  # FU
        (bytes.fromhex("00000000"), ""),
        (bytes.fromhex("ffffffff"), ""),
        (b"\x67", ""),
    ],
)
def test_payloads_show_their_codec(payload: bytes, codec: str) -> None:
    assert codec_of(payload) == codec


def test_several_packets_with_extensions_and_sources() -> None:
    watch = RtpWatch(lambda: 7.0)
    extension = bytes.fromhex("bede0001") + bytes(4)

    watch.take(
        interleaved(b"\x40\x01\x0c\x01", first=0x91, between=bytes(4) + extension) + interleaved(b"\x02\x01\x00\x00")
    )

    assert watch.codec == "hevc"
    assert watch.last_at == 7.0


def test_control_packets_are_not_media() -> None:
    watch = RtpWatch(lambda: 7.0)

    watch.take(interleaved(bytes(20), kind=200, channel=1))

    assert watch.last_at is None
    assert watch.seconds_since_media() == float("inf")


def test_audio_says_nothing_about_the_video() -> None:
    """PCMU that looks like an H.265 parameter set."""
    watch = RtpWatch(lambda: 7.0)

    watch.take(interleaved(b"\x40\x01\x0c\x01", kind=0, channel=2), audio_channels={2})

    assert (watch.last_at, watch.codec) == (None, "")


@pytest.mark.parametrize("cut", range(40))
def test_truncated_packets_are_ignored(cut: int) -> None:
    RtpWatch().take(interleaved(b"\x40\x01\x0c\x01", first=0x9F)[:cut])
