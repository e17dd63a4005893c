"""Supported codecs, transports, encryption and authentication, with GStreamer's RTSP server."""

import ssl
from pathlib import Path

import av
import pytest
from tests.cluster.certificates import CertificateAuthority
from tests.cluster.polling import eventually
from tests.cluster.processes import free_ports
from tests.integration.detector.streams.conftest import LOOPBACK, Watch
from tests.integration.services.made_clips import make_clip
from tests.integration.services.rtsp import gst_rtsp_server

from cctv.streams.faults import StreamFault
from cctv.streams.hardware import HardwareDecoding, decoder_problem
from cctv.streams.rtsp import RtspSource
from cctv.streams.rtsp_gate import GateOptions
from cctv.streams.source import StreamInfo
from vigil_contracts.names import Reason, StreamTransport

SPECIAL = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~ é€"


def watch_all(
    url: str,
    transport: StreamTransport = StreamTransport.TCP,
    options: GateOptions = LOOPBACK,
) -> tuple[StreamInfo, list[av.VideoFrame], StreamFault]:
    """Return all frames of the stream, and its final fault."""
    source = RtspSource(url, transport, options, open_timeout_seconds=5, read_timeout_seconds=3)
    pictures: list[av.VideoFrame] = []
    try:
        info = source.open()
        for picture in source.frames():
            pictures.append(picture)
    except StreamFault as fault:
        return info, pictures, fault
    finally:
        source.close()
    raise AssertionError("a stream ends by a fault")


@pytest.mark.parametrize(
    ("codec", "encoder", "name"),
    [("h264", "libx264", "h264"), ("h265", "libx265", "hevc"), ("mjpeg", "mjpeg", "mjpeg")],
)
def test_every_codec_delivers_every_frame(tmp_path: Path, codec: str, encoder: str, name: str) -> None:
    path = make_clip(tmp_path / "clip.mp4", seconds=2, codec=encoder)
    with gst_rtsp_server(path, codec=codec) as server:
        info, pictures, fault = watch_all(server.url)

    assert (info.codec, info.width, info.height) == (name, 320, 192)
    assert len(pictures) >= 19
    assert fault.reason is Reason.STREAM_ENDED


@pytest.mark.parametrize(("codec", "encoder"), [("h265", "libx265"), ("mjpeg", "mjpeg")])
def test_every_codec_is_limited_to_a_number_of_pixels(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, codec: str, encoder: str
) -> None:
    monkeypatch.setattr("cctv.streams.temporary_decoder.MAX_PIXELS", 320 * 192 - 1)
    path = make_clip(tmp_path / "clip.mp4", seconds=2, codec=encoder)
    with gst_rtsp_server(path, codec=codec) as server:
        source = RtspSource(server.url, StreamTransport.TCP, LOOPBACK)

        def first_picture() -> av.VideoFrame:
            source.open()
            return next(source.frames())

        with pytest.raises(StreamFault, match="above the limit of") as caught:
            first_picture()
        source.close()
    assert caught.value.reason is Reason.STREAM_UNSUPPORTED


def test_changed_codec_does_not_stop_detection(watch: Watch, tmp_path: Path) -> None:
    """Such a camera ends the connection and then sends another codec."""
    (port,) = free_ports(1)
    first, then = make_clip(tmp_path / "h264.mp4"), make_clip(tmp_path / "h265.mp4", codec="libx265", size=(480, 288))
    with gst_rtsp_server(first, plays=0, port=port) as server:
        watched = watch(server.url, first_pause_seconds=0.2, longest_pause_seconds=0.5)
        eventually(lambda: len(watched.frames) >= 10, 20, "it is watched")
    seen = len(watched.frames)
    with gst_rtsp_server(then, plays=0, port=port, codec="h265"):
        eventually(lambda: len(watched.frames) >= seen + 10, 20, "it is watched again")
    assert (watched.frames[0].width, watched.frames[-1].width) == (320, 480)
    assert watched.health.heartbeat("here", "1", 0).stream.codec == "hevc"


