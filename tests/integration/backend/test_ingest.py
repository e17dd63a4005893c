"""Alerts during concurrency and kills of backend and database, on both databases."""

import io
import json
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from PIL import Image
from tests.integration.services.backend import BackendServer, backend_server
from tests.integration.services.postgres import PostgresServer

from vigil_contracts.alert import AlertSubmission
from vigil_contracts.api_client import ApiClient, ApiError
from vigil_contracts.names import AlertType


def _picture() -> bytes:
    output = io.BytesIO()
    Image.effect_noise((320, 240), 60).convert("RGB").save(output, format="JPEG")
    return output.getvalue()


PICTURE = _picture()
pytestmark = pytest.mark.timeout(500)


@dataclass(frozen=True)
class Scene:
    """A backend with one camera, and the token of a pipeline."""

    backend: BackendServer
    camera_id: int
    user_token: str
    token: str

    def submission(self, event_id: str) -> AlertSubmission:
        """An alert of the camera."""
        return AlertSubmission(
            event_id=event_id,
            camera=self.camera_id,
            alert_type=AlertType.PERSON,
            confidence=0.9,
            timestamp=datetime(2026, 11, 23, 12, tzinfo=UTC),
            zone_seconds=12.5,
        )

    def stored(self) -> list[str]:
        """Return the event ids in the database, after checking that each has a readable image."""
        found: list[str] = []
        with self.backend.client(self.user_token) as client:
            url = "/api/alerts/?page_size=500"
            while url:
                page = client.get(url).raise_for_status().json()
                for row in page["results"]:
                    image = client.get(row["image"]).raise_for_status()
                    assert Image.open(io.BytesIO(image.content)).size == (320, 240)
                    found.append(row["event_id"])
                url = page["next"]
        return sorted(found)


def make_scene(backend: BackendServer) -> Scene:
    anna = backend.create_user("anna")
    camera_id = backend.add_camera(anna.token, name="Gate", rtsp_url="rtsp://u:p@camera.example/1")
    return Scene(backend, camera_id, anna.token, backend.token("anna", "pipeline"))


@pytest.fixture(params=["sqlite", "postgresql"])
def scene(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Scene]:
    """A scene on each database, with two workers."""
    url = request.getfixturevalue("database_url") if request.param == "postgresql" else ""
    with backend_server(tmp_path / "backend", database_url=url, workers=2) as backend:
        yield make_scene(backend)


def test_concurrent_same_event_is_stored_once(scene: Scene) -> None:
    events, senders = 8, 6
    for number in range(events):
        barrier = threading.Barrier(senders)

        def send(event: str, start: threading.Barrier) -> bool:
            with ApiClient(scene.backend.url, scene.token) as client:
                start.wait(30)
                return client.send_alert(scene.submission(event), PICTURE)

        with ThreadPoolExecutor(senders) as pool:
            answers = list(pool.map(send, [f"event-{number:04}"] * senders, [barrier] * senders))
        assert sorted(answers) == [False] * (senders - 1) + [True], "one is new, the others know it"
    assert scene.stored() == [f"event-{number:04}" for number in range(events)]
    assert len(scene.backend.pictures()) == events, "no orphan"


def test_fast_intake_responds_like_the_view(scene: Scene) -> None:
    def post(event_id: str, **headers: str) -> httpx.Response:
        fields = scene.submission(event_id).model_dump(mode="json", exclude={"box"})
        with scene.backend.client(scene.token) as client:
            return client.post("/api/send-alert/", data=fields, files={"image": ("a.jpg", PICTURE)}, headers=headers)

    by_view = post("event-0000", Cookie="theme=dark")  # a request with a cookie goes to the view
    past = [post(f"event-{number:04}") for number in range(1, 12)]
    assert {answer.status_code for answer in (by_view, *past)} == {201}
    own = {"content-length", "date"}
    for each in past:
        assert _names(each) != _names(by_view), "Django writes names of headers with capitals, the intake does not"
        assert {n: v for n, v in by_view.headers.items() if n not in own} == {
            n: v for n, v in each.headers.items() if n not in own
        }
        assert "content-security-policy" in each.headers
        assert each.json().keys() == by_view.json().keys()
    assert post("event-0011").status_code == 200
    assert post("event-0012", Host="elsewhere.example").status_code == 400
    scene.backend.manage(
        "shell",
        "-c",
        "from vigil_apps.accounts.models import AuthToken as T; T.objects.filter(scope='pipeline').delete()",
    )
    assert post("event-0013").status_code == 401
    assert scene.stored() == [f"event-{number:04}" for number in range(12)]


