"""A frame of a recording over HTTP: requested by a user, decoded by a detector's code, and kept for a while."""

import io
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import httpx
import numpy as np
import pytest
from PIL import Image
from tests.integration.services.backend import BackendServer, BackendUser, backend_server
from tests.integration.services.made_clips import make_clip
from tests.integration.services.made_recordings import make_recording
from tests.integration.services.s3 import S3Server

from cctv.runtime.detector_tasks import DetectorTasks
from vigil_contracts.api_client import ApiClient

PERIOD = 3.2
"""The square of the clip is at the same place again after so many seconds."""


class _Api:
    """`cctv.runtime.api.Api` without its settings."""

    def __init__(self, client: ApiClient) -> None:
        self.client = client

    def call(self, request: Callable[[ApiClient], Any]) -> Any:
        return request(self.client)


class _Prober:
    def stop(self) -> None:
        """Do nothing."""


@contextmanager
def detector(server: BackendServer, token: str) -> Iterator[DetectorTasks]:
    """Run what a detector does with tasks."""
    with ApiClient(server.url, token) as client:
        tasks = DetectorTasks(
            cast("Any", _Api(client)), cast("Any", _Prober()), cast("Any", None), lambda *_: None, lambda: None
        )
        tasks.start()
        deadline = time.monotonic() + 20
        while not tasks.is_listening:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        yield tasks
        tasks.stop()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BackendServer]:
    with backend_server(tmp_path_factory.mktemp("backend")) as running:
        yield running


@pytest.fixture(scope="module")
def anna(server: BackendServer) -> BackendUser:
    return server.create_user("anna")


def get(server: BackendServer, user: BackendUser, camera: int, at: float, **query: Any) -> httpx.Response:
    moment = datetime.fromtimestamp(at, UTC).isoformat()
    with server.client(user.token) as client:
        client.timeout = httpx.Timeout(40)
        return client.get(f"/api/cameras/{camera}/recordings/frame/", params={"at": moment, **query})


def place_of_square(jpeg: bytes) -> tuple[int, tuple[int, int]]:
    """Return where the square of the clip begins, and the size of the image."""
    with Image.open(io.BytesIO(jpeg)) as image:
        scale = 320 / image.width
        row = np.asarray(image.convert("L"))[round(72 / scale)]
        return round(int(np.flatnonzero(row > 130)[0]) * scale), image.size


def test_the_frame_of_a_time_is_decoded_by_a_detector(
    server: BackendServer, anna: BackendUser, tmp_path: Path
) -> None:
    begin = float(int(time.time()) - 3600)
    recording = {"mode": "continuous"}
    camera = server.add_camera(anna.token, name="Yard", rtsp_url="rtsp://192.0.2.7/1", recording=recording)
    token = server.token("anna", "pipeline")
    with server.client(token) as client:
        make_recording(
            client, server.media, camera, make_clip(tmp_path / "clip.mp4", seconds=25.6), begin=begin, seconds=40
        )
    with detector(server, token):
        for seconds in (0.05, 7.75, 21.25, 39.0):
            answer = get(server, anna, camera, begin + seconds)
            assert answer.status_code == 200, answer.text
            assert (answer.headers["content-type"], answer.headers["cache-control"]) == (
                "image/jpeg",
                "private, max-age=600",
            )
            place, size = place_of_square(answer.content)
            assert size == (320, 192), "never enlarged"
            assert abs(place - int(seconds % PERIOD * 10 + 1e-6) * 8) <= 8
        narrow = get(server, anna, camera, begin + 7.75, width=160)
        assert place_of_square(narrow.content)[1] == (160, 96)
        assert get(server, anna, camera, begin + 50).status_code == 404, "nothing is recorded"
        assert get(server, server.create_user("ben"), camera, begin + 7.75).status_code == 404
        assert list(get(server, anna, camera, begin, width=5000).json()) == ["width"]
    kept = get(server, anna, camera, begin + 7.75)
    assert kept.status_code == 200, "without a detector, as it is kept"
    others: list[httpx.Response] = []
    threads = [threading.Thread(target=lambda: others.append(get(server, anna, camera, begin + 9))) for _ in range(2)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert [one.status_code for one in others] == [503, 503]
    assert {one.json()["detail"].partition(".")[0] for one in others} == {"No detector is connected that could do it"}


def test_a_detector_fetches_the_file_from_s3_by_a_link(s3: S3Server, tmp_path: Path) -> None:
    begin = float(int(time.time()) - 3600)
    bucket = s3.make_bucket()
    with backend_server(tmp_path / "directory") as before:
        user = before.create_user("anna")
        camera = before.add_camera(user.token, name="Yard", rtsp_url="rtsp://192.0.2.7/1")
        clip = make_clip(tmp_path / "clip.mp4", seconds=6)
        token = before.token("anna", "pipeline")
        with before.client(token) as client:
            make_recording(client, before.media, camera, clip, begin=begin, seconds=6)
        before.stop()
        with s3.client() as client:
            for path in before.media.rglob("*.mp4"):
                client.upload_file(str(path), bucket, str(path.relative_to(before.media)))
                path.unlink()
        kept = {name: before.environment[name] for name in ("VIGIL_SECRET_KEY", "VIGIL_CREDENTIAL_KEYS")}
        moved = {**kept, "VIGIL_DATA_DIR": str(before.directory), **s3.environment(bucket)}
    with (
        backend_server(tmp_path / "bucket", environment=moved, is_migrated=True) as server,
        detector(server, token),
    ):
        answer = get(server, user, camera, begin + 2.05)
        assert answer.status_code == 200, answer.text
        assert abs(place_of_square(answer.content)[0] - 160) <= 8
