"""The process `cctv` from outside: settings, output, cost, and shutdown."""

import io
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

import av
import httpx
import pytest
from tests.cluster.polling import eventually
from tests.integration.services.backend import BackendServer, BackendUser
from tests.integration.services.detector import DetectorProcess, detector
from tests.integration.services.made_clips import make_clip
from tests.integration.services.misbehaving_rtsp import Script, misbehaving_camera
from tests.integration.services.rtsp import gst_rtsp_server

from cctv.streams.hardware import decoder_problem
from vigil_demo.clip import Clip

SECRET = "marked:p@ss/w0rd%é"
QUOTED = "marked%3Ap%40ss%2Fw0rd%25%C3%A9"
FRAGMENTS = ("p@ss/w0rd", "p%40ss", "w0rd", "marked%3A", "marked:p")


TOLD = {
    "silent": "StreamTimeout",
    "401": "StreamUnauthorized",
    "302": "StreamForbidden",
    "web": "StreamUnsupported",
    "refused": "StreamUnreachable",
}
"""The expected message for each camera without frames."""


def run_cctv(*arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "cctv", *arguments],
        env={"PATH": "/usr/bin:/bin", "VIGIL_TOKEN": "t", **settings},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"VIGIL_TOKEN": ""}, "cctv: set VIGIL_TOKEN_FILE"),
        ({"VIGIL_TOKEN_FILE": "/nowhere"}, "cctv: VIGIL_TOKEN_FILE: must be a file"),
        ({"VIGIL_API_URL": "localhost:8000"}, "cctv: VIGIL_API_URL: must begin with http:// or https://"),
        ({"VIGIL_METRICS_PORT": "70000"}, "cctv: VIGIL_METRICS_PORT: "),
        ({"VIGIL_METRICS_PORT": "many"}, "cctv: VIGIL_METRICS_PORT: "),
        ({"VIGIL_LOG_FORMAT": "xml"}, "cctv: VIGIL_LOG_FORMAT: Input should be 'json' or 'text'"),
        ({"VIGIL_STREAM_ALLOWED_NETWORKS": "10.0.0.0/99"}, "cctv: VIGIL_STREAM_ALLOWED_NETWORKS: must be networks"),
        ({"VIGIL_SPOOL_MAX_BYTES": "-1"}, "cctv: VIGIL_SPOOL_MAX_BYTES: "),
        ({"VIGIL_SPOOL_DIR": "/proc/nowhere"}, "cctv: VIGIL_SPOOL_DIR: "),
        ({"VIGIL_MODEL_SHA256": "123"}, "cctv: VIGIL_MODEL_SHA256: "),
    ],
)
def test_invalid_setting_is_named_in_one_line(settings: dict[str, str], said: str) -> None:
    done = run_cctv(**settings)

    assert done.returncode == 2
    assert done.stderr.startswith(said), done.stderr
    assert done.stderr.count("\n") == 1
    assert not done.stdout


def test_help_explains_every_setting() -> None:
    from cctv.config import Settings

    done = run_cctv("--help")

    assert done.returncode == 0
    for name, info in Settings.model_fields.items():
        assert f"VIGIL_{name.upper()}" in done.stdout
        assert info.description, name


@pytest.fixture(scope="module")
def model(shared: Path) -> dict[str, str]:
    return {"VIGIL_MODEL": str(shared / "models" / "yolov8n_int8_openvino_model")}


@pytest.fixture
def token(anna: BackendUser, pipeline_token: str) -> tuple[str, str]:
    """Return a user's and a pipeline's token."""
    return anna.token, pipeline_token


def health(backend: BackendServer, token: str, camera_id: int) -> dict[str, str]:
    found: dict[str, str] = _camera(backend, token, camera_id)["health"]
    return found


def _camera(backend: BackendServer, token: str, camera_id: int) -> dict[str, Any]:
    with backend.client(token) as client:
        answer = client.get(f"/api/cameras/{camera_id}/")
    answer.raise_for_status()
    found: dict[str, Any] = answer.json()
    return found