def test_missing_decoder_is_a_fault_without_a_fallback(clip_path: Path) -> None:
    if decoder_problem("nvdec") is None:
        pytest.skip("needs a machine without NVDEC")
    with gst_rtsp_server(clip_path, plays=0) as server:
        source = RtspSource(server.url, StreamTransport.TCP, LOOPBACK, hardware=HardwareDecoding("nvdec"))
        with pytest.raises(StreamFault, match="or set decoder: software") as caught:
            source.open()
        source.close()
    assert caught.value.reason is Reason.DEVICE_UNAVAILABLE


@pytest.mark.parametrize("codec", [("h264", "libx264"), ("h265", "libx265")])
def test_udp_transport(tmp_path: Path, codec: tuple[str, str]) -> None:
    path = make_clip(tmp_path / "clip.mp4", seconds=3, codec=codec[1])
    with gst_rtsp_server(path, codec=codec[0], transports=["udp"]) as server:
        _, pictures, fault = watch_all(server.url, StreamTransport.UDP)

    assert len(pictures) >= 25
    assert fault.reason in {Reason.STREAM_ENDED, Reason.STREAM_TIMEOUT}


def test_unsupported_transport(clip_path: Path) -> None:
    with gst_rtsp_server(clip_path, transports=["udp"]) as server, pytest.raises(StreamFault) as raised:
        RtspSource(server.url, StreamTransport.TCP, LOOPBACK).open()

    assert raised.value.reason is Reason.STREAM_UNSUPPORTED
    assert "transport" in str(raised.value)


@pytest.mark.parametrize("basic", [False, True], ids=["digest", "basic"])
@pytest.mark.parametrize("password", ["plain", SPECIAL, "x" * 300], ids=["plain", "special", "long"])
def test_authentication(tmp_path: Path, basic: bool, password: str) -> None:
    path = make_clip(tmp_path / "clip.mp4", seconds=1)
    with gst_rtsp_server(path, username="view.er", password=password, basic=basic) as server:
        _, pictures, _ = watch_all(server.url)

    assert len(pictures) >= 9


@pytest.mark.parametrize("basic", [False, True], ids=["digest", "basic"])
def test_a_wrong_or_missing_password(clip_path: Path, basic: bool) -> None:
    with gst_rtsp_server(clip_path, plays=0, username="viewer", password="right", basic=basic) as server:
        for url in (server.bare_url, server.url.replace("right", "wrong")):
            source = RtspSource(url, StreamTransport.TCP, LOOPBACK)
            with pytest.raises(StreamFault) as raised:
                source.open()
            source.close()
            assert raised.value.reason is Reason.STREAM_UNAUTHORIZED
            assert "wrong" not in str(raised.value)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> CertificateAuthority:
    return CertificateAuthority(tmp_path_factory.mktemp("tls"))


@pytest.fixture(scope="module")
def certificate(authority: CertificateAuthority) -> tuple[Path, Path]:
    """Return the camera's certificate for 127.0.0.1 and its key."""
    pair = authority.server("camera", ["127.0.0.1"])
    return pair.certificate, pair.key


def test_rtsps_with_a_trusted_certificate(
    tmp_path: Path, authority: CertificateAuthority, certificate: tuple[Path, Path]
) -> None:
    path = make_clip(tmp_path / "clip.mp4", seconds=2)
    strict = ssl.create_default_context(cafile=authority.files.certificate)
    strict.verify_flags |= ssl.VERIFY_X509_STRICT  # the default from Python 3.13 on
    trusting = GateOptions(LOOPBACK.policy, strict)
    with gst_rtsp_server(path, tls=certificate, username="viewer", password=SPECIAL) as server:
        assert server.url.startswith("rtsps://")
        _, pictures, fault = watch_all(server.url, options=trusting)

    assert len(pictures) >= 19
    assert fault.reason is Reason.STREAM_ENDED


def test_rtsps_with_an_untrusted_certificate(clip_path: Path, certificate: tuple[Path, Path]) -> None:
    with gst_rtsp_server(clip_path, tls=certificate) as server, pytest.raises(StreamFault) as raised:
        RtspSource(server.url, StreamTransport.TCP, LOOPBACK).open()

    assert raised.value.reason is Reason.STREAM_UNREACHABLE
    assert "certificate is not trusted" in str(raised.value)
