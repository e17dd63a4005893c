"""`active-cameras/` with ten thousand cameras: the cost without changes, and the delay of a change."""

import statistics
import time
from pathlib import Path

import httpx
from tests.bench.backend.load import get, one_by_one
from tests.bench.backend.world import add_cameras, stream_url_at_rest, user_id_of, vigil
from tests.bench.report import Measurement
from tests.integration.services.postgres import PostgresServer

from vigil_contracts.camera import CHANGES_ONLY

CAMERAS = 10_000
TIMES = 200
CHANGES = 5


def measure(folder: Path, postgres: PostgresServer) -> list[Measurement]:
    """Measure the requests of a pipeline."""
    url = postgres.create_database()
    with vigil(folder, url) as backend:
        user = backend.create_user("bench", is_superuser=True)
        camera_id = backend.add_camera(user.token, name="first", rtsp_url="rtsp://10.0.0.1/1")
        add_cameras(url, user_id_of(url, "bench"), CAMERAS - 1, url=stream_url_at_rest(url))
        token = backend.token("bench", "pipeline")
        with backend.client(token) as client, backend.client(user.token) as people:
            client.timeout = people.timeout = httpx.Timeout(300)
            began = time.perf_counter()
            whole = client.get("/api/active-cameras/")
            first_seconds = time.perf_counter() - began
            assert len(whole.json()) == CAMERAS
            etag = whole.headers["ETag"]
            request = get("/api/active-cameras/", token, if_none_match=etag)
            one_by_one(backend.port, lambda _: request, count=20)
            answers = one_by_one(backend.port, lambda _: request, count=TIMES)
            assert set(answers.statuses) == {httpx.codes.NOT_MODIFIED}, answers.statuses
            seen = []
            for number in range(CHANGES):
                people.patch(f"/api/cameras/{camera_id}/", json={"group": f"g{number}"}).raise_for_status()
                began = time.perf_counter()
                while True:
                    answer = client.get("/api/active-cameras/?group=" + f"g{number}", headers={"If-None-Match": etag})
                    if answer.status_code == httpx.codes.OK and len(answer.json()) == 1:
                        break
                seen.append(time.perf_counter() - began)
            whole_seconds, changes_seconds = _after_changes(people, client, camera_id)
    return [
        Measurement.plain("active cameras: whole response created again", first_seconds, "s"),
        Measurement.at_most("active cameras: 304, 95 % within", answers.p95_ms, "ms", 2),
        Measurement.plain("active cameras: 304, half within", answers.median_ms, "ms"),
        Measurement.plain("active cameras: whole response after a change", whole_seconds, "s"),
        Measurement.plain("active cameras: only the change", changes_seconds, "s"),
        Measurement.at_most("active cameras: a change is seen after", statistics.median(seen), "s", 1),
    ]


def _after_changes(people: httpx.Client, client: httpx.Client, camera_id: int) -> tuple[float, float]:
    """Return the median times of the whole list, and of its changes, after a change of one camera, in turns."""
    etag = client.get("/api/active-cameras/").headers["ETag"]
    seconds: dict[int, list[float]] = {httpx.codes.OK: [], httpx.codes.IM_USED: []}
    for number in range(2 * CHANGES):
        people.patch(f"/api/cameras/{camera_id}/", json={"name": f"changed {number}"}).raise_for_status()
        headers = {"If-None-Match": etag} | ({"A-IM": CHANGES_ONLY} if number % 2 else {})
        began = time.perf_counter()
        answer = client.get("/api/active-cameras/", headers=headers)
        seconds[answer.status_code].append(time.perf_counter() - began)
        etag = answer.headers["ETag"]
    return statistics.median(seconds[httpx.codes.OK]), statistics.median(seconds[httpx.codes.IM_USED])