def test_camera_changes_do_not_affect_other_cameras(
    backend: BackendServer, token: tuple[str, str], model: dict[str, str], tmp_path: Path, clip_path: Path
) -> None:
    long_clip = make_clip(tmp_path / "long.mp4", seconds=150, size=(160, 112))  # it must not exit by itself
    with (
        gst_rtsp_server(long_clip, plays=0) as first,
        gst_rtsp_server(clip_path, plays=0) as second,
        detector(tmp_path / "cctv", api_url=backend.url, token=token[1], settings=model) as cctv,
    ):
        steady = backend.add_camera(token[0], name="steady", rtsp_url=first.url)
        eventually(lambda: cctv.metric("vigil_stream_up", camera=str(steady)) == 1, 60, "the first camera streams")
        other = backend.add_camera(token[0], name="other", rtsp_url=second.url.replace("/cam", "/wrong"))
        eventually(lambda: health(backend, token[0], other)["reason"] == "StreamNotFound", 30, "a wrong path is told")
        assert health(backend, token[0], steady)["phase"] == "Streaming"

        with backend.client(token[0]) as client:
            client.patch(f"/api/cameras/{other}/", json={"rtsp_url": second.url}).raise_for_status()
        eventually(lambda: health(backend, token[0], other)["phase"] == "Streaming", 30, "the right path streams")

        with backend.client(token[0]) as client:
            client.post(f"/api/cameras/{other}/deactivate/").raise_for_status()
        began = time.monotonic()
        eventually(lambda: second.lines.count("closed") >= 1 and _streams(cctv) == {str(steady)}, 10, "it is silent")
        assert time.monotonic() - began < 10
        assert cctv.metric("vigil_stream_up", camera=str(steady)) == 1
        assert first.plays == 1, "the first camera was never connected again"

        with backend.client(token[0]) as client:
            client.delete(f"/api/cameras/{steady}/").raise_for_status()
        began = time.monotonic()
        eventually(lambda: first.lines.count("closed") >= 1 and _streams(cctv) == set(), 10, "the deleted one, too")
        assert time.monotonic() - began < 10


def test_camera_without_a_model_never_gets_the_demo_model(
    backend: BackendServer, token: tuple[str, str], tmp_path: Path
) -> None:
    """As in an image without yolov8n: the camera reports the remedy, and the demo camera is analysed."""
    clip = make_clip(tmp_path / "clip.mp4", seconds=60, size=(160, 112))
    with (
        gst_rtsp_server(clip, plays=0) as stream,
        detector(
            tmp_path / "cctv",
            api_url=backend.url,
            token=token[1],
            settings={"VIGIL_MODEL_DIR": str(tmp_path / "no models")},
        ),
    ):
        real = backend.add_camera(token[0], name="real", rtsp_url=stream.url)
        demo = backend.add_camera(token[0], name="demo", rtsp_url=stream.url, detection={"model": "demo"})
        eventually(lambda: health(backend, token[0], real)["reason"] == "ModelInvalid", 30, "the model is missing")
        eventually(lambda: health(backend, token[0], demo)["phase"] == "Streaming", 60, "the demo camera is watched")
        told = health(backend, token[0], real)
        assert (told["phase"], told["reason"]) == ("Failed", "ModelInvalid")
        assert "use an image that was built with MODELS=yolov8n" in told["message"]


UNUSABLE = {
    ("VIGIL_MODEL_DEVICE", "GPU"): "device 'GPU': no such device; use cuda (NVIDIA) or intel-gpu",
    ("VIGIL_MODEL_DEVICE", "cuda"): "device cuda: needs runtime ultralytics",
    ("VIGIL_HARDWARE_DECODER", "nvdec"): "or set decoder: software",
}
"""Settings that need a GPU, and the API's message about them on a machine without one."""


