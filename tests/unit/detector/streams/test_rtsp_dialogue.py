"""The gate's own requests to a camera: authentication, keep-alives and the end of the session."""

import hashlib

import pytest

from cctv.streams.faults import StreamFault
from cctv.streams.rtsp_dialogue import Dialogue, Replies
from cctv.streams.rtsp_messages import Message, parse_head
from vigil_contracts.names import Reason

TOKEN = "made-up"
LOCAL = "127.0.0.1:9"


def started(url: str = "rtsp://admin:secret@10.0.0.8/live") -> Dialogue:
    return Dialogue(url, LOCAL, TOKEN, "10.0.0.8")


def sent(data: bytes) -> Message:
    return parse_head(data.removesuffix(b"\r\n\r\n"))


@pytest.mark.parametrize(
    ("userinfo", "words"),
    [
        ("adm%0Ain:secret", "the user name must not contain control characters, such as a line break"),
        ("admin:secret%0D%0A", "the password must not contain control characters, such as a line break"),
    ],
)
def test_credentials_with_control_characters_are_rejected_with_a_hint(userinfo: str, words: str) -> None:
    with pytest.raises(StreamFault, match=words) as raised:
        started(f"rtsp://{userinfo}@10.0.0.8/live")
    assert raised.value.reason is Reason.STREAM_UNAUTHORIZED
    assert "secret" not in str(raised.value)


def test_header_values_cannot_inject_headers() -> None:
    message = Message(
        "PLAY rtsp://h/ RTSP/1.0", [("Authorization", 'Digest username="a\r\nX-Forged: 1"'), ("B", "2")]
    )
    assert sent(message.encode()).headers == [("Authorization", 'Digest username="a  X-Forged: 1"'), ("B", "2")]


class Libav:
    """Sends requests as libav does: numbered from 1, to the gate's own address."""

    def __init__(self, dialogue: Dialogue) -> None:
        self.dialogue, self.cseq = dialogue, 0

    def asks(self, method: str) -> Replies:
        self.cseq += 1
        line = f"{method} rtsp://{LOCAL}/live RTSP/1.0"
        return self.dialogue.request(Message(line, [("CSeq", str(self.cseq)), ("User-Agent", TOKEN)]))


def answered(request: Message, status: int = 200, *headers: tuple[str, str]) -> Message:
    return Message(f"RTSP/1.0 {status} Whatever", [("CSeq", request.get("CSeq")), *headers])


def refused(request: Message, nonce: str) -> Message:
    return answered(request, 401, ("WWW-Authenticate", f'Digest realm="cam", nonce="{nonce}"'))


def is_right(request: Message, nonce: str) -> bool:
    """Whether the request answers this nonce with admin's password, by RFC 2617."""

    def md5(text: str) -> str:
        return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()

    expected = md5(f"{md5('admin:cam:secret')}:{nonce}:{md5(f'{request.method}:{request.uri}')}")
    return f'response="{expected}"' in request.get("Authorization")


class OneRequestNonces:
    """A camera whose nonces are good for one request, and who says nothing of `stale`."""

    def __init__(self, **status: int) -> None:
        self.nonce, self.count, self.status = "", 0, status
        self.granted: list[str] = []

    def answer(self, request: Message) -> Message:
        if not self.nonce or not is_right(request, self.nonce):
            self.count += 1
            self.nonce = f"n{self.count}"
            return refused(request, self.nonce)
        self.nonce = ""
        self.granted.append(request.method)
        return answered(request, self.status.get(request.method, 200), ("Session", "77;timeout=60"))


def conversation(dialogue: Dialogue, camera: OneRequestNonces, first: bytes) -> bytes:
    """Let the camera answer until the gate has nothing more to say to it; what libav gets."""
    to_camera, to_client = first, b""
    while to_camera:
        replies = dialogue.answer(camera.answer(sent(to_camera)))
        to_camera, to_client = replies.to_camera, to_client + replies.to_client
    return to_client


def playing(dialogue: Dialogue, camera: OneRequestNonces) -> Libav:
    libav = Libav(dialogue)
    for method in ("OPTIONS", "DESCRIBE", "SETUP", "PLAY"):
        answer = sent(conversation(dialogue, camera, libav.asks(method).to_camera))
        assert (answer.status, answer.get("CSeq")) == (200, str(libav.cseq))
    return libav


def test_single_use_nonces() -> None:
    dialogue, camera = started(), OneRequestNonces()

    playing(dialogue, camera)

    assert camera.granted == ["OPTIONS", "DESCRIBE", "SETUP", "PLAY"]


def test_new_nonce_without_stale_is_used_after_acceptance() -> None:
    dialogue = started()
    libav = Libav(dialogue)
    again = sent(dialogue.answer(refused(sent(libav.asks("DESCRIBE").to_camera), "a")).to_camera)
    assert is_right(again, "a")
    dialogue.answer(answered(again))

    expired = sent(libav.asks("SETUP").to_camera)
    assert is_right(expired, "a")
    assert is_right(sent(dialogue.answer(refused(expired, "b")).to_camera), "b")


def test_rejected_password_is_tried_once() -> None:
    dialogue = started()
    again = sent(dialogue.answer(refused(sent(Libav(dialogue).asks("DESCRIBE").to_camera), "a")).to_camera)

    with pytest.raises(StreamFault) as raised:
        dialogue.answer(refused(again, "b"))

    assert raised.value.reason is Reason.STREAM_UNAUTHORIZED


def test_repeated_rejections_end_the_dialogue() -> None:
    dialogue = started()
    request = sent(Libav(dialogue).asks("DESCRIBE").to_camera)

    def refuses(nonce: str) -> Message:
        stale = ("WWW-Authenticate", f'Digest realm="cam", nonce="{nonce}", stale=true')
        return answered(request, 401, stale)

    for nonce in ("a", "b"):
        request = sent(dialogue.answer(refuses(nonce)).to_camera)
        assert is_right(request, nonce)
    with pytest.raises(StreamFault):
        dialogue.answer(refuses("c"))


