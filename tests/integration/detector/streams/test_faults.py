"""Every stream fault, provoked by a server: classified correctly, and recovered from."""

import socket
import threading
import time
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest
from pydantic import SecretStr
from tests.cluster.polling import eventually
from tests.integration.detector.streams.conftest import (
    LITTLE_PATIENCE_SECONDS,
    LOOPBACK,
    PATIENCE_SECONDS,
    SPEED,
    Watch,
)
from tests.integration.services.made_clips import make_clip
from tests.integration.services.misbehaving_rtsp import Script, misbehaving_camera

from cctv.config import Settings
from cctv.streams.faults import StreamFault
from cctv.streams.probe import Prober
from cctv.streams.reader import ReaderOptions
from cctv.streams.rtsp import PICTURELESS_SECONDS, RtspSource
from cctv.streams.rtsp_gate import TEARDOWN_SECONDS, GateOptions
from vigil_contracts.names import Reason, StreamTransport
from vigil_demo.clip import Clip, load_clip


def fault_of(url: str, options: GateOptions = LOOPBACK, *, patience_seconds: float = PATIENCE_SECONDS) -> StreamFault:
    """Return the fault that ends one connection."""
    source = RtspSource(
        url,
        StreamTransport.TCP,
        options,
        open_timeout_seconds=patience_seconds,
        read_timeout_seconds=patience_seconds,
    )
    try:
        source.open()
        for _ in source.frames():
            pass
    except StreamFault as fault:
        return fault
    finally:
        source.close()
    raise AssertionError("a stream ends by a fault")


def test_connection_refused() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]

    fault = fault_of(f"rtsp://user:marked-secret@127.0.0.1:{port}/cam")

    assert fault.reason is Reason.STREAM_UNREACHABLE
    assert "refused" in str(fault)
    assert "marked-secret" not in repr(fault)


def test_unknown_host_name() -> None:
    fault = fault_of("rtsp://user:marked-secret@camera.invalid/cam")

    assert fault.reason is Reason.STREAM_UNREACHABLE
    assert "host name" in str(fault)


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        ({"DESCRIBE": 401}, Reason.STREAM_UNAUTHORIZED),
        ({"OPTIONS": 401}, Reason.STREAM_UNAUTHORIZED),
        ({"DESCRIBE": 403}, Reason.STREAM_UNAUTHORIZED),
        ({"DESCRIBE": 404}, Reason.STREAM_NOT_FOUND),
        ({"SETUP": 404}, Reason.STREAM_NOT_FOUND),
        ({"SETUP": 461}, Reason.STREAM_UNSUPPORTED),
        ({"DESCRIBE": 503}, Reason.STREAM_UNREACHABLE),
        ({"PLAY": 500}, Reason.STREAM_UNREACHABLE),
    ],
)
def test_rtsp_error_status(clip: Clip, status: dict[str, int], reason: Reason) -> None:
    with misbehaving_camera(Script(clip=clip, status=status)) as camera:
        assert fault_of(camera.url).reason is reason


@pytest.mark.parametrize("challenge", ['Basic realm="x"', 'Digest realm="x", nonce="1"', "Negotiate"])
def test_wrong_password_is_tried_once(clip: Clip, challenge: str) -> None:
    script = Script(clip=clip, status={"DESCRIBE": 401}, challenge=challenge)
    with misbehaving_camera(script) as camera:
        fault = fault_of(camera.url.replace("//", "//user:wrong@"))

        assert fault.reason is Reason.STREAM_UNAUTHORIZED
        assert camera.requests.count("DESCRIBE") <= 2, "a camera locks out who tries on and on"


def test_camera_without_options_support_is_analysed(clip: Clip) -> None:
    with misbehaving_camera(Script(clip=clip, once=True, speed=SPEED)) as camera:
        assert fault_of(camera.url).reason is Reason.STREAM_ENDED


@pytest.mark.parametrize("silent_at", ["connect", "OPTIONS", "DESCRIBE", "SETUP", "PLAY"])
def test_silent_server(clip: Clip, silent_at: str) -> None:
    with misbehaving_camera(Script(clip=clip, silent_at=silent_at)) as camera:
        began = time.monotonic()

        fault = fault_of(camera.url, patience_seconds=LITTLE_PATIENCE_SECONDS)
        assert fault.reason is Reason.STREAM_TIMEOUT
        assert "stopped" not in str(fault), "it has never sent a picture"
        assert time.monotonic() - began < 10


