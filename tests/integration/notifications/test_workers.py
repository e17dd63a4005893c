"""The outbox under fire: the thread of the embedded mode on SQLite, killed with its backend in the middle."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.cluster.polling import eventually
from tests.integration.services.backend import BackendServer, BackendUser, backend_server
from tests.integration.services.http_receiver import Receiver

pytestmark = pytest.mark.timeout(400)
ENVIRONMENT = {"VIGIL_NOTIFY_NETWORKS": "127.0.0.0/8"}
WAIT_SECONDS = 90


class Scene:
    """A user with a camera and a webhook."""

    def __init__(self, backend: BackendServer, receiver: Receiver) -> None:
        self.backend = backend
        self.user: BackendUser = backend.create_user("anna")
        self.pipeline = backend.token("anna", "pipeline")
        self.camera = backend.add_camera(self.user.token, name="Gate", rtsp_url="rtsp://camera.example/1")
        self.receiver = receiver
        self.count = 0
        target = {"url": f"http://127.0.0.1:{receiver.port}/"}
        with backend.client(self.user.token) as client:
            answer = client.post("/api/notifications/", json={"name": "All", "channel": "webhook", "target": target})
            assert answer.status_code == 201, answer.text
            self.subscription = answer.json()["subscription"]["id"]

    def alert(self) -> int:
        """Stores an alert; returns its id."""
        self.count += 1
        fields = {
            "event_id": f"event-{self.count:04}",
            "camera": str(self.camera),
            "alert_type": "person",
            "confidence": "0.9",
            "timestamp": datetime.now(UTC).isoformat(),
        }
        with self.backend.client(self.pipeline) as client:
            answer = client.post("/api/send-alert/", files={name: (None, value) for name, value in fields.items()})
        assert answer.status_code == 201, answer.text
        return int(answer.json()["id"])

    def messages(self) -> list[dict[str, Any]]:
        """As the user reads them."""
        with self.backend.client(self.user.token) as client:
            found: list[dict[str, Any]] = client.get(
                f"/api/notifications/{self.subscription}/messages/?page_size=100"
            ).json()["results"]
        return found

    def all_sent(self, count: int) -> bool:
        """Whether there are so many messages, all of them confirmed."""
        found = self.messages()
        return len(found) == count and all(message["state"] == "sent" for message in found)


def test_embedded_backend_killed_in_the_middle_sends_the_rest(tmp_path: Path, receiver: Receiver) -> None:
    with backend_server(tmp_path / "backend", environment=ENVIRONMENT) as backend:
        scene = Scene(backend, receiver)
        with backend.client(scene.user.token) as client:
            test = client.post(f"/api/notifications/{scene.subscription}/test/")
        assert test.status_code == 202
        eventually(lambda: scene.all_sent(1), timeout_seconds=WAIT_SECONDS)
        assert receiver.ids == [test.json()["id"]]
        receiver.plan, receiver.late_seconds = ["late"], 300
        scene.alert()
        eventually(lambda: len(receiver.got) == 2, timeout_seconds=WAIT_SECONDS)
        backend.kill()
        receiver.late_seconds = 0
        backend.manage(
            "shell",
            "-c",
            "from notifications.models import Message\nMessage.objects.update(next_attempt_at='2026-01-01T00:00Z')",
        )
        backend.start()
        eventually(lambda: scene.all_sent(2), timeout_seconds=WAIT_SECONDS)
        assert receiver.ids[1] == receiver.ids[2]
        assert len(receiver.got) == 3
        eventually(lambda: "vigil_outbox_pending 0" in httpx.get(f"{backend.url}/metrics").text)
