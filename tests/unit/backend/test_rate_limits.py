"""Rate limits: exact under threads, separate per camera, token and address, with a retry time."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.exceptions import ImproperlyConfigured
from django.test import Client
from limits.storage import MemoryStorage
from rest_framework.test import APIClient
from tests.unit.backend.conftest import Party, party, send

from surveillance.models import Alert, Camera
from surveillance_backend.environment import load
from vigil_apps.accounts.lockout import TOO_MANY_ATTEMPTS
from vigil_apps.accounts.scopes import Scope
from vigil_apps.web import rate_limits
from vigil_apps.web.rate_limits import seconds_to_wait


@pytest.fixture
def rates(settings: Any) -> Callable[..., None]:
    """Return a function that sets limits; other kinds have none."""

    def choose(**kinds: str) -> None:
        settings.VIGIL_RATES = {
            "camera": "",
            "token": "",
            "address": "",
            "proxy": "",
            "probe": "",
            "control": "",
            **kinds,
        }

    return choose


def test_concurrent_requests_are_all_counted(rates: Callable[..., None]) -> None:
    rates(token="50/minute")
    with ThreadPoolExecutor(16) as pool:
        waits = list(pool.map(lambda _: seconds_to_wait("token", "t"), range(400)))
    assert waits.count(0) == 50
    assert all(0 <= wait <= 60 for wait in waits)


def test_steady_requests_start_no_threads(rates: Callable[..., None], monkeypatch: pytest.MonkeyPatch) -> None:
    rates(token="1000000/minute")
    seconds_to_wait("token", "t")
    started: list[threading.Thread] = []
    start = threading.Thread.start

    def counted(thread: threading.Thread) -> None:
        started.append(thread)
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", counted)
    until = time.monotonic() + 0.3
    while time.monotonic() < until:
        seconds_to_wait("token", "t")
        time.sleep(0.001)
    assert len(started) <= 1


def test_expired_requests_are_forgotten(rates: Callable[..., None], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rate_limits, "_EXPIRY_SECONDS", 0.05)
    rates(token="1/second")
    assert seconds_to_wait("token", "t") == 0
    storage = rate_limits._limiter("memory://").storage
    assert isinstance(storage, MemoryStorage)
    assert any(storage.events.values())
    time.sleep(1.1)
    seconds_to_wait("token", "another")
    until = time.monotonic() + 5
    while any(events for key, events in storage.events.items() if "another" not in key):
        assert time.monotonic() < until, storage.events
        time.sleep(0.02)


def test_alerts_over_the_cameras_limit_are_delayed(
    rates: Callable[..., None], camera: Camera, detector: Party, pipeline: Party
) -> None:
    rates(camera="2/minute")
    other = Camera.objects.create(user=camera.user, name="Other", rtsp_url="rtsp://h/1")
    assert [send(detector, camera, event_id=f"event-000{n}").status_code for n in range(2)] == [201, 201]
    for sender in (detector, pipeline):  # the limit is per camera, regardless of the sender
        refused = send(sender, camera, event_id="event-0002")
        assert refused.status_code == 429
        assert 1 <= int(refused.headers["Retry-After"]) <= 60
        assert "Request was throttled" in refused.json()["detail"]
    assert send(pipeline, other, event_id="event-0002").status_code == 201
    assert Alert.objects.count() == 3


def test_each_token_has_its_own_limit(rates: Callable[..., None], anna: Party, ben: Party, camera: Camera) -> None:
    rates(token="3/minute")
    second = party(anna.user)
    assert [anna.client.get("/api/cameras/").status_code for _ in range(4)] == [200, 200, 200, 429]
    assert second.client.get("/api/cameras/").status_code == 200
    assert ben.client.get("/api/cameras/").status_code == 200


def test_services_are_limited_only_per_camera(rates: Callable[..., None], pipeline: Party) -> None:
    rates(token="1/minute")
    assert {pipeline.client.get("/api/active-cameras/").status_code for _ in range(5)} == {200}


def test_anonymous_endpoints_are_limited_by_address(rates: Callable[..., None], db: None) -> None:
    rates(address="2/minute")
    body = {"username": "nobody", "password": "x"}

    def status(address: str) -> int:
        return int(APIClient().post("/api/token/", body, REMOTE_ADDR=address).status_code)

    assert [status("192.0.2.1") for _ in range(3)] == [401, 401, 429]
    assert status("192.0.2.2") == 401


def test_sign_in_pages_are_limited_by_address(rates: Callable[..., None], db: None) -> None:
    rates(address="3/minute")

    def attempt(path: str, number: int, address: str = "192.0.2.1") -> Any:
        body = {"username": f"nobody{number}", "password": "x"}
        return Client().post(path, body, REMOTE_ADDR=address)

    pages = ["/dashboard/login/", "/invitation/none/"]
    statuses = [attempt(path, number).status_code for number, path in enumerate([*pages, "/dashboard/login/"])]
    assert statuses == [200, 404, 200]
    admin = attempt("/admin/login/", 3)
    assert (admin.status_code, admin["Location"]) == (302, "/dashboard/login/?next=/admin/"), "it checks no password"
    for path in pages:  # all are counted together
        refused = attempt(path, 4)
        assert refused.status_code == 429
        wait = int(refused.headers["Retry-After"])
        assert 1 <= wait <= 60
        assert TOO_MANY_ATTEMPTS.format(seconds=wait) in refused.content.decode()
        assert Client().get(path, REMOTE_ADDR="192.0.2.1").status_code != 429, "a page alone costs little"
    assert APIClient().post("/api/token/", {}, REMOTE_ADDR="192.0.2.1").status_code == 429
    assert attempt(pages[0], 5, address="192.0.2.2").status_code == 200


def test_unavailable_cache_does_not_block_requests(rates: Callable[..., None], anna: Party, settings: Any) -> None:
    rates(token="1/minute")
    settings.VIGIL_RATE_STORAGE = "redis://127.0.0.1:1"
    assert [anna.client.get("/api/cameras/").status_code for _ in range(3)] == [200, 200, 200]


@pytest.mark.parametrize("value", ["many", "10", "10/fortnight"])
def test_invalid_rate_is_named(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("VIGIL_RATE_PER_TOKEN", value)
    with pytest.raises(ImproperlyConfigured, match=r"VIGIL_RATE_PER_TOKEN: .*must be like 600/minute"):
        load()


def test_detector_has_a_limit_too(rates: Callable[..., None], make_user: Callable[..., User], camera: Camera) -> None:
    rates(token="1/minute")
    detector = party(camera.user, Scope.DETECTOR, camera)
    url = f"/api/cameras/{camera.pk}/configuration/"
    assert [detector.client.get(url).status_code for _ in range(2)] == [200, 429]
