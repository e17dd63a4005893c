"""The real backend with two workers, connected to a real broker."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from tests.integration.home_assistant.listener import Listener
from tests.integration.services.backend import BackendServer, BackendUser, backend_server
from tests.integration.services.mosquitto import PASSWORD, USER, MosquittoServer, mosquitto_server

from vigil_contracts.api_client import ApiClient
from vigil_contracts.health import Heartbeat, ObjectCount
from vigil_contracts.names import AlertType, CameraPhase, Reason


@dataclass
class Scene:
    """An administrator with one active camera, and the detector that reports for it."""

    backend: BackendServer
    broker: MosquittoServer
    listener: Listener
    root: BackendUser = field(init=False)
    pipeline: str = field(init=False)
    camera: int = field(init=False)

    def __post_init__(self) -> None:
        self.root = self.backend.create_user("root", is_superuser=True)
        self.pipeline = self.backend.token("root", "pipeline")
        self.camera = self.backend.add_camera(self.root.token, name="Gate", rtsp_url="rtsp://camera.example/1")

    def report(self, persons: int) -> None:
        """Report as the camera's detector."""
        objects = (ObjectCount(alert_type=AlertType.PERSON, count=persons),)
        beat = Heartbeat(phase=CameraPhase.STREAMING, reason=Reason.STREAMING, objects=objects)
        with ApiClient(self.backend.url, self.pipeline) as client:
            client.heartbeat(self.camera, beat)

    def topic(self, name: str) -> str:
        """Return the topic of a state of the camera."""
        prefix = next(topic for topic in self.listener.latest if topic.endswith("/status") and topic[:6] == "vigil/")
        return f"{prefix.removesuffix('status')}{self.camera}/{name}"

    def configuration(self) -> str:
        """Return the discovery topic of the camera."""
        return f"homeassistant/device/vigil_{self.topic('').split('/')[1]}_{self.camera}/config"


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """One scene for the tests of a file."""
    directory: Path = tmp_path_factory.mktemp("home-assistant")
    with contextlib.ExitStack() as stack:
        broker = stack.enter_context(mosquitto_server())
        environment = {
            "VIGIL_MQTT_URL": f"mqtt://{USER}@127.0.0.1:{broker.port}",
            "VIGIL_MQTT_PASSWORD": PASSWORD,
        }
        backend = stack.enter_context(backend_server(directory, workers=2, environment=environment))
        listener = Listener(broker.port)
        stack.callback(listener.close)
        yield Scene(backend, broker, listener)
