"""Open streams end within 5 s of losing permission, on the real server with two workers."""

import json
import threading
import time

import httpx
import pytest
from tests.integration.services.backend import BackendServer

pytestmark = pytest.mark.timeout(300)
WITHIN_SECONDS = 5.0
ALERTS, TASKS = "/api/alerts/stream/", "/api/errands/"

SETUP = """
import json
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.auth.models import User
from django.contrib.sessions.backends.db import SessionStore
from vigil_apps.accounts.models import AuthToken
from vigil_apps.accounts.services import token_create
from surveillance.models import Camera
users = {name: User.objects.create_user(name, is_superuser=name == "root") for name in ("anna", "ben", "root")}
made = {name: token_create(user=user, scope="user") for name, user in users.items()}
made["pipeline"] = token_create(user=users["anna"], scope="pipeline")
made["kept"] = token_create(user=users["anna"], scope="user", name="kept")
session = SessionStore()
session[SESSION_KEY] = str(users["anna"].pk)
session[BACKEND_SESSION_KEY] = "django.contrib.auth.backends.ModelBackend"
session[HASH_SESSION_KEY] = users["anna"].get_session_auth_hash()
session.create()
made["session"] = session.session_key
made["camera"] = Camera.objects.create(user=users["anna"], name="a", rtsp_url="rtsp://h/1", is_active=True).pk
print(json.dumps(made))
"""
REVOKE = """
import time
began = time.time()
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from vigil_apps.accounts.models import AuthToken
AuthToken.objects.filter(user__username="anna").exclude(name="kept").delete()
Session.objects.all().delete()
User.objects.filter(username="ben").update(is_active=False)
User.objects.filter(username="root").update(is_superuser=False)
print(began)
"""
CLOSE = "from django.contrib.auth.models import User; User.objects.update(is_active=False)"


class _Open(threading.Thread):
    """A stream that is read until it ends."""

    def __init__(self, client: httpx.Client, path: str) -> None:
        super().__init__(daemon=True)
        self._client, self._path = client, path
        self._begun = threading.Event()
        self.ended_at: float | None = None
        self.start()
        assert self._begun.wait(60), path

    def run(self) -> None:
        with self._client, self._client.stream("GET", self._path) as answer:
            assert answer.status_code == 200, answer.read()
            for _ in answer.iter_raw():
                self._begun.set()
        self.ended_at = time.time()


def test_lost_right_ends_a_stream_within_five_seconds(backend: BackendServer) -> None:
    made = json.loads(backend.manage("shell", "--no-imports", "-c", SETUP).splitlines()[-1])
    browser = backend.client(cookies={"sessionid": made["session"]})
    kept = [_Open(backend.client(made["kept"]), ALERTS) for _ in range(3)]
    streams = {
        "revoked token, alerts": _Open(backend.client(made["anna"]), ALERTS),
        "revoked token, live": _Open(backend.client(made["anna"]), f"/api/cameras/{made['camera']}/live/"),
        "revoked pipeline": _Open(backend.client(made["pipeline"]), TASKS),
        "closed account": _Open(backend.client(made["ben"]), ALERTS),
        "demoted superuser": _Open(backend.client(made["root"]), ALERTS),
        "ended session": _Open(browser, ALERTS),
    }
    time.sleep(3)
    assert not [name for name, stream in streams.items() if stream.ended_at is not None]
    revoked_at = float(backend.manage("shell", "--no-imports", "-c", REVOKE))
    for stream in streams.values():
        stream.join(30)
    seconds = {name: round((stream.ended_at or 1e9) - revoked_at, 2) for name, stream in streams.items()}
    print(seconds)
    assert max(seconds.values()) < WITHIN_SECONDS, seconds
    assert not [stream for stream in kept if stream.ended_at is not None]
    backend.manage("shell", "--no-imports", "-c", CLOSE)
    for stream in kept:
        stream.join(30)
