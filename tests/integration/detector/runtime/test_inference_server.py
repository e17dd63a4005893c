"""Two detectors share one `cctv serve-model`, which fails and recovers."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest
from tests.cluster.polling import eventually
from tests.integration.detector.runtime.test_process import health
from tests.integration.services.backend import BackendServer, BackendUser
from tests.integration.services.detector import detector
from tests.integration.services.inference_program import inference_program
from tests.integration.services.rtsp import gst_rtsp_server

wait = partial(eventually, poll_seconds=0.5)
pytestmark = [pytest.mark.timeout(600), pytest.mark.slow]


def test_two_detectors_survive_an_outage_of_their_server(
    backend: BackendServer, anna: BackendUser, tmp_path: Path, shared: Path
) -> None:
    token = anna.token
    clip = shared / "videos" / "one-by-one-person-detection.mp4"
    network = shared / "models" / "yolov8n_int8_openvino_model"
    with inference_program(tmp_path / "server", network) as server, gst_rtsp_server(clip, plays=0) as stream:
        settings = {"VIGIL_RUNTIME": "triton", "VIGIL_TRITON_URL": server.url, "VIGIL_MODEL": server.name}
        cameras = [backend.add_camera(token, name=f"{number}", rtsp_url=stream.url) for number in (1, 2)]

        def all_say() -> set[tuple[str, str]]:
            found = [health(backend, token, camera) for camera in cameras]
            return {(each["phase"], each["reason"]) for each in found}

        with backend.client(backend.token(anna.username, "operator")) as operator:
            answers = [operator.post(f"/api/cameras/{camera}/detector-token/") for camera in cameras]
        tokens = [str(answer.json()["token"]) for answer in answers]
        with (
            detector(tmp_path / "1", api_url=backend.url, token=tokens[0], camera_id=cameras[0], settings=settings),
            detector(tmp_path / "2", api_url=backend.url, token=tokens[1], camera_id=cameras[1], settings=settings),
        ):
            # Before the server starts: the cameras report its address.
            wait(lambda: {reason for _, reason in all_say()} == {"ModelUnavailable"}, timeout_seconds=120)
            assert server.url in health(backend, token, cameras[0])["message"]

            server.start()
            wait(lambda: all_say() == {("Streaming", "Streaming")}, timeout_seconds=120)
            wait(lambda: {alert["camera"] for alert in backend.alerts(token)} == set(cameras), timeout_seconds=120)
            assert server.metric("vigil_inference_server_batch_size_sum") > 10
            assert server.metric("vigil_inference_server_requests_total", outcome="failed") == 0

            # Killed while the streams run: the frames arrive but are not analysed.
            server.kill()
            wait(lambda: all_say() == {("Degraded", "ModelUnavailable")}, timeout_seconds=30)
            server.start()
            server.wait_ready()
            wait(lambda: all_say() == {("Streaming", "Streaming")}, timeout_seconds=20)
            wait(lambda: server.metric("vigil_inference_server_requests_total", outcome="ok") > 5, timeout_seconds=30)