def test_only_a_camera_that_sent_frames_is_reported_as_stopped(clip: Clip) -> None:
    with misbehaving_camera(Script(clip=clip, stops_after_seconds=1.0)) as camera:
        fault = fault_of(camera.url, patience_seconds=LITTLE_PATIENCE_SECONDS)
    assert str(fault).startswith("The camera stopped sending video")


def test_packets_that_end_before_the_first_frame(clip: Clip) -> None:
    """Here, the watchdog interrupts the source."""
    with misbehaving_camera(Script(clip=clip, silent_at="PLAY")) as camera:
        source = RtspSource(
            camera.url, StreamTransport.TCP, LOOPBACK, open_timeout_seconds=30, read_timeout_seconds=30
        )
        threading.Timer(1.0, source.interrupt).start()
        with pytest.raises(StreamFault, match="accepts the connection but sends no video"):
            source.open()
        source.close()


@pytest.mark.parametrize(
    "first_bytes", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\x00\x01\x02\x03" * 100, b"SSH-2.0-OpenSSH_9.2\r\n"]
)
def test_server_that_does_not_speak_rtsp(clip: Clip, first_bytes: bytes) -> None:
    with misbehaving_camera(Script(clip=clip, first_bytes=first_bytes)) as camera:
        assert fault_of(camera.url).reason is Reason.STREAM_UNSUPPORTED


def test_redirect_is_rejected(clip: Clip) -> None:
    with misbehaving_camera(Script(clip=clip)) as target:
        script = Script(clip=clip, status={"DESCRIBE": 302}, location=target.url)
        with misbehaving_camera(script) as camera:
            assert fault_of(camera.url).reason is Reason.STREAM_FORBIDDEN
        assert target.connections == 0


def test_forbidden_address_is_never_connected_to(clip: Clip) -> None:
    with misbehaving_camera(Script(clip=clip)) as camera:
        fault = fault_of(camera.url, GateOptions())

        assert fault.reason is Reason.STREAM_FORBIDDEN
        assert camera.connections == 0


def test_changed_dns_answer_is_checked_when_connecting(clip: Clip) -> None:
    answers = [["127.0.0.1"], ["169.254.169.254"]]
    options = GateOptions(policy=LOOPBACK.policy, resolver=lambda host, port: answers.pop(0))
    with misbehaving_camera(Script(clip=clip, once=True)) as camera:
        url = camera.url.replace("127.0.0.1", "camera.example")

        assert fault_of(url, options).reason is Reason.STREAM_ENDED
        assert camera.last["DESCRIBE"].uri.startswith("rtsp://camera.example:")
        assert fault_of(url, options).reason is Reason.STREAM_FORBIDDEN
        assert camera.connections == 1


