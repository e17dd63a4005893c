"""The cost of cameras that do not respond."""

import time
from pathlib import Path

import pytest
from tests.cluster.polling import eventually
from tests.integration.services.backend import BackendServer, BackendUser
from tests.integration.services.detector import detector


@pytest.mark.slow
def test_unreachable_camera_needs_under_one_percent_of_a_core(
    backend: BackendServer, anna: BackendUser, pipeline_token: str, shared: Path, tmp_path: Path
) -> None:
    for number in range(10):
        backend.add_camera(anna.token, name=f"dead {number}", rtsp_url=f"rtsp://127.0.0.1:{number + 1}/cam")
    settings = {"VIGIL_MODEL": str(shared / "models" / "yolov8n_int8_openvino_model")}
    with detector(tmp_path / "cctv", api_url=backend.url, token=pipeline_token, settings=settings) as cctv:
        eventually(lambda: cctv.output.count("StreamUnreachable") >= 10, 60, "all ten are found dead")
        time.sleep(5)
        before, began = cctv.cpu_seconds(), time.monotonic()
        time.sleep(15)
        used = (cctv.cpu_seconds() - before) / (time.monotonic() - began)

    assert used / 10 < 0.01, f"{used / 10:.2%} of a core for each dead camera"
