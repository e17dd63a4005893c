"""Selection of the audio track from a camera's description."""

import pytest

from cctv.streams.sdp import choose_audio, interleaved_channel, is_setup_of

SESSION = "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=camera\r\na=control:*\r\n"
VIDEO = "m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=control:track1\r\n"
METADATA = "m=application 0 RTP/AVP 107\r\na=rtpmap:107 vnd.onvif.metadata/90000\r\na=control:track4\r\n"


def audio(payload_type: int, control: str, rtpmap: str = "", attribute: str = "") -> str:
    lines = [f"m=audio 0 RTP/AVP {payload_type}"]
    lines += [f"a=rtpmap:{payload_type} {rtpmap}"] if rtpmap else []
    lines += [f"a={attribute}"] if attribute else []
    return "\r\n".join([*lines, f"a=control:{control}", ""])


AAC = audio(97, "track2", "mpeg4-generic/16000/1")
PCMU, PCMA = audio(0, "track2"), audio(8, "track2")
BACK_CHANNEL = audio(0, "track3", attribute="sendonly")


@pytest.mark.parametrize(
    ("tracks", "chosen"),
    [
        ([AAC], "track2"),
        ([PCMU], "track2"),
        ([PCMA], "track2"),
        ([audio(98, "a/1", "opus/48000/2")], "a/1"),
        ([BACK_CHANNEL, AAC], "track2"),
        ([BACK_CHANNEL], "track3"),
        ([AAC, audio(8, "track3")], "track2"),
        ([audio(99, "track2", "EVRC/8000"), audio(8, "track3")], "track3"),
        ([audio(8, "track2", attribute="inactive"), audio(0, "track3")], "track3"),
    ],
    ids=["AAC", "PCMU", "PCMA", "Opus", "back channel first", "sendonly alone", "two", "unknown codec", "inactive"],
)
def test_one_supported_audio_track_is_selected(tracks: list[str], chosen: str) -> None:
    offer = choose_audio((SESSION + VIDEO + "".join(tracks) + METADATA).encode())
    (kept,) = [track for track in tracks if f"a=control:{chosen}\r\n" in track]
    assert offer.body.decode() == SESSION + VIDEO + kept + METADATA
    assert (offer.control, offer.problem) == (chosen, "")


@pytest.mark.parametrize(
    ("tracks", "problem"),
    [
        ("", "the camera offers no audio; switch its microphone on"),
        (
            audio(99, "track2", "EVRC/8000"),
            "the camera's audio (EVRC) cannot be stored; set its audio codec to",
        ),
        (audio(99, "track2"), "the camera's audio (payload type 99) cannot be stored"),
    ],
)
def test_missing_audio_track_has_a_reason(tracks: str, problem: str) -> None:
    offer = choose_audio((SESSION + VIDEO + tracks).encode())
    assert offer.body.decode() == SESSION + VIDEO
    assert problem in offer.problem


@pytest.mark.parametrize(
    "body", [b"", b"m=audio", b"m=audio 0 RTP/AVP\n", b"\xff\x00m=", b"m=audio 0 RTP/AVP 97\r\na="]
)
def test_invalid_sdp_gives_no_track(body: bytes) -> None:
    assert choose_audio(body).control == ""


@pytest.mark.parametrize(
    ("uri", "control", "right"),
    [
        ("rtsp://h/cam/track2", "track2", True),
        ("rtsp://h/cam/track2", "rtsp://h/cam/track2", True),
        ("rtsp://h/cam?channel=1/trackID=2", "trackID=2", True),
        ("rtsp://h/cam/track12", "2", False),
        ("rtsp://h/cam/track1", "track2", False),
        ("rtsp://h/cam/", "", False),
    ],
)
def test_a_setup_belongs_to_a_track_by_its_control(uri: str, control: str, right: bool) -> None:
    assert is_setup_of(uri, control) is right


def test_media_channel_is_the_first() -> None:
    assert interleaved_channel("RTP/AVP/TCP;unicast;interleaved=2-3;ssrc=1") == 2
    assert interleaved_channel("RTP/AVP;unicast;client_port=5000-5001") is None
