"""The shipped nginx before two real backends, with PostgreSQL through PgBouncer, and Redis."""

import io
import re
import secrets
import threading
import time
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from cryptography.fernet import Fernet
from tests.cluster.polling import eventually
from tests.cluster.reaper import Reaper
from tests.integration.backend.test_ingest import PICTURE, Scene, make_scene
from tests.integration.services.backend import BackendServer, backend_server, migrate
from tests.integration.services.made_clips import make_clip
from tests.integration.services.made_recordings import make_recording
from tests.integration.services.nginx import SHIPPED, Nginx, checked, copied, nginx
from tests.integration.services.pgbouncer import pgbouncer
from tests.integration.services.postgres import PostgresServer
from tests.integration.services.redis import RedisServer, redis_server
from tests.integration.web.live import PodDetector, read_on, slow_viewer, watch

from surveillance_backend.environment import Environment
from vigil_apps.evidence.core.keys import new_key
from vigil_contracts.api_client import ApiClient

pytestmark = pytest.mark.timeout(500)
POOL_SIZE = 4
STREAM = "/api/alerts/stream/?last_event_id=0"
"""From the first alert on, so that nothing is missed even if a backend starts polling late."""


@dataclass(frozen=True)
class Site:
    """All servers behind the browser."""

    first: BackendServer
    second: BackendServer
    nginx: Nginx
    redis: RedisServer
    scene: Scene
    media: Path

    def send(self, event_id: str, *, to: BackendServer | None = None) -> None:
        """Send an alert with an image directly to a backend."""
        with ApiClient((to or self.first).url, self.scene.token) as client:
            assert client.send_alert(self.scene.submission(event_id), PICTURE)


