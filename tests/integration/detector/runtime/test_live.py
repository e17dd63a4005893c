"""Requests to a detector through the real backend: stream tests, live frames, new settings."""

import io
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image
from tests.cluster.polling import eventually
from tests.integration.services.backend import BackendServer, BackendUser, backend_server
from tests.integration.services.detector import DetectorProcess, detector
from tests.integration.services.made_clips import make_clip
from tests.integration.services.onvif_camera import notification, onvif_camera
from tests.integration.services.onvif_device import Device, onvif_devices
from tests.integration.services.rtsp import RtspServer, gst_rtsp_server

pytestmark = pytest.mark.timeout(400)
LOOKED_SECONDS = 4.0


class Scene:
    """A camera, the backend, the detector, and Anna."""

    def __init__(self, backend: BackendServer, camera: RtspServer, anna: BackendUser, cctv: DetectorProcess) -> None:
        self.backend, self.camera, self.anna, self.cctv = backend, camera, anna, cctv
        self.camera_id = backend.add_camera(anna.token, name="Gate", rtsp_url=camera.url)

    def tried(self, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return the result of a stream test."""
        with self.backend.client(self.anna.token) as client:
            begun = client.post(path, json=body)
            assert begun.status_code == 202, begun.text
            where = begun.headers["location"]
            eventually(lambda: client.get(where).json()["state"] == "done", 60, "the try is over")
            return dict(client.get(where).json())

    def live_frames(self) -> float:
        """Return how many live frames the detector has encoded."""
        return self.cctv.metric("vigil_live_frames_total", camera=str(self.camera_id))

    def is_left_alone(self) -> bool:
        """Return whether twenty frames, two seconds of video, pass without a live frame being sent."""
        sent, received = self.live_frames(), self._received()
        eventually(lambda: self._received() >= received + 20, 60, "the camera sends on")
        return self.live_frames() == sent

    def _received(self) -> float:
        return self.cctv.metric("vigil_frames_total", camera=str(self.camera_id), stage="received")


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    directory = tmp_path_factory.mktemp("live")
    clip = make_clip(directory / "gate.mp4", seconds=60)  # the clip rarely restarts
    with (
        backend_server(directory / "backend") as backend,
        gst_rtsp_server(clip, plays=0, username="root", password="p@ss/w0rd") as camera,
    ):
        anna, token = backend.create_user("anna"), backend.token("anna", "pipeline")
        settings = {"VIGIL_FROZEN_AFTER_SECONDS": "0", "VIGIL_MODEL": "demo", "VIGIL_CLIP_SECONDS_AFTER": "1"}
        with detector(directory / "cctv", api_url=backend.url, token=token, settings=settings) as cctv:
            scene = Scene(backend, camera, anna, cctv)
            cctv.wait_ready(120)
            yield scene


def test_stream_is_tested_by_the_detector(scene: Scene) -> None:
    saved = scene.tried(f"/api/cameras/{scene.camera_id}/probe/")
    typed = scene.tried(
        "/api/probes/", {"rtsp_url": scene.camera.bare_url, "username": "root", "password": "p@ss/w0rd"}
    )
    for probe in (saved, typed):
        assert probe["result"]["answers"], probe
        assert (probe["result"]["codec"], probe["result"]["width"], probe["result"]["height"]) == ("h264", 320, 192)
        with scene.backend.client(scene.anna.token) as client:
            picture = client.get(probe["snapshot"])
        assert Image.open(io.BytesIO(picture.content)).size == (320, 192)
    refused = scene.tried("/api/probes/", {"rtsp_url": scene.camera.bare_url, "username": "root", "password": "no"})
    assert (refused["result"]["answers"], refused["result"]["reason"]) == (False, "StreamUnauthorized")
    assert refused["snapshot"] is None
    silent = scene.tried("/api/probes/", {"rtsp_url": "rtsp://127.0.0.1:9/x"})
    assert silent["result"]["reason"] == "StreamUnreachable"
    assert "p@ss" not in scene.cctv.output


def test_detector_discovers_cameras(scene: Scene) -> None:
    admin = scene.backend.create_user("root", is_superuser=True)
    device = Device("urn:uuid:4cd0-yard", "onvif://www.onvif.org/name/Yard")
    with onvif_devices(device), scene.backend.client(admin.token) as client:
        where = client.post("/api/discovery/").headers["location"]
        eventually(lambda: client.get(where).json()["state"] == "done", 60, "the search is over")
        result = client.get(where).json()["result"]
    assert [(one["name"], one["endpoint"]) for one in result["cameras"]] == [("Yard", device.endpoint)], result


def test_live_frames_are_recent_and_sent_only_to_viewers(scene: Scene) -> None:
    before = scene.live_frames()
    ages: list[float] = []
    path = f"/api/cameras/{scene.camera_id}/live/"
    with scene.backend.client(scene.anna.token) as client, client.stream("GET", path) as answer:
        assert answer.headers["content-type"].startswith("multipart/x-mixed-replace")
        begun_at: float | None = None
        for line in answer.iter_lines():
            if line.startswith("X-Timestamp: "):
                ages.append(time.time() - float(line.removeprefix("X-Timestamp: ")))
                begun_at = begun_at or time.monotonic()
            if begun_at is not None and time.monotonic() - begun_at > LOOKED_SECONDS:
                break
    ages.sort()
    median = ages[len(ages) // 2]
    print(f"live: {len(ages)} pictures in {LOOKED_SECONDS} s, median age {median:.3f} s, oldest {ages[-1]:.3f} s")
    assert len(ages) >= 5, ages
    assert median < 1.0, ages
    assert scene.live_frames() > before

    eventually(scene.is_left_alone, 40, "nobody looks")


def test_snapshot_is_current(scene: Scene) -> None:
    with scene.backend.client(scene.anna.token) as client:
        answer = client.get(f"/api/cameras/{scene.camera_id}/snapshot/")
    assert (answer.status_code, answer.headers["content-type"]) == (httpx.codes.OK, "image/jpeg"), answer.text
    assert Image.open(io.BytesIO(answer.content)).size == (320, 192)
    assert time.time() - float(answer.headers["x-timestamp"]) < 5


def test_device_is_asked_and_its_own_events_become_alerts(scene: Scene) -> None:
    account = {"username": "root", "password": "p@ss/w0rd"}
    with onvif_camera(rtsp_port=scene.camera.port, path="/cam", sub_path="/cam", **account) as device:
        asked = scene.tried("/api/onvif-devices/", {"address": "127.0.0.1", "port": device.port, **account})
        assert asked["result"]["main_stream"]["rtsp_url"] == scene.camera.bare_url, asked
        detection = {"source": "onvif", "onvif_port": device.port}
        door = scene.backend.add_camera(scene.anna.token, name="Door", rtsp_url=scene.camera.url, detection=detection)
        with scene.backend.client(scene.anna.token) as client:

            def has_reason(reason: str) -> bool:
                return bool(client.get(f"/api/cameras/{door}/").json()["health"]["reason"] == reason)

            def alerts() -> list[dict[str, Any]]:
                return list(client.get("/api/alerts/", params={"camera": door}).json()["results"])

            eventually(lambda: bool(device.subscriptions) and has_reason("Streaming"), 60, "frames arrive")
            crossed = notification(
                "tns1:RuleEngine/LineDetector/Crossed",
                operation=None,
                source={"Rule": "Fence"},
                data={"ObjectId": "4"},
            )
            device.emit(crossed)
            device.emit(crossed)
            eventually(lambda: bool(alerts()) and bool(alerts()[0]["clip"]), 60, "the alert has its clip")
            (alert,) = alerts()
            assert (alert["alert_type"], alert["label"]) == ("line_crossing", "line crossing")
            assert alert["description"] == "The camera reports that a line was crossed (Fence)."
            assert Image.open(io.BytesIO(client.get(alert["image"]).content)).size == (320, 192)
            assert scene.cctv.metric("vigil_frames_total", camera=str(door), stage="analysed") == 0
            assert not [*scene.cctv.samples("vigil_inference_seconds_count", camera=str(door))]

            called = scene.tried(f"/api/cameras/{door}/control/", {"action": "preset", "preset": "Gate"})
            assert (called["result"]["answers"], device.done) == (True, [("preset", "1")]), called

            device.password = "another"
            device.drop_subscriptions()
            eventually(lambda: has_reason("EventsUnavailable"), 60, "the events are missed")
            message = client.get(f"/api/cameras/{door}/").json()["health"]["message"]
            assert "rejects the user name or password" in message
            client.delete(f"/api/cameras/{door}/").raise_for_status()
    assert "p@ss" not in scene.cctv.output


def test_prober_tests_streams_and_analyses_none(scene: Scene, tmp_path: Path) -> None:
    scene.cctv.stop()  # in a cluster, only the prober receives tests of unsaved streams
    try:
        prober = DetectorProcess(
            tmp_path, scene.backend.url, scene.cctv.token_file.read_text(), None, {}, is_prober=True
        )
        prober.start()
        try:
            prober.wait_ready(60)
            tried = scene.tried(
                "/api/probes/", {"rtsp_url": scene.camera.bare_url, "username": "root", "password": "p@ss/w0rd"}
            )
            assert (tried["result"]["answers"], tried["result"]["codec"]) == (True, "h264"), tried
            assert not prober.spool.exists(), "it keeps nothing"
            assert prober.stop() == 0, prober.output
            assert "p@ss" not in prober.output
        finally:
            prober.end()
    finally:
        scene.cctv.start()
        scene.cctv.wait_ready(120)


def test_other_users_cannot_view_live_frames(scene: Scene) -> None:
    ben = scene.backend.create_user("ben")
    with scene.backend.client(ben.token) as client:
        for name in ("live", "snapshot"):
            assert client.get(f"/api/cameras/{scene.camera_id}/{name}/").status_code == httpx.codes.NOT_FOUND