def test_an_unusable_device_is_reported_to_the_api_within_half_a_minute(
    backend: BackendServer, token: tuple[str, str], tmp_path: Path
) -> None:
    if decoder_problem("nvdec") is None:
        pytest.skip("needs a machine without NVDEC")
    camera = backend.add_camera(token[0], name="yard", rtsp_url="rtsp://127.0.0.1:9/x")
    for (setting, value), cause in UNUSABLE.items():
        settings = {"VIGIL_MODEL": "demo", setting: value}
        with detector(tmp_path / value, api_url=backend.url, token=token[1], settings=settings) as cctv:
            eventually(lambda cctv=cctv: cctv.metrics() != "", 60, "the detector has started")  # type: ignore[misc]
            eventually(lambda cause=cause: cause in _failure(backend, token[0], camera), 30, cause)  # type: ignore[misc]


def _failure(backend: BackendServer, token: str, camera: int) -> str:
    """Return the API's message while the camera is Failed because of its device; else an empty text."""
    found = health(backend, token, camera)
    return found["message"] if (found["phase"], found["reason"]) == ("Failed", "DeviceUnavailable") else ""


def _streams(cctv: DetectorProcess) -> set[str]:
    from prometheus_client.parser import text_string_to_metric_families

    families = text_string_to_metric_families(cctv.metrics())
    return {
        sample.labels["camera"]
        for family in families
        for sample in family.samples
        if sample.name == "vigil_stream_up"
    }


def test_sub_stream_is_analysed_and_main_stream_gives_the_clip(
    backend: BackendServer, token: tuple[str, str], model: dict[str, str], tmp_path: Path, shared: Path
) -> None:
    """Both use the same credentials; the image has the sub-stream's size and the clip the main stream's."""
    main = make_clip(tmp_path / "main.mp4", seconds=90, size=(640, 384))
    people = {"/sub": shared / "videos" / "one-by-one-person-detection.mp4"}
    settings = {**model, "VIGIL_CLIP_SECONDS_BEFORE": "2", "VIGIL_CLIP_SECONDS_AFTER": "1"}
    with (
        gst_rtsp_server(main, plays=0, others=people, username="anna", password="p@ss") as server,
        detector(tmp_path / "cctv", api_url=backend.url, token=token[1], settings=settings) as cctv,
    ):
        camera = backend.add_camera(token[0], name="yard", rtsp_url=server.url, detection={"stream_path": "/sub"})
        eventually(lambda: bool(backend.alerts(token[0])), 60, "an alert")

        def with_clips() -> list[dict[str, Any]]:
            return [alert for alert in backend.alerts(token[0]) if alert["clip"]]

        eventually(lambda: bool(with_clips()), 20, "the clip follows")
        alert = with_clips()[0]
        stream = _camera(backend, token[0], camera)["health"]["stream"]
        assert (stream["width"], stream["height"]) == (768, 432)
        with backend.client(token[0]) as client:
            picture, clip = client.get(alert["image"]).content, client.get(alert["clip"]).content
        assert _size(picture) == (768, 432)
        assert _size(clip) == (640, 384)
        assert "p@ss" not in cctv.output
        assert "p%40ss" not in cctv.output


def _size(content: bytes) -> tuple[int, int]:
    with av.open(io.BytesIO(content)) as container:
        video = container.streams.video[0]
        return video.width, video.height


def test_rotated_token_is_reloaded(
    backend: BackendServer, token: tuple[str, str], model: dict[str, str], tmp_path: Path, clip_path: Path
) -> None:
    with gst_rtsp_server(clip_path, plays=0) as server:
        camera = backend.add_camera(token[0], name="yard", rtsp_url=server.url)
        with detector(tmp_path / "cctv", api_url=backend.url, token="not-yet-valid", settings=model) as cctv:
            eventually(lambda: "401" in cctv.output, 30, "the token is refused")
            assert "set VIGIL_TOKEN" not in cctv.output
            cctv.token_file.write_text(token[1])
            eventually(lambda: health(backend, token[0], camera)["phase"] == "Streaming", 60, "it streams")
            assert "not-yet-valid" not in cctv.output
            assert token[1] not in cctv.output