@pytest.fixture(scope="module")
def site(postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Two backends with one worker each; sessions are not bound to one of them."""
    folder = tmp_path_factory.mktemp("site")
    database = postgres.create_database().rpartition("/")[2]
    with ExitStack() as stack:
        reaper = Reaper()
        stack.callback(reaper.close)
        direct = postgres.url(database)
        migrate(BackendServer(folder / "none", reaper, database_url=direct), direct)  # bypasses the pool
        redis = stack.enter_context(redis_server())
        url = stack.enter_context(pgbouncer(postgres, database, pool_size=POOL_SIZE))
        environment = {
            "VIGIL_SECRET_KEY": secrets.token_urlsafe(50),
            "VIGIL_CREDENTIAL_KEYS": Fernet.generate_key().decode(),
            "VIGIL_MEDIA_DIR": str(folder / "media"),
            "VIGIL_MEDIA_MAX_USED_PERCENT": "100",
            "VIGIL_EVIDENCE_KEY": new_key(),
            "VIGIL_MEDIA_ACCEL_PREFIX": "/protected-media/",
            "VIGIL_BEHIND_TLS_PROXY": "1",
            "VIGIL_INSECURE_HTTP": "0",
            "VIGIL_DATABASE_IS_POOLED": "1",
            "VIGIL_RATE_PER_ADDRESS": "1000/minute",
            "REDIS_URL": redis.url,
        }
        backends = [
            stack.enter_context(
                backend_server(folder / name, database_url=url, environment=environment, is_migrated=True)
            )
            for name in ("first", "second")
        ]
        addresses = [backend.url.removeprefix("http://") for backend in backends]
        front = stack.enter_context(nginx(folder / "nginx", backends=addresses, media=folder / "media"))
        first, second = backends
        yield Site(first, second, front, redis, make_scene(backends[0]), folder / "media")


def test_nginx_accepts_the_shipped_files(tmp_path: Path) -> None:
    copied(tmp_path / "nginx")
    found = checked(tmp_path / "nginx")
    assert found.returncode == 0, found.stderr
    assert "warn" not in found.stderr


def test_body_limit_equals_the_backends() -> None:
    (limit,) = re.findall(r"client_max_body_size (\d+)m;", (SHIPPED / "nginx.conf").read_text())
    assert int(limit) * 1024 * 1024 == Environment(data_dir=Path()).max_request_bytes


def test_nginx_serves_images_and_clips_with_authorisation(site: Site, tmp_path: Path) -> None:
    site.send("event-picture")
    clip = make_clip(tmp_path / "clip.mp4", seconds=1).read_bytes()
    with site.nginx.client(site.scene.token) as client:
        fields = {"event_id": "event-picture", "camera": str(site.scene.camera_id), "duration_seconds": "1"}
        fields["started_at"] = "2026-11-23T12:00:00Z"
        sent = client.post("/api/send-clip/", data=fields, files={"clip": ("clip.mp4", clip, "video/mp4")})
    assert sent.status_code == 201, sent.text
    row = next(row for row in site.first.alerts(site.scene.user_token) if row["event_id"] == "event-picture")
    with site.nginx.client(site.scene.user_token) as client:
        picture = client.get(row["image"])
        part = client.get(row["clip"], headers={"Range": "bytes=10-19"})
        again = client.get(row["image"], headers={"If-None-Match": picture.headers["etag"]})
        inside = client.get(f"/protected-media/{next(site.media.rglob('*.jpg')).relative_to(site.media)}")
    stored = {path.read_bytes() for path in site.media.rglob("*.jpg")}
    assert (picture.status_code, picture.headers["content-type"]) == (200, "image/jpeg")
    assert picture.content in stored
    assert (part.status_code, part.content) == (206, clip[10:20])
    assert again.status_code == 304
    assert inside.status_code == 404
    assert "x-accel-redirect" not in picture.headers
    assert picture.headers["cache-control"] == "private, max-age=60"
    assert picture.headers["x-content-type-options"] == "nosniff"
    assert picture.headers["content-security-policy"] == "default-src 'none'"
    assert "max-age=31536000" in picture.headers["strict-transport-security"]
    with site.nginx.client() as client:
        assert client.get(row["image"]).status_code == 401
    ben = site.second.create_user("ben")
    with site.nginx.client(ben.token) as client:
        assert client.get(row["image"]).status_code == 404


def test_nginx_serves_the_export_of_a_case_and_its_ranges(site: Site, tmp_path: Path) -> None:
    began, camera = datetime(2026, 11, 23, 12, tzinfo=UTC), site.scene.camera_id
    clip = make_clip(tmp_path / "clip.mp4", seconds=6)
    with site.first.client(site.scene.token) as detector:
        make_recording(detector, site.media, camera, clip, begin=began.timestamp(), seconds=12)
    with site.nginx.client(site.scene.user_token) as client:
        case = f"/api/cases/{client.post('/api/cases/', json={'title': 'Break-in'}).json()['id']}/"
        period = {"camera": camera, "start": began.isoformat(), "end": (began + timedelta(seconds=12)).isoformat()}
        assert client.post(f"{case}items/", json=period).status_code == 201
        export = f"{case}exports/{client.post(f'{case}exports/').json()['id']}/"
        eventually(lambda: client.get(export).json()["state"] == "done", 60)
        archive = client.get(f"{export}archive.zip")
        part = client.get(f"{export}archive.zip", headers={"Range": "bytes=100-199"})
    assert (archive.status_code, archive.headers["content-type"]) == (200, "application/zip")
    assert archive.headers["content-disposition"].startswith("attachment")
    assert "x-accel-redirect" not in archive.headers
    packed = zipfile.ZipFile(io.BytesIO(archive.content))
    assert packed.testzip() is None
    assert any(name.endswith(".mp4") for name in packed.namelist())
    assert (part.status_code, part.content) == (206, archive.content[100:200])
    with site.nginx.client() as client:
        assert client.get(f"{export}archive.zip").status_code == 401
    with site.nginx.client(site.second.create_user("stranger").token) as client:
        assert client.get(f"{export}archive.zip").status_code == 404


def test_alert_of_one_backend_reaches_the_stream_of_another(site: Site) -> None:
    got: list[tuple[str, float]] = []

    def listen(client: httpx.Client, opened: threading.Event) -> None:
        with client, client.stream("GET", STREAM) as answer:
            for line in answer.iter_lines():
                opened.set()
                if "event-stream" in line:
                    got.append((line, time.monotonic()))
                    return

    listeners = []
    for client in (site.second.client(site.scene.user_token), site.nginx.client(site.scene.user_token)):
        opened = threading.Event()
        listeners.append(threading.Thread(target=listen, args=[client, opened], daemon=True))
        listeners[-1].start()
        assert opened.wait(60), "its first line comes at once, not with a full buffer"
    time.sleep(3)  # until the broadcasters have polled for the first time
    site.send("event-stream", to=site.first)
    sent_at = time.monotonic()
    for listener in listeners:
        listener.join(60)
    assert len(got) == 2
    assert max(at for _, at in got) - sent_at < 30, "on a machine that does other things too"


def test_live_frames_reach_the_viewers_of_every_backend(site: Site) -> None:
    """The detector sends to one backend; viewers use both, directly and through nginx, and one reads nothing."""
    with site.first.client(site.first.token("anna", "operator")) as operator:
        answer = operator.post(f"/api/cameras/{site.scene.camera_id}/detector-token/")
    assert answer.status_code == 201, answer.text
    camera_id, token = site.scene.camera_id, site.scene.user_token
    detector = PodDetector(site.second.url, answer.json()["token"], camera_id)
    clients = [site.first.client(token), site.second.client(token), site.nginx.client(token)]
    with (
        detector.running(),
        slow_viewer(site.first, token, camera_id) as slow,
        ThreadPoolExecutor(len(clients)) as pool,
    ):
        quick = [found.result(90) for found in [pool.submit(watch, one, camera_id, 40) for one in clients]]
        late = read_on(slow, fresh_seconds=2)
        sent = len(detector.sent)
    for seen in quick:
        assert [one.taken_at for one in seen] == sorted({one.taken_at for one in seen}), "none twice, none older"
        ages = sorted(one.came_at - one.taken_at for one in seen)
        assert ages[len(ages) // 2] < 2, "of now, on a machine that does other things too"
    assert late[-1].came_at - late[-1].taken_at < 2, "a slow viewer sees the current frame"
    assert len(late) < sent / 2, "and is not given all that was missed"


def test_client_address_is_forwarded(site: Site) -> None:
    forged = {"X-Forwarded-For": "8.8.8.8", "Forwarded": "for=8.8.8.8", "X-Real-IP": "8.8.8.8"}
    with site.nginx.client(site.scene.user_token, source="127.0.0.9") as client:
        path = f"/api/cameras/{site.scene.camera_id}/"
        assert client.patch(path, json={"group": "yard"}, headers=forged).status_code == 200
    root = site.first.create_user("root", is_superuser=True)
    with site.nginx.client(root.token) as client:
        entries = client.get("/api/audit/").json()["results"]
    entry = next(entry for entry in entries if entry["kind"] == "camera" and "group" in entry["changes"])
    assert entry["address"] == "127.0.0.9"


def test_pages_need_tls_and_internal_paths_are_hidden(site: Site) -> None:
    plain = f"http://127.0.0.1:{site.nginx.plain_port}"
    led_on = httpx.get(f"{plain}/dashboard/?a=1")
    assert (led_on.status_code, led_on.headers["location"]) == (308, "https://127.0.0.1/dashboard/?a=1")
    assert httpx.get(f"{plain}/api/alerts/").status_code == 403
    with site.nginx.client() as client:
        assert client.get("/metrics").status_code == 404
        assert client.get("/readyz").status_code == 404
        page = client.get("/dashboard/login/")
        long = client.post("/api/token/", content=b"x" * (19 * 1024 * 1024))
    assert page.status_code == 200
    assert "max-age=31536000" in page.headers["strict-transport-security"]
    assert "Secure" in page.headers["set-cookie"]
    assert page.headers["server"] == "nginx", "and no version"
    assert long.status_code == 413


def test_a_session_works_on_either_backend(site: Site) -> None:
    anna = site.first.create_user("session")
    with site.nginx.client(follow_redirects=False) as client:
        page = client.get("/dashboard/login/")
        token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page.text)
        assert token is not None
        form = {"username": anna.username, "password": anna.password, "csrfmiddlewaretoken": token[1]}
        signed_in = client.post(
            "/dashboard/login/", data=form, headers={"Referer": f"{site.nginx.url}/dashboard/login/"}
        )
        assert signed_in.status_code == 302, signed_in.text
        for _ in range(4):
            assert client.get("/dashboard/").status_code == 200


def test_more_clients_than_the_pool_has_connections(site: Site) -> None:
    """Transactions share the connections: exports, pages and alerts at once."""
    event_ids = [f"event-pool-{number:03}" for number in range(24)]
    with ThreadPoolExecutor(12) as pool:
        sent = [
            pool.submit(site.send, event, to=(site.first, site.second)[n % 2]) for n, event in enumerate(event_ids)
        ]

        def export(_: int) -> int:
            with site.nginx.client(site.scene.user_token) as client:
                return client.get("/api/alerts/export.json").status_code

        assert set(pool.map(export, range(6))) == {200}
        for part in sent:
            part.result(120)
    with site.nginx.client(site.scene.user_token) as client:
        lines = client.get("/api/alerts/export.csv").text.splitlines()
    assert {event for event in event_ids if any(event in line for line in lines)} == set(event_ids)


def test_redis_outage(site: Site) -> None:
    """Cache and rate limits use Redis; without it, requests work and alerts are stored."""
    site.redis.kill()
    began = time.monotonic()
    site.send("event-no-redis")
    assert time.monotonic() - began < 10
    with site.nginx.client(site.scene.user_token) as client:
        assert client.get("/api/cameras/").status_code == 200
        assert client.get("/api/active-cameras/").status_code == 200
        site.redis.start()
        assert client.get("/api/active-cameras/").status_code == 200
    site.send("event-redis-back")
    stored = [row["event_id"] for row in site.second.alerts(site.scene.user_token)]
    assert stored.count("event-no-redis") == stored.count("event-redis-back") == 1
    with site.redis.client() as client:
        assert client.dbsize() > 0, "it is counted in Redis again"


def test_requests_avoid_a_killed_backend(site: Site) -> None:
    site.second.kill()
    try:
        with site.nginx.client(site.scene.user_token) as client:
            assert {client.get("/api/cameras/").status_code for _ in range(12)} == {200}
    finally:
        site.second.start()
