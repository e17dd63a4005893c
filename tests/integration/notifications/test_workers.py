"""The outbox with real Celery workers, Redis and PostgreSQL that are killed, and with the thread on SQLite."""

import base64
import contextlib
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import psycopg2
import pytest
from tests.cluster.polling import eventually
from tests.cluster.processes import ServerProcess, free_ports
from tests.cluster.reaper import Reaper
from tests.integration.docs.blocks import block, runs
from tests.integration.services.backend import BackendServer, BackendUser, backend_server
from tests.integration.services.http_receiver import Receiver
from tests.integration.services.redis import RedisServer

pytestmark = pytest.mark.timeout(400)
ENVIRONMENT = {"VIGIL_NOTIFY_NETWORKS": "127.0.0.0/8"}
WAIT_SECONDS = 90
WORKER = "notifications.md/Workers/1"
MARK = "zZmarkedZz"
"""Part of every credential and every secret in a URL."""


class Scene:
    """A user with a camera and a webhook."""

    def __init__(self, backend: BackendServer, receiver: Receiver) -> None:
        self.backend = backend
        self.user: BackendUser = backend.create_user("anna")
        self.pipeline = backend.token("anna", "pipeline")
        self.camera = backend.add_camera(
            self.user.token, name="Gate", rtsp_url=f"rtsp://{MARK}:{MARK}@camera.example/1"
        )
        self.receiver = receiver
        self.count = 0
        target = {"url": f"http://{MARK}:{MARK}@127.0.0.1:{receiver.port}/{MARK}?key={MARK}"}
        with backend.client(self.user.token) as client:
            answer = client.post("/api/notifications/", json={"name": "All", "channel": "webhook", "target": target})
            assert answer.status_code == 201, answer.text
            self.subscription = answer.json()["subscription"]["id"]
            self.secrets = [MARK, answer.json()["secret"], self.user.password, self.user.token, self.pipeline]

    def alert(self) -> int:
        """Store an alert and return its id."""
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
        """Return the messages as the user sees them."""
        with self.backend.client(self.user.token) as client:
            found: list[dict[str, Any]] = client.get(
                f"/api/notifications/{self.subscription}/messages/?page_size=100"
            ).json()["results"]
        return found

    def all_sent(self, count: int) -> bool:
        """Return whether there are this many messages, all confirmed."""
        found = self.messages()
        return len(found) == count and all(message["state"] == "sent" for message in found)


@contextmanager
def celery_worker(backend: BackendServer, metrics_port: int = 0) -> Iterator[ServerProcess]:
    reaper = Reaper()
    program, *arguments = block(WORKER).command()
    command = [str(Path(sys.executable).with_name(program)), *arguments, "--loglevel=WARNING"]
    environment = {**backend.environment, "VIGIL_WORKER_METRICS_PORT": str(metrics_port)}
    worker = ServerProcess("celery", command, backend.directory / "celery.log", reaper, environment=environment)
    try:
        worker.start()
        yield worker
        worker.kill()
    finally:
        reaper.close()


def _lease_ends_now(database_url: str) -> None:
    """Expire the claim now instead of after 90 seconds."""
    with contextlib.closing(psycopg2.connect(database_url)) as connection, connection, connection.cursor() as cursor:
        cursor.execute("UPDATE notifications_message SET next_attempt_at = now() WHERE state = 'pending'")


def _held_by(redis: RedisServer) -> str:
    """Return the content of Redis, with decoded bodies of Celery's messages."""
    texts: list[bytes] = []
    with redis.client() as client:
        for key in client.scan_iter():
            match client.type(key):
                case b"list":
                    texts += client.lrange(key, 0, -1)
                case b"hash":
                    texts += [part for pair in client.hgetall(key).items() for part in pair]
                case b"zset":
                    texts += client.zrange(key, 0, -1)
                case b"set":
                    texts += client.smembers(key)
                case b"string":
                    texts.append(client.get(key))
    bodies = [base64.b64decode(body) for text in texts for body in re.findall(rb'"body": "([A-Za-z0-9+/=]+)"', text)]
    assert bodies
    return b"\n".join([*texts, *bodies]).decode(errors="replace")


@pytest.mark.slow
@runs(WORKER)
def test_killing_worker_redis_and_receiver_loses_and_duplicates_nothing(
    tmp_path: Path, database_url: str, redis: RedisServer, receiver: Receiver
) -> None:
    environment = {**ENVIRONMENT, "REDIS_URL": redis.url}
    (metrics_port,) = free_ports(1)
    with backend_server(tmp_path / "backend", database_url=database_url, environment=environment) as backend:
        scene = Scene(backend, receiver)
        with celery_worker(backend) as worker:
            alerts = [scene.alert()]
            eventually(lambda: scene.all_sent(1), timeout_seconds=WAIT_SECONDS)

            # Killed while the receiver has the request and has not confirmed it.
            receiver.plan, receiver.late_seconds = ["late"], 300
            alerts.append(scene.alert())
            eventually(lambda: len(receiver.got) == 2, timeout_seconds=WAIT_SECONDS)
            worker.kill()
        unconfirmed = receiver.ids[1]
        receiver.late_seconds = 0
        alerts.append(scene.alert())  # while there is no worker
        held = _held_by(redis)
        assert "notifications.tell" in held, "a worker is to be woken"
        assert [secret for secret in scene.secrets if secret in held] == []

        with celery_worker(backend, metrics_port):
            eventually(lambda: len(receiver.got) == 3, timeout_seconds=WAIT_SECONDS)
            assert receiver.ids.count(unconfirmed) == 1, "it is claimed still"
            _lease_ends_now(database_url)
            eventually(lambda: scene.all_sent(3), timeout_seconds=WAIT_SECONDS)
            assert receiver.ids.count(unconfirmed) == 2, "the same message, with the same id"

            redis.kill()
            alerts.append(scene.alert())  # stored immediately, although no worker can be woken
            redis.start()
            receiver.plan = [503, "drop"]
            alerts.append(scene.alert())
            eventually(lambda: scene.all_sent(5), timeout_seconds=WAIT_SECONDS)
            metrics = f"http://127.0.0.1:{metrics_port}/metrics"

            def counted(line: str) -> bool:
                return line in httpx.get(metrics, timeout=30, verify=False).text

            eventually(lambda: counted("vigil_outbox_pending 0.0"))
            # A sent message is recorded in the database first, then counted.
            eventually(lambda: counted('vigil_notifications_total{channel="webhook",outcome="sent"} 4.0'))
            assert counted('vigil_notifications_total{channel="webhook",outcome="retried"} ')
        messages = scene.messages()
        assert sorted(alert for message in messages for alert in message["alerts"]) == alerts
        assert set(receiver.ids) == {message["id"] for message in messages}


def test_killed_embedded_backend_sends_the_rest_after_a_restart(tmp_path: Path, receiver: Receiver) -> None:
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
            "from vigil_apps.notifications.models import Message\n"
            "Message.objects.update(next_attempt_at='2026-01-01T00:00Z')",
        )
        backend.start()
        eventually(lambda: scene.all_sent(2), timeout_seconds=WAIT_SECONDS)
        assert receiver.ids[1] == receiver.ids[2]
        assert len(receiver.got) == 3
        eventually(
            lambda: "vigil_outbox_pending 0" in httpx.get(f"{backend.url}/metrics", timeout=30, verify=False).text
        )
