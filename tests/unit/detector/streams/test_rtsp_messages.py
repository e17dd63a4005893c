"""Splitting a byte stream into RTSP messages."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cctv.streams.rtsp_messages import Message, NotRtspError, Splitter

ANSWER = (
    b'RTSP/1.0 401 Unauthorized\r\nCSeq: 2\r\nWWW-Authenticate: Basic realm="a"\r\n'
    b'www-authenticate: Digest realm="b"\r\nContent-Length: 5\r\n\r\nhello'
)
PACKET = b"$\x00\x00\x04abcd"


def everything(pieces: list[bytes]) -> list[Message | bytes]:
    splitter = Splitter()
    return [item for piece in pieces for item in splitter.feed(piece)]


def test_an_answer_with_a_body() -> None:
    (message,) = everything([ANSWER])

    assert isinstance(message, Message)
    assert message.status == 401
    assert message.get("cseq") == "2"
    assert message.get_all("WWW-Authenticate") == ['Basic realm="a"', 'Digest realm="b"']
    assert message.body == b"hello"


def test_request_round_trips() -> None:
    wire = b"SETUP rtsp://h/track RTSP/1.0\r\nCSeq: 3\r\nTransport: RTP/AVP/TCP\r\n\r\n"

    (message,) = everything([wire])

    assert isinstance(message, Message)
    assert (message.method, message.uri, message.status) == ("SETUP", "rtsp://h/track", 0)
    assert message.encode() == wire


@given(st.lists(st.integers(min_value=1, max_value=40), max_size=60))
def test_chunk_boundaries_do_not_matter(lengths: list[int]) -> None:
    wire = PACKET + ANSWER + PACKET * 3 + b"\r\n" + ANSWER + PACKET
    pieces, rest = [], wire
    for length in lengths:
        pieces.append(rest[:length])
        rest = rest[length:]

    items = everything([*pieces, rest])

    messages = [item for item in items if isinstance(item, Message)]
    packets = b"".join(item for item in items if isinstance(item, bytes))
    assert [message.body for message in messages] == [b"hello", b"hello"]
    assert packets == PACKET * 5


@given(st.binary(max_size=2000))
def test_arbitrary_bytes_raise_only_documented_errors(noise: bytes) -> None:
    try:
        items = everything([noise])
    except NotRtspError:
        return
    assert sum(len(item) for item in items if isinstance(item, bytes)) <= len(noise)


def test_garbage_between_packets_is_passed_through() -> None:
    items = everything([PACKET + b"\x80\x01\x02garbage" + PACKET])

    assert b"".join(item for item in items if isinstance(item, bytes)) == PACKET + b"\x80\x01\x02garbage" + PACKET


def test_endless_head_or_body_is_rejected() -> None:
    with pytest.raises(NotRtspError):
        everything([b"RTSP/1.0 200 OK\r\n" + b"a" * 70_000])
    with pytest.raises(NotRtspError):
        everything([b"RTSP/1.0 200 OK\r\nContent-Length: 99999999\r\n\r\n"])
    with pytest.raises(NotRtspError):
        everything([b"RTSP/1.0 200 OK\r\nContent-Length: -1\r\n\r\n"])