def test_stream_reconnects_at_once_after_a_clean_end(
    clip: Clip, watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cctv.streams.reader.STEADY_SECONDS", 2.0)
    with misbehaving_camera(Script(clip=clip, once=True)) as camera:
        watched = watch(camera.url, first_pause_seconds=30.0, longest_pause_seconds=60.0)

        eventually(lambda: camera.connections >= 2, 15, "reconnected without the pause")
        eventually(lambda: watched.health.is_streaming, 5, "streaming again")
    assert watched.reasons[:3] == [Reason.STREAMING, Reason.STREAM_ENDED, Reason.STREAMING]


def test_slow_model_drops_frames_instead_of_lagging(clip: Clip, watch: Watch) -> None:
    """Ten frames a second, a third of which can be analysed: each is newer than two frame intervals."""
    with misbehaving_camera(Script(clip=clip)) as camera:
        watched = watch(camera.url, model_seconds=0.35)
        eventually(lambda: len(watched.frames) >= 15, 20, "fifteen are looked at")
    looked_at = zip(watched.ages_seconds[1:], watched.newer[1:], strict=False)
    old = [age for age, newer in looked_at if age >= 0.2 and newer]  # a frame without a newer one is never too old
    assert len(old) <= 2, "but for two that this machine may have held up"
    taken = [frame.sequence for frame in watched.frames]
    assert all(later - earlier >= 2 for earlier, later in pairwise(taken[1:])), "frames in between were dropped"
    dropped = watched.metrics.registry.get_sample_value("vigil_frames_total", {"camera": "1", "stage": "dropped"})
    assert dropped is not None
    assert dropped >= 20


def test_a_stream_that_stops_sending(clip: Clip, watch: Watch) -> None:
    with misbehaving_camera(Script(clip=clip, stops_after_seconds=1.0)) as camera:
        watched = watch(camera.url, patience_seconds=LITTLE_PATIENCE_SECONDS)

        eventually(lambda: camera.connections >= 2, 15, "reconnected")
        eventually(lambda: watched.reasons.count(Reason.STREAMING) >= 2, 15, "streaming again")
        assert Reason.STREAM_TIMEOUT in watched.reasons


def test_a_connection_that_breaks(clip: Clip, watch: Watch) -> None:
    with misbehaving_camera(Script(clip=clip, breaks_after_seconds=1.0)) as camera:
        watched = watch(camera.url)

        eventually(lambda: watched.reasons.count(Reason.STREAMING) >= 2, 15, "streaming again")
        assert set(watched.reasons) <= {Reason.STREAMING, Reason.STREAM_ENDED}


@pytest.mark.parametrize("clock_stands", [False, True])
def test_frozen_stream_is_reported_and_reopened(clip: Clip, watch: Watch, clock_stands: bool) -> None:
    script = Script(clip=clip, freezes_after_seconds=1.0, clock_stands=clock_stands)
    with misbehaving_camera(script) as camera:
        watched = watch(camera.url, frozen_after_seconds=2.0)

        eventually(lambda: Reason.STREAM_FROZEN in watched.reasons, 15, "frozen is told")
        # The new connection shows moving frames for a second, so the camera recovers.
        eventually(lambda: watched.reasons.count(Reason.STREAMING) >= 2, 15, "streaming again")
    assert camera.connections >= 2


@pytest.mark.slow
def test_default_time_outs_of_frozen_and_silent_streams(clip: Clip, watch: Watch) -> None:
    """Both at the same time, with default settings."""
    defaults, pauses = Settings(token=SecretStr("t")), ReaderOptions()
    options = {
        "patience_seconds": defaults.stream_read_timeout_seconds,
        "frozen_after_seconds": defaults.frozen_after_seconds,
        "first_pause_seconds": pauses.first_pause_seconds,
        "longest_pause_seconds": pauses.longest_pause_seconds,
    }
    with (
        misbehaving_camera(Script(clip=clip, freezes_after_seconds=1.0)) as freezing,
        misbehaving_camera(Script(clip=clip, stops_after_seconds=1.0)) as stopping,
    ):
        frozen, silent = watch(freezing.url, **options), watch(stopping.url, **options)
        eventually(lambda: frozen.health.is_streaming and silent.health.is_streaming, 10, "both stream")
        began = time.monotonic()

        eventually(lambda: silent.reasons.count(Reason.STREAMING) >= 2, 1 + 20, "streaming again")
        assert Reason.STREAM_TIMEOUT in silent.reasons
        eventually(lambda: frozen.reasons[-1] is Reason.STREAM_FROZEN, began + 1 + 30 - time.monotonic(), "told")


def test_persistently_frozen_camera_stays_reported(clip: Clip, watch: Watch) -> None:
    with misbehaving_camera(Script(clip=clip, freezes_after_seconds=0.0)) as camera:
        watched = watch(camera.url, frozen_after_seconds=1.5)

        eventually(lambda: camera.connections >= 3, 30, "reconnected twice")
        assert watched.reasons == [Reason.STREAMING, Reason.STREAM_FROZEN]


def test_single_session_camera_accepts_the_next_connection_at_once(clip: Clip, watch: Watch) -> None:
    with misbehaving_camera(Script(clip=clip, one_session=True)) as camera:

        def source() -> RtspSource:
            return RtspSource(camera.url, StreamTransport.TCP, LOOPBACK)

        probed = Prober(lambda *_: source()).probe(camera.url, StreamTransport.TCP)
        watched = watch(camera.url)
        eventually(lambda: watched.health.is_streaming, 10, "watched after the probe")
        watched.reader.retarget(source)
        eventually(lambda: camera.connections >= 3 and len(watched.frames) >= 10, 10, "watched after the change")
        assert watched.reader.stop(3.0)

        assert probed.result.reason is Reason.STREAMING
        assert watched.reasons == [Reason.STREAMING], "the camera never refused"
        assert camera.requests.count("TEARDOWN") == 3
        assert camera.sessions == 0


def test_unanswered_teardown_delays_closing_by_at_most_a_second(clip: Clip) -> None:
    with misbehaving_camera(Script(clip=clip, ignores_teardown=True)) as camera:
        source = RtspSource(camera.url, StreamTransport.TCP, LOOPBACK)
        source.open()
        next(source.frames())
        began = time.monotonic()

        source.interrupt()
        assert time.monotonic() - began < 0.2, "who interrupts does not wait"
        source.close()

        assert time.monotonic() - began < TEARDOWN_SECONDS + 1
        assert "TEARDOWN" in camera.requests


def test_resolution_change_during_the_stream(clip: Clip, watch: Watch, tmp_path: Path) -> None:
    other = load_clip(make_clip(tmp_path / "other.mp4", size=(640, 352), seed=2))
    with misbehaving_camera(Script(clip=clip, then_clip=other, then_after_seconds=4.0, speed=SPEED)) as camera:
        watched = watch(camera.url)

        eventually(lambda: any(frame.width == 640 for frame in watched.frames), 20, "pictures of the other size")
        assert camera.connections <= 2, "at most one restart"
    sizes = [(frame.width, frame.height) for frame in watched.frames]
    assert set(sizes) == {(320, 192), (640, 352)}
    heartbeat = watched.health.heartbeat("test", "1", 0)
    assert heartbeat.stream.width == 640
    assert watched.frames[-1].bgr().shape == (352, 640, 3)


def grey_clip(path: Path, width: int, height: int) -> Clip:
    with av.open(str(path), "w") as output:
        stream = output.add_stream("libx264", rate=5, options={"bf": "0", "preset": "ultrafast", "threads": "1"})
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for _ in range(2):
            output.mux(stream.encode(av.VideoFrame(width, height, "yuv420p")))
        output.mux(stream.encode())
    return load_clip(path)


def test_frames_larger_than_the_limit_are_not_decoded(tmp_path: Path) -> None:
    clip = grey_clip(tmp_path / "large.mp4", 8192, 4368)
    with misbehaving_camera(Script(clip=clip)) as camera:
        fault = fault_of(camera.url)

    assert fault.reason is Reason.STREAM_UNSUPPORTED
    assert str(fault) == (
        "The camera announces frames of 8192 × 4368 pixels, above the limit of 36 million pixels."
        " Lower its resolution, or enter the RTSP URL of its sub-stream."
    )


def test_frames_that_become_too_large_are_not_decoded(
    clip: Clip, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cctv.streams.temporary_decoder.MAX_PIXELS", 320 * 192)
    larger = grey_clip(tmp_path / "larger.mp4", 640, 352)
    with misbehaving_camera(Script(clip=clip, then_clip=larger, then_after_seconds=0.5)) as camera:
        fault = fault_of(camera.url)

    assert "frames of 640 × 352 pixels, above the limit" in str(fault)


@pytest.mark.parametrize("fault", [{"lost_share": 0.1}, {"garbled_share": 0.3}])
def test_lost_and_corrupt_packets_cost_frames_but_not_the_stream(
    clip: Clip, watch: Watch, fault: dict[str, float]
) -> None:
    with misbehaving_camera(Script(clip=clip, speed=SPEED, **fault)) as camera:  # type: ignore[arg-type]
        watched = watch(camera.url)

        eventually(lambda: len(watched.frames) >= 40, 30, "pictures")
        assert camera.connections == 1


def test_timestamps_jump_back_an_hour(clip: Clip, watch: Watch) -> None:
    with misbehaving_camera(Script(clip=clip, jumps_back_after_seconds=2.0)) as camera:
        watched = watch(camera.url, frozen_after_seconds=3.0)

        eventually(lambda: len(watched.frames) >= 60, 30, "pictures")
        assert camera.connections == 1
    times = [frame.monotonic_seconds for frame in watched.frames]
    assert times == sorted(times)


@pytest.mark.parametrize("clock", ["clock_stands", "clock_is_random"])
def test_invalid_timestamps_are_reported_once_and_harmless(
    clip: Clip, watch: Watch, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, clock: str
) -> None:
    monkeypatch.setattr("cctv.common.timestamps._WINDOW_SECONDS", 1.0)
    with misbehaving_camera(Script(clip=clip, **{clock: True})) as camera:  # type: ignore[arg-type]
        watched = watch(camera.url, frozen_after_seconds=2.0)

        eventually(lambda: len(watched.frames) >= 60, 30, "frames")
        assert camera.connections == 1
        assert watched.reasons == [Reason.STREAMING]
    assert caplog.text.count("using arrival times instead") == 1
    steps = [later.monotonic_seconds - former.monotonic_seconds for former, later in pairwise(watched.frames)]
    assert 0.05 < sum(steps) / len(steps) < 0.5, "frames have the times of their arrival"


def test_long_keyframe_interval_is_supported(watch: Watch, tmp_path: Path) -> None:
    """The client joins two seconds after a keyframe: for 28 s (here 4 s) no frame can be decoded or shown."""
    rare = load_clip(make_clip(tmp_path / "rare.mp4", seconds=6, keyframe_every=300))
    assert PICTURELESS_SECONDS >= 35
    with misbehaving_camera(Script(clip=rare, begins_after_seconds=2.0)) as camera:
        began = time.monotonic()
        watched = watch(camera.url)
        eventually(lambda: len(watched.frames) >= 20, 30, "pictures from the next keyframe on")
        assert camera.connections == 1
        assert watched.reasons == [Reason.STREAMING]
    assert watched.frames[0].monotonic_seconds - began >= 3.9, "nothing is made of half a group of pictures"
    with av.open(str(tmp_path / "rare.mp4")) as container:
        first = next(container.decode(video=0)).to_ndarray(format="bgr24")
    assert np.abs(watched.frames[0].bgr().astype(int) - first).mean() < 3, "the first picture is the keyframe's"


def test_wrongly_announced_codec_is_reported(clip: Clip) -> None:
    with misbehaving_camera(Script(clip=clip, announces_h265=True)) as camera:
        fault = fault_of(camera.url, patience_seconds=LITTLE_PATIENCE_SECONDS)

    assert fault.reason is Reason.STREAM_UNSUPPORTED
    assert "announces H.265 but sends H.264" in str(fault)


def test_watchdog_and_probe_agree_on_packets_without_frames(
    watch: Watch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The watchdog's time-out (here 1.5 s) ends before the source's (3 s), whose reason is more specific."""
    monkeypatch.setattr("cctv.streams.rtsp.PICTURELESS_SECONDS", 3.0)
    rare = load_clip(make_clip(tmp_path / "rare.mp4", seconds=8, keyframe_every=300))
    with misbehaving_camera(Script(clip=rare, skips_keyframes=True)) as camera:
        watched = watch(camera.url, stuck_seconds=1.5)
        checked = threading.Event()

        def check() -> None:
            while not checked.wait(0.1):
                watched.reader.check()

        checker = threading.Thread(target=check)
        checker.start()
        source = RtspSource(camera.url, StreamTransport.TCP, LOOPBACK)
        probed = Prober(lambda *_: source).probe(camera.url, StreamTransport.TCP)
        eventually(lambda: bool(watched.reasons), 10, "the watch gives a reason")
        checked.set()
        checker.join(5)

    assert watched.reasons[0] is probed.result.reason is Reason.STREAM_UNSUPPORTED
    assert watched.health.message == probed.result.message
    assert "no frame can be decoded without a keyframe" in probed.result.message


def test_the_probe_measures_the_frame_rate(clip: Clip) -> None:
    """The clip declares ten frames a second; the camera sends five."""
    with misbehaving_camera(Script(clip=clip, speed=0.5)) as camera:
        source = RtspSource(camera.url, StreamTransport.TCP, LOOPBACK)
        probed = Prober(lambda *_: source).probe(camera.url, StreamTransport.TCP)

    assert probed.result.frames_per_second == pytest.approx(5.0, rel=0.2)


def test_stream_without_keyframes_has_its_own_reason(
    watch: Watch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cctv.streams.rtsp.PICTURELESS_SECONDS", 3.0)
    rare = load_clip(make_clip(tmp_path / "rare.mp4", seconds=8, keyframe_every=300))
    with misbehaving_camera(Script(clip=rare, skips_keyframes=True)) as camera:
        fault = fault_of(camera.url)

    assert fault.reason is Reason.STREAM_UNSUPPORTED