def test_no_fault_reveals_a_secret(
    backend: BackendServer, token: tuple[str, str], model: dict[str, str], tmp_path: Path, clip: Clip, clip_path: Path
) -> None:
    user = f"admin:{QUOTED}@"
    with (
        misbehaving_camera(Script(clip=clip, status={"DESCRIBE": 401}, challenge='Basic realm="x"')) as refusing,
        misbehaving_camera(
            Script(clip=clip, status={"DESCRIBE": 302}, location="rtsp://127.0.0.1:9/x")
        ) as redirecting,
        misbehaving_camera(Script(clip=clip, first_bytes=b"HTTP/1.1 400 Bad\r\n\r\n")) as web,
        misbehaving_camera(Script(clip=clip, silent_at="DESCRIBE")) as silent,
        misbehaving_camera(Script(clip=clip, garbled_share=0.5)) as garbling,
        gst_rtsp_server(clip_path, plays=0, username="admin", password=SECRET) as good,
    ):
        urls = {
            "refused": f"rtsp://{user}127.0.0.1:1/cam?token=w0rd-query",
            "unknown": f"rtsp://{user}camera.invalid/cam",
            "outside": f"rtsp://{user}169.254.169.254/cam",
            **{
                name: camera.url.replace("//", f"//{user}")
                for name, camera in [
                    ("401", refusing),
                    ("302", redirecting),
                    ("web", web),
                    ("silent", silent),
                    ("garbled", garbling),
                ]
            },
            "good": good.url,
        }
        cameras = {
            name: backend.add_camera(token[0], name=name, rtsp_url=url)
            for name, url in urls.items()
            if name != "outside" or _accepts(backend, token[0], url)
        }
        settings = {**model, "VIGIL_LOG_LEVEL": "debug", "VIGIL_STREAM_OPEN_TIMEOUT_SECONDS": "2"}
        with detector(tmp_path / "cctv", api_url=backend.url, token=token[1], settings=settings) as cctv:
            eventually(lambda: health(backend, token[0], cameras["good"])["phase"] == "Streaming", 60, "one streams")

            def is_told(name: str, reason: str) -> bool:
                return health(backend, token[0], cameras[name])["reason"] == reason

            for name, reason in TOLD.items():
                eventually(partial(is_told, name, reason), 60, f"{reason} is told")
            reasons = {name: health(backend, token[0], camera_id) for name, camera_id in cameras.items()}
            pages = [cctv.get(path).text for path in ("/metrics", "/healthz", "/readyz", "/nowhere")]
            arguments = Path(f"/proc/{cctv.process.pid}/cmdline").read_text() if cctv.process else ""
        said = "\n".join([cctv.output, *pages, arguments, str(reasons), *_texts(cctv.spool)])

    for fragment in FRAGMENTS:
        assert fragment not in said
    assert token[1] not in said


def _accepts(backend: BackendServer, token: str, url: str) -> bool:
    """Return whether the API accepts such a camera."""
    with backend.client(token) as client:
        answer = client.post("/api/cameras/", json={"name": "probe", "rtsp_url": url, "is_active": False})
    return answer.status_code == httpx.codes.CREATED


def _texts(folder: Path) -> list[str]:
    return [path.read_bytes().decode("latin-1") for path in folder.rglob("*") if path.is_file()]


def test_api_outage_loses_no_alert_and_does_not_delay_shutdown(
    backend: BackendServer, token: tuple[str, str], model: dict[str, str], tmp_path: Path, shared: Path
) -> None:
    with gst_rtsp_server(shared / "videos" / "one-by-one-person-detection.mp4") as server:
        camera = backend.add_camera(token[0], name="yard", rtsp_url=server.url)
        with detector(tmp_path / "cctv", api_url=backend.url, token=token[1], settings=model) as cctv:
            eventually(lambda: cctv.metric("vigil_stream_up", camera=str(camera)) == 1, 60, "it streams")
            backend.kill()
            eventually(lambda: cctv.metric("vigil_spool_alerts", camera=str(camera)) >= 1, 60, "an alert waits")
            assert cctv.metric("vigil_stream_up", camera=str(camera)) == 1
            began = time.monotonic()
            assert cctv.stop() == 0
            assert time.monotonic() - began < 6
            backend.start()
            cctv.start()
            eventually(lambda: len(backend.alerts(token[0])) == 1, 60, "the alert of the former process is delivered")
            eventually(lambda: not list(cctv.spool.glob("waiting/*/*")), 10, "the spool is empty")
