"""New rules reach a running detector within seconds, and its stream goes on."""

import time
from itertools import islice
from pathlib import Path

import av
import numpy as np
import pytest
from tests.integration.detector.vision.clips import PERSONS, frames_of
from tests.integration.services.backend import BackendServer
from tests.integration.services.detector import detector, wait_until
from tests.integration.services.rtsp import gst_rtsp_server

PERSON_FRAME = 130
WITHIN_SECONDS = 5.0
LOADED_MACHINE = 3.0
"""Tests run side by side: the promise is for a machine that has nothing else to do."""

pytestmark = [pytest.mark.slow, pytest.mark.timeout(200)]


@pytest.fixture(scope="module")
def standing(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Somebody stands in the picture for a minute and a half. One slice a picture: the server mixes several up."""
    picture = next(islice(frames_of(shared / "videos" / PERSONS), PERSON_FRAME, None)).bgr().astype(np.int16)
    grain, path = np.random.default_rng(1), tmp_path_factory.mktemp("clips") / "standing.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream(
            "libx264", rate=5, options={"preset": "ultrafast", "bf": "0", "g": "10", "threads": "1"}
        )
        stream.width, stream.height, stream.pix_fmt = picture.shape[1], picture.shape[0], "yuv420p"
        noisy = [(picture + grain.normal(0, 2, picture.shape)).clip(0, 255).astype(np.uint8) for _ in range(5)]
        for number in range(90 * 5):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(noisy[number % 5], format="bgr24")))
        container.mux(stream.encode())
    return path


def test_new_rules_take_effect_and_the_stream_goes_on(
    backend: BackendServer, model_folder: Path, standing: Path, tmp_path: Path
) -> None:
    user, pipeline = backend.create_user("anna"), backend.token("anna", "pipeline")
    settings = {"VIGIL_MODEL": str(model_folder)}
    with (
        gst_rtsp_server(standing, plays=0) as server,
        detector(tmp_path / "cctv", api_url=backend.url, token=pipeline, settings=settings) as cctv,
    ):
        number = backend.add_camera(
            user.token, name="gate", rtsp_url=server.url, detection={"frames_per_second": 5, "classes": ["vehicle"]}
        )
        camera = str(number)
        seen = {"camera": camera, "stage": "analysed"}
        wait_until(lambda: cctv.metric("vigil_frames_total", **seen) >= 1, 60, "pictures are analysed")
        assert cctv.metric("vigil_events_total", camera=camera, type="intrusion") == 0

        zone = {"name": "Gate", "points": [[0.3, 0.3], [0.9, 0.3], [0.9, 1.0], [0.3, 1.0]]}
        rules = [{"name": "keep out", "type": "intrusion", "zone": "Gate", "classes": ["person"]}]
        with backend.client(user.token) as client:
            changed = {"detection": {"classes": ["person"], "zones": [zone], "rules": rules}}
            client.patch(f"/api/cameras/{number}/", json=changed).raise_for_status()
        began = time.monotonic()

        def told() -> bool:
            return cctv.metric("vigil_events_total", camera=camera, type="intrusion") >= 1

        while not told():
            waited = time.monotonic() - began
            assert waited < WITHIN_SECONDS * LOADED_MACHINE, f"nothing is told of who stands there:\n{cctv.output}"
            time.sleep(0.05)
        assert cctv.metric("vigil_stream_up", camera=camera) == 1
        assert server.plays == 1, "the detector has not connected again"