@pytest.mark.parametrize("status", [400, 403, 404, 405, 454, 500, 501, 503, 551])
def test_describe_is_tried_if_options_is_rejected(status: int) -> None:
    dialogue = started()
    libav = Libav(dialogue)

    to_libav = sent(dialogue.answer(answered(sent(libav.asks("OPTIONS").to_camera), status)).to_client)

    assert to_libav.status == 200
    assert "DESCRIBE" in to_libav.get("Public")


def test_keep_alives_are_authenticated_and_try_both_methods() -> None:
    dialogue, camera = started(), OneRequestNonces()
    libav = playing(dialogue, camera)
    camera.granted.clear()

    replies = libav.asks("OPTIONS")

    assert sent(replies.to_client).status == 200, "libav is answered at once"
    assert sent(replies.to_camera).get("Session") == "77"
    assert conversation(dialogue, camera, replies.to_camera) == b"", "libav has had its answer"
    assert camera.granted == ["OPTIONS", "GET_PARAMETER"]


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 454, 501, 503, 551])
def test_a_refused_keep_alive_does_not_end_the_stream(status: int) -> None:
    dialogue, camera = started(), OneRequestNonces()
    libav = playing(dialogue, camera)
    camera.status = {"OPTIONS": status, "GET_PARAMETER": status}

    for _ in range(3):
        assert conversation(dialogue, camera, libav.asks("GET_PARAMETER").to_camera) == b""

    assert dialogue.playing


def test_unsupported_keep_alive_method_is_skipped() -> None:
    dialogue, camera = started(), OneRequestNonces(OPTIONS=501)
    libav = playing(dialogue, camera)
    camera.granted.clear()

    conversation(dialogue, camera, libav.asks("OPTIONS").to_camera)

    assert camera.granted == ["GET_PARAMETER"]


def test_unanswered_keep_alives_do_not_accumulate() -> None:
    dialogue, camera = started(), OneRequestNonces()
    libav = playing(dialogue, camera)

    libav.asks("OPTIONS")
    both = [libav.asks("OPTIONS").to_camera for _ in range(50)]

    assert all(b"OPTIONS rtsp" in one and b"GET_PARAMETER rtsp" in one for one in both)
    assert len(dialogue._pending) == 2


def test_teardown_answers_the_newest_challenge_once() -> None:
    dialogue, camera = started(), OneRequestNonces()
    playing(dialogue, camera)

    first = dialogue.teardown()
    conversation(dialogue, camera, first)

    assert sent(first).get("Session") == "77"
    assert sent(first).uri == "rtsp://10.0.0.8/live"
    assert camera.granted[-1] == "TEARDOWN"
    assert dialogue.is_torn_down
    assert dialogue.teardown() == b""


def test_without_a_session_there_is_nothing_to_tear_down() -> None:
    dialogue = started()
    dialogue.answer(answered(sent(Libav(dialogue).asks("DESCRIBE").to_camera)))

    assert dialogue.teardown() == b""


def test_only_our_own_libav_is_served() -> None:
    with pytest.raises(PermissionError):
        started().request(Message("OPTIONS rtsp://x/ RTSP/1.0", [("CSeq", "1"), ("User-Agent", "other")]))


def test_answers_of_our_own_libav_are_dropped() -> None:
    """A time-out within a packet makes libav read video as text, and refuse what it takes for a request."""
    dialogue = started()
    refusal = Message("RTSP/1.0 501 Not Implemented", [])
    with pytest.raises(PermissionError):
        dialogue.request(refusal)
    Libav(dialogue).asks("OPTIONS")

    assert dialogue.request(refusal) == Replies()


def test_responses_without_cseq_match_the_oldest_request() -> None:
    dialogue = started()
    libav = Libav(dialogue)
    libav.asks("OPTIONS")

    to_libav = sent(dialogue.answer(Message("RTSP/1.0 200 OK", [])).to_client)

    assert to_libav.get("CSeq") == "1"


SDP = b"""v=0
m=video 0 RTP/AVP 96
a=control:track1
m=audio 0 RTP/AVP 0
a=control:track2
m=audio 0 RTP/AVP 8
a=control:track3
"""


@pytest.mark.parametrize("wants_audio", [True, False])
def test_audio_track_is_identified_by_setup(wants_audio: bool) -> None:
    dialogue = Dialogue("rtsp://10.0.0.8/live", LOCAL, TOKEN, "10.0.0.8", wants_audio=wants_audio)
    libav = Libav(dialogue)
    described = answered(sent(libav.asks("DESCRIBE").to_camera))
    described.body = SDP
    answer = dialogue.answer(described).to_client.partition(b"\r\n\r\n")
    assert answer[2] == (SDP.partition(b"m=audio 0 RTP/AVP 8")[0] if wants_audio else SDP)
    assert (f"Content-Length: {len(answer[2])}\r\n".encode() in answer[0] + b"\r\n") is wants_audio
    for track, channels in (("track1", "0-1"), ("track2", "4-5")):
        line = f"SETUP rtsp://{LOCAL}/live/{track} RTSP/1.0"
        asked = dialogue.request(Message(line, [("CSeq", track[-1] + "0"), ("User-Agent", TOKEN)]))
        transport = ("Transport", f"RTP/AVP/TCP;interleaved={channels}")
        dialogue.answer(answered(sent(asked.to_camera), 200, transport))
        assert dialogue.is_audio_asked is (wants_audio and track == "track2")
    assert dialogue.audio_channels == ({4} if wants_audio else set())
