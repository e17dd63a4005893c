"""Six people in front of the images of `manifests/compose` with the default model: six alerts.

The detector's image gets the model that its build makes of the pinned weights. Weights that stand for them come from
ultralytics' environment; without it, the image gets an INT8 export. `make e2e` runs it (VIGIL_E2E=1).
"""

from __future__ import annotations

import hashlib
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.cluster.machine import MachineUnavailableError, require_linux_root
from tests.cluster.polling import eventually
from tests.cluster.product_images import product_archive
from tests.cluster.reaper import server_home
from tests.e2e.compose.project import Project
from tests.e2e.six_people import CLIP, CLIP_SECONDS, PASSWORD, alerts_of, check_clip, check_picture, check_visits
from tests.e2e.six_people import wait_for_play as wait_for_clip
from tests.integration.images.archive import unpack
from tests.integration.services import made_weights
from tests.integration.services.closed_network import ClosedNetwork, closed_network, closed_network_problem
from tests.integration.services.postgres import PostgresServer, postgres_server
from tests.integration.services.redis import redis_server
from tests.integration.services.rtsp import gst_rtsp_server
from tools.image.fetch_model import put_model
from tools.system_packages import MissingPackagesError

from cctv.detectors import model_files
from cctv.detectors.loader import load_model
from cctv.detectors.model import Model
from cctv.detectors.model_files import Published

PROBLEM = closed_network_problem()
CAMERA_ADDRESS = "192.0.2.2"
"""The closed network's own address."""

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(1500),
    pytest.mark.skipif(os.environ.get("VIGIL_E2E") != "1", reason="builds images for minutes: `make e2e` runs it"),
    pytest.mark.skipif(PROBLEM is not None, reason=str(PROBLEM)),
]


@dataclass(frozen=True)
class Played:
    """What there is once the clip has been played to its end. `logs`: by service."""

    alerts: list[dict[str, Any]]
    played_at: float
    frames: list[str]
    """Metrics of the frames by stage: a machine that is too slow shows here."""
    logs: dict[str, str]
    attempts: list[str]


@pytest.fixture(scope="module")
def models(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of models that a build with MODELS=yolov8n puts into the image."""
    folder = tmp_path_factory.mktemp("models")
    folder.chmod(0o755)
    if not made_weights.PYTHON.exists():
        name = "yolov8n_int8_openvino_model"
        shutil.copytree(shared / "models" / name, folder / name)
        return folder
    weights = Path(shutil.copy(made_weights.ensure_weights(shared) / "real.pt", folder / "yolov8n.pt"))
    sha256 = hashlib.sha256(weights.read_bytes()).hexdigest()
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(model_files.PUBLISHED, "yolov8n", Published("https://nowhere.invalid/", sha256))
        patch.setenv("VIGIL_MODEL_DIR", str(folder))
        put_model("yolov8n", folder, as_openvino=True)
    return folder


@pytest.fixture(scope="module")
def model(models: Path) -> Iterator[Model]:
    (folder,) = models.iterdir()
    loaded = load_model(folder)
    yield loaded
    loaded.close()


@pytest.fixture(scope="module")
def played(shared: Path, models: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Played]:
    """Run the project from its first start to the end of the clip."""
    try:
        require_linux_root()
        archives = {f"{folder}/Dockerfile": product_archive(name) for folder, name in _IMAGES.items()}
    except (MachineUnavailableError, MissingPackagesError) as error:
        pytest.skip(str(error))
    with ExitStack() as stack:
        home, reaper = stack.enter_context(server_home("compose"))
        home.chmod(0o755)
        images = {
            name: unpack(archive, _new(home / str(count))) for count, (name, archive) in enumerate(archives.items())
        }
        network = stack.enter_context(closed_network(tmp_path_factory.mktemp("network")))
        project = Project(_new(home / "project"), images, models, reaper, stack)
        yield _play(project, network, stack, shared / "videos" / CLIP)


_IMAGES = {"backend": "backend", "detector_image": "detector"}


def _new(folder: Path) -> Path:
    folder.mkdir()
    return folder


def _play(project: Project, network: ClosedNetwork, stack: ExitStack, clip: Path) -> Played:
    def inside(make: Callable[[], Any]) -> Any:
        return network.call(lambda: stack.enter_context(make()))

    postgres: PostgresServer = inside(lambda: postgres_server(port=5432))
    network.call(lambda: postgres.create_database("vigil"))
    inside(lambda: redis_server(port=6379))
    project.make_volumes()
    assert "pipeline token compose created" in network.call(lambda: project.run("bootstrap"))
    camera = inside(lambda: gst_rtsp_server(clip, username="viewer", password=PASSWORD, host=CAMERA_ADDRESS))
    for name in ("backend", "worker", "pipeline"):
        network.call(lambda name=name: project.start(name))  # type: ignore[misc]
    client = httpx.Client(base_url="http://127.0.0.1:8000", timeout=30)
    stack.callback(client.close)

    def token() -> str | None:
        try:
            answer = client.post(
                "/api/token/", json={"username": "admin", "password": project.secret("admin-password")}
            )
        except httpx.TransportError:
            return None
        return str(answer.raise_for_status().json()["token"])

    eventually(lambda: network.call(token) is not None, 120, "the backend answers")
    client.headers["Authorization"] = f"Token {network.call(token)}"

    def add_camera() -> int:
        answer = client.post("/api/cameras/", json={"name": "Gate", "rtsp_url": camera.url, "is_active": True})
        assert answer.status_code == 201, answer.text
        return int(answer.json()["id"])

    camera_id = network.call(add_camera)
    played_at = wait_for_clip(camera, timeout_seconds=120)
    time.sleep(max(0.0, played_at + CLIP_SECONDS - time.time()))

    def delivered() -> bool:
        alerts = client.get("/api/alerts/", params={"camera": camera_id}).raise_for_status().json()["results"]
        ended = f"camera {camera_id}: StreamEnded" in project.output("pipeline")
        return ended and bool(alerts) and all(alert["clip"] for alert in alerts)

    eventually(lambda: network.call(delivered), 90, f"clips are delivered\n{project.output('pipeline')}")
    alerts = network.call(lambda: alerts_of(client, camera_id))
    metrics = network.call(lambda: httpx.get("http://127.0.0.1:9464/metrics", timeout=30).text)
    frames = [line for line in metrics.splitlines() if line.startswith("vigil_frames_total")]
    for process in reversed(project.processes.values()):
        process.stop()
    logs = {name: project.output(name) for name in project.processes}
    return Played(alerts, played_at, frames, logs, network.attempts())


def test_six_people_give_exactly_six_alerts(played: Played) -> None:
    found = [(alert["alert_type"], alert["label"]) for alert in played.alerts]
    assert found == [("person", "person")] * 6, f"frames: {played.frames}\n{played.logs['pipeline']}"
    check_visits(played.alerts, played.played_at)


def test_each_alert_has_a_boxed_image_and_a_clip(played: Played, model: Model) -> None:
    for alert in played.alerts:
        check_picture(alert, model)
        check_clip(alert, model)


def test_no_telemetry_and_no_credential_in_logs(played: Played) -> None:
    assert played.attempts == []
    for name, log in played.logs.items():
        assert "w/rd" not in log, name
        assert "w%2Frd" not in log, name
        assert "Traceback" not in log, name
