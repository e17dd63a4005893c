"""Pages of a million alerts of a thousand cameras: the first, a deep one, and the dashboard's first.

VIGIL_BENCH_ALERTS sets the number of alerts.
"""

import os
from base64 import b64encode
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import quote

import httpx
from tests.bench.backend.load import get, one_by_one
from tests.bench.backend.world import add_cameras, cursor_of, stream_url_at_rest, user_id_of, vigil
from tests.bench.report import Measurement
from tests.integration.services.backend import BackendServer, BackendUser
from tests.integration.services.postgres import PostgresServer

ALERTS = int(os.environ.get("VIGIL_BENCH_ALERTS", "1000000"))
CAMERAS = 1000
TIMES = 60


def measure(folder: Path, postgres: PostgresServer) -> list[Measurement]:
    """Measure for a superuser, for the owner of all cameras, and for the owner of one."""
    url = postgres.create_database()
    with vigil(folder, url) as backend:
        root, owner, guest = (
            backend.create_user(name, is_superuser=name == "root") for name in ("root", "owner", "guest")
        )
        backend.add_camera(owner.token, name="first", rtsp_url="rtsp://10.0.0.1/1")
        ids = add_cameras(url, user_id_of(url, "owner"), CAMERAS - 1, url=stream_url_at_rest(url), active=False)
        add_alerts(url, ids)
        with cursor_of(url) as cursor:
            cursor.execute(
                "UPDATE surveillance_camera SET user_id = %s WHERE id = %s", (user_id_of(url, "guest"), ids[0])
            )
        figures = [Measurement.plain("lists: alerts", ALERTS, "")]
        for name, user in (("superuser", root), ("owner of 999 cameras", owner), ("owner of one camera", guest)):
            figures += _pages(backend, user, name, ALERTS // 2)
        return [*figures, _dashboard(backend, owner)]


def add_alerts(database_url: str, camera_ids: list[int]) -> None:
    """Add alerts, spread over the cameras and 90 days, 1 in 50 of them open."""
    with cursor_of(database_url) as cursor:
        cursor.execute(
            "INSERT INTO surveillance_alert (camera_id, event_id, alert_type, confidence, timestamp, received_at,"
            " description, label, track, zone, rule, image, clip, acknowledged, resolved, is_false_positive)"
            " SELECT (%s::bigint[])[1 + n %% %s], 'bench-' || n, (ARRAY['person','vehicle','animal'])[1 + n %% 3],"
            " 0.5 + (n %% 50) / 100.0, at, at, 'Bench alert ' || n %% 1000, 'person', '', 'zone ' || n %% 7, '',"
            " '', '', n %% 50 <> 0, n %% 50 <> 0, n %% 97 = 0"
            " FROM (SELECT n, now() - interval '90 days' * (1 - n / %s::float) AS at"
            "       FROM generate_series(1, %s) n) numbered",
            (camera_ids, len(camera_ids), ALERTS, ALERTS),
        )
        cursor.execute("VACUUM ANALYZE")


def _pages(backend: BackendServer, user: BackendUser, name: str, middle: int) -> list[Measurement]:
    cursor = quote(b64encode(f"p={middle}".encode()).decode())
    by_time = quote(b64encode(b"p=" + _middle_time(middle)).decode())
    paths = {
        "first page": "/api/alerts/",
        "deep page": f"/api/alerts/?cursor={cursor}",
        "by time, deep": f"/api/alerts/?ordering=timestamp&cursor={by_time}",
        "new ones": "/api/alerts/?acknowledged=false",
    }
    return [
        Measurement.at_most(f"lists: {name}, {page}: 95 % within", _p95(backend, get(path, user.token)), "ms", 50)
        for page, path in paths.items()
    ]


def _middle_time(middle: int) -> bytes:
    return quote(f"{datetime.now(UTC) - timedelta(days=45)}|{middle}").encode()


def _dashboard(backend: BackendServer, user: BackendUser) -> Measurement:
    with httpx.Client(base_url=backend.url, headers={"Referer": backend.url}) as browser:
        browser.get("/dashboard/login/")
        form = {"username": user.username, "password": user.password}
        form["csrfmiddlewaretoken"] = browser.cookies["csrftoken"]
        assert browser.post("/dashboard/login/", data=form).status_code == httpx.codes.FOUND
        cookies = "; ".join(f"{name}={value}" for name, value in browser.cookies.items())
    request = f"GET /dashboard/ HTTP/1.1\r\nHost: 127.0.0.1\r\nCookie: {cookies}\r\n\r\n".encode()
    return Measurement.at_most("lists: dashboard's first page: 95 % within", _p95(backend, request), "ms", 150)


def _p95(backend: BackendServer, request: bytes) -> float:
    def make(_: int) -> bytes:
        return request

    one_by_one(backend.port, make, count=5)
    answers = one_by_one(backend.port, make, count=TIMES)
    assert set(answers.statuses) == {httpx.codes.OK}, answers.statuses
    return answers.p95_ms
