"""Options and session description of the demo camera."""

import base64
from collections.abc import Callable
from pathlib import Path

import pytest

from vigil_demo.camera import authentication_from, main, prepare_clip
from vigil_demo.clip import AccessUnit, Clip
from vigil_demo.rtp import describe


def test_password_needs_a_user_name() -> None:
    assert authentication_from({}) is None
    both = authentication_from({"VIGIL_DEMO_CAMERA_USER": "viewer", "VIGIL_DEMO_CAMERA_PASSWORD": "secret"})
    assert both is not None
    assert both.username == "viewer"
    with pytest.raises(ValueError, match="set both or none") as caught:
        authentication_from({"VIGIL_DEMO_CAMERA_PASSWORD": "marked-password"})
    assert "marked-password" not in str(caught.value)


def test_invalid_port_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--port", "70000", "--data-dir", str(tmp_path)])
    assert ended.value.code == 2
    assert "--port: must be 0 to 65535, is 70000" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_sdp_contains_the_decoder_parameters() -> None:
    sps, pps = bytes.fromhex("6764001eacd940a02ff970110000030001"), bytes.fromhex("68ebecb22c")
    clip = Clip((AccessUnit((sps, pps, b"\x65\x88"), 0.0, True),), 0.1, sps, pps)
    text = describe(clip, "Vigil demo yard")
    assert text.endswith("\r\n")
    lines = text.split("\r\n")[:-1]
    # RFC 8866, section 5: the order of the lines.
    assert [line[0] for line in lines[:5]] == ["v", "o", "s", "c", "t"]
    assert "m=video 0 RTP/AVP 96" in lines
    assert "a=rtpmap:96 H264/90000" in lines
    parameters = next(line for line in lines if line.startswith("a=fmtp:96 "))
    assert "packetization-mode=1" in parameters
    assert "profile-level-id=64001E" in parameters
    sets = parameters.split("sprop-parameter-sets=")[1].split(",")
    assert [base64.b64decode(one) for one in sets] == [sps, pps]


def test_the_preparation_does_not_count_in_the_remaining_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first frame took three seconds with its preparation, and the first line said that 2,444 s were left."""
    now = iter([0.0, 3.4, 6.4, 39.4])
    monkeypatch.setattr("vigil_demo.camera.time.monotonic", lambda: next(now))

    def render(_folder: Path, on_progress: Callable[[int, int], None]) -> Path:
        for done in (1, 61, 720):
            on_progress(done, 720)
        return tmp_path

    monkeypatch.setattr("vigil_demo.camera.ensure_yard_clip", render)
    lines: list[str] = []
    prepare_clip(tmp_path, lines.append)
    assert lines == [
        "rendering the demo clip: 1 of 720 frames",
        "rendering the demo clip: 61 of 720 frames, about 33 s left",
        "rendering the demo clip: 720 of 720 frames, about 0 s left",
    ]