def _names(answer: httpx.Response) -> list[bytes]:
    """Return the header names as written."""
    return [name for name, _ in answer.headers.raw]


def deliver(scene: Scene, event_ids: list[str], stop_after_seconds: float) -> None:
    """Send each event until the response is 2xx, like a detector's spool."""
    deadline = time.monotonic() + stop_after_seconds
    with ApiClient(scene.backend.url, scene.token) as client:
        for event_id in event_ids:
            while (error := _try_to_deliver(client, scene.submission(event_id))) is not None:
                assert not error.is_permanent, f"a detector would drop the alert: {error}"
                assert time.monotonic() < deadline, f"not delivered in time: {error}"
                time.sleep(0.05)


def _try_to_deliver(client: ApiClient, submission: AlertSubmission) -> ApiError | None:
    began = time.monotonic()
    try:
        client.send_alert(submission, PICTURE)
    except ApiError as error:
        assert time.monotonic() - began < 12, "a detector hears within ten seconds that it has to come back"
        return error
    return None


def test_killed_backend_loses_and_duplicates_no_alert(scene: Scene) -> None:
    event_ids = [f"event-{number:04}" for number in range(120)]
    with ThreadPoolExecutor(3) as pool:
        parts = [pool.submit(deliver, scene, event_ids[start::3], 240) for start in range(3)]
        for _ in range(2):
            time.sleep(1.0)
            scene.backend.kill()
            scene.backend.start()
        for part in parts:
            part.result(250)
    assert scene.stored() == event_ids
    # A kill between image and row leaves a file without a row; the sweep finds just those.
    orphans = len(scene.backend.pictures()) - len(event_ids)
    assert 0 <= orphans <= 2 * 3
    swept = json.loads(scene.backend.manage("sweep_pictures", "--older-than-minutes", "0", "--output", "json"))
    assert len(swept["orphans"]) == orphans
    assert len(scene.backend.pictures()) == len(event_ids)
    assert scene.stored() == event_ids


def test_killed_database_loses_and_duplicates_no_alert(backend: BackendServer, postgres: PostgresServer) -> None:
    scene = make_scene(backend)
    event_ids = [f"event-{number:04}" for number in range(120)]
    with ThreadPoolExecutor(3) as pool:
        parts = [pool.submit(deliver, scene, event_ids[start::3], 240) for start in range(3)]
        for _ in range(3):
            time.sleep(0.7)
            postgres.kill()
            time.sleep(0.5)
            postgres.start()
        for part in parts:
            part.result(250)
    assert scene.stored() == event_ids
    # If the database failed during a commit, the image is left to the sweep.
    orphans = len(scene.backend.pictures()) - len(event_ids)
    swept = json.loads(scene.backend.manage("sweep_pictures", "--older-than-minutes", "0", "--output", "json"))
    assert len(swept["orphans"]) == orphans
    assert len(scene.backend.pictures()) == len(event_ids)
    assert scene.stored() == event_ids


def test_too_long_body_is_rejected_before_it_is_read(backend: BackendServer) -> None:
    def endless() -> Iterator[bytes]:
        for _ in range(64):
            yield b"x" * 1024 * 1024

    with backend.client() as client:
        chunked = client.post("/api/token/", content=endless())
        announced = client.post("/api/token/", content=b"x" * (20 * 1024 * 1024))
    assert chunked.status_code == 413
    assert announced.status_code == 413
    assert announced.json() == {"detail": "The request is too long."}
