"""Clips of a recorded camera, with real camera, detector and backend: of the recording, or a file if it fails."""

import io
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import av
import pytest
from tests.cluster.polling import eventually
from tests.integration.services.backend import BackendServer, backend_server
from tests.integration.services.detector import DetectorProcess, detector
from tests.integration.services.rtsp import gst_rtsp_server

from cctv.recording.timeline import SEGMENT_SECONDS

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

BEFORE, AFTER = 2, 2
SETTINGS = {
    "VIGIL_FROZEN_AFTER_SECONDS": "0",
    "VIGIL_CLIP_SECONDS_BEFORE": str(BEFORE),
    "VIGIL_CLIP_SECONDS_AFTER": str(AFTER),
}


class Scene:
    """A backend, its user, and a detector that watches all its cameras."""

    def __init__(self, backend: BackendServer, cctv: DetectorProcess, token: str) -> None:
        self.backend, self.cctv, self.token = backend, cctv, token

    def alerts_with_clips(self, *cameras: int) -> dict[int, tuple[dict[str, Any], float]]:
        """Return an alert of each camera that has its clip, and how many seconds after the alert it had it."""
        found: dict[int, tuple[dict[str, Any], float]] = {}

        def are_there() -> bool:
            for one in self.backend.alerts(self.token):
                if one["clip"] and one["camera"] not in found:
                    delay = datetime.now(UTC) - datetime.fromisoformat(one["timestamp"])
                    found[one["camera"]] = one, delay.total_seconds()
            return found.keys() >= set(cameras)

        eventually(are_there, 90, "an alert of each camera has its clip")
        return found

    def clip_of(self, alert: dict[str, Any]) -> tuple[float, int]:
        """Return duration in seconds and number of frames of the clip."""
        with self.backend.client(self.token) as client:
            answer = client.get(alert["clip"])
        assert answer.status_code == 200, answer.text
        with av.open(io.BytesIO(answer.content), "r") as file:
            frames = list(file.decode(video=0))
            assert not any(one.is_corrupt for one in frames)
            return float(frames[-1].time or 0.0) - float(frames[0].time or 0.0), len(frames)

    def files(self) -> list[Path]:
        """Return the clips that are files of their own."""
        return sorted((self.backend.media / "alerts").rglob("*.mp4"))

    def outcomes(self, camera: int) -> dict[str, float]:
        kinds = ("recorded", "complete", "missing", "shortened")
        counted = {one: self.cctv.metric("vigil_clips_total", camera=str(camera), outcome=one) for one in kinds}
        return {one: number for one, number in counted.items() if number}


@contextmanager
def scene(directory: Path, model: Path, recording_dir: Path | None = None) -> Iterator[Scene]:
    with backend_server(directory / "backend") as backend:
        anna, token = backend.create_user("anna"), backend.token("anna", "pipeline")
        settings = {
            **SETTINGS,
            "VIGIL_MODEL": str(model),
            "VIGIL_RECORDING_DIR": str(recording_dir or backend.media),
        }
        with detector(directory / "cctv", api_url=backend.url, token=token, settings=settings) as cctv:
            yield Scene(backend, cctv, anna.token)


def add(scene: Scene, name: str, url: str, mode: str) -> int:
    return scene.backend.add_camera(
        scene.token, name=name, rtsp_url=url, detection={"classes": ["person"]}, recording={"mode": mode}
    )


def test_a_recorded_camera_stores_no_second_copy(model_folder: Path, standing: Path, tmp_path: Path) -> None:
    with gst_rtsp_server(standing, plays=0) as server, scene(tmp_path, model_folder) as watched:
        cameras = {mode: add(watched, mode, server.url, mode) for mode in ("continuous", "alerts", "off")}
        found = watched.alerts_with_clips(*cameras.values())
        alerts = {mode: found[camera][0] for mode, camera in cameras.items()}
        delays = {mode: found[camera][1] for mode, camera in cameras.items()}
        clips = {mode: watched.clip_of(alert) for mode, alert in alerts.items()}
        for mode in ("continuous", "alerts"):
            assert watched.outcomes(cameras[mode]).get("recorded", 0) >= 1, mode
            assert clips[mode][0] == pytest.approx(clips["off"][0], abs=2.5), "a keyframe interval"
            assert delays[mode] <= delays["off"] + SEGMENT_SECONDS + 10, "a segment, on a busy machine"
        number = sum(1 for one in watched.backend.alerts(watched.token) if one["camera"] == cameras["off"])
        assert 1 <= len(watched.files()) <= number, "only the camera without a recording has files"
        with watched.backend.client(watched.token) as client:
            assert client.delete(f"/api/cameras/{cameras['continuous']}/").status_code == 204
        assert not list((watched.backend.media / "recorded-clips").glob(f"{alerts['continuous']['id']}-*"))


def test_what_the_recording_cannot_store_is_a_file(model_folder: Path, standing: Path, tmp_path: Path) -> None:
    """The volume of the recordings is away; the API still takes clips."""
    volume = tmp_path / "volume"
    with gst_rtsp_server(standing, plays=0) as server, scene(tmp_path, model_folder, volume) as watched:
        eventually(volume.exists, 30, "the detector has started")
        shutil.rmtree(volume)
        camera = add(watched, "continuous", server.url, "continuous")
        ((alert, delay),) = watched.alerts_with_clips(camera).values()
        seconds, _ = watched.clip_of(alert)
        assert seconds == pytest.approx(BEFORE + AFTER, abs=2.5)
        assert watched.outcomes(camera) == {"complete": 1}
        assert len(watched.files()) == 1
        assert delay < AFTER + 40, "it is not waited for long"
