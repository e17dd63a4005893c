"""Lockout after wrong passwords, forbidden stream addresses, key rotation, secure cookies."""

from collections.abc import Callable
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from axes.models import AccessAttempt
from cryptography.fernet import Fernet
from django.conf import settings as django_settings
from django.contrib.auth.models import User
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.utils import timezone
from rest_framework.test import APIClient
from tests.unit.backend.conftest import Party

from surveillance.core.validation import HOST_FORBIDDEN
from surveillance.models import Camera, CameraListVersion
from surveillance_backend.environment import Environment, load
from vigil_apps.accounts.lockout import WORDS

PASSWORD = "correct horse battery"


def _token(username: str, password: str, address: str = "192.0.2.1") -> Any:
    return APIClient().post("/api/token/", {"username": username, "password": password}, REMOTE_ADDR=address)


def test_password_guessing_is_locked_out_with_a_clear_message(make_user: Callable[..., User], settings: Any) -> None:
    make_user("anna")
    assert {_token("anna", f"guess {number}").status_code for number in range(9)} == {401}
    refused = [_token("anna", "guess 10"), _token("anna", PASSWORD)]  # the correct password is rejected, too
    for answer in refused:
        assert (answer.status_code, answer.json()) == (429, {"detail": WORDS})
        assert answer.headers["Retry-After"] == "900"
    page = Client().post("/dashboard/login/", {"username": "anna", "password": PASSWORD}, REMOTE_ADDR="192.0.2.1")
    assert page.status_code == 429
    assert WORDS in page.content.decode()
    assert page.headers["Retry-After"] == "900"


def test_lockout_affects_only_the_guesser_and_expires(make_user: Callable[..., User]) -> None:
    make_user("anna")
    make_user("ben")
    for number in range(10):
        _token("anna", f"guess {number}")
    assert _token("anna", PASSWORD, "192.0.2.2").status_code == 200, "anna herself is somewhere else"
    assert _token("ben", PASSWORD).status_code == 200
    AccessAttempt.objects.update(attempt_time=timezone.now() - timedelta(minutes=16))
    assert _token("anna", PASSWORD).status_code == 200


def test_attempts_do_not_store_passwords(make_user: Callable[..., User]) -> None:
    make_user("anna")
    Client().post("/dashboard/login/", {"username": "anna", "password": "zZmarkedZz"})
    _token("anna", "zZmarkedZz")
    assert AccessAttempt.objects.exists()
    assert "zZmarkedZz" not in repr(list(AccessAttempt.objects.values()))


FORBIDDEN = [
    "127.0.0.1",
    "127.1",
    "2130706433",
    "0x7f.0.0.1",
    "0177.0.0.1",
    "localhost",
    "LOCALHOST.",
    "a.localhost",
    "0.0.0.0",
    "169.254.169.254",
    "metadata.google.internal",
    "100.100.100.200",
    "224.0.0.1",
    "[::1]",
    "[::ffff:127.0.0.1]",
    "[64:ff9b::7f00:1]",
    "[fe80::1]",
    "[fd00:ec2::254]",
]


@pytest.mark.parametrize("host", FORBIDDEN)
def test_loopback_and_metadata_urls_are_rejected(anna: Party, host: str) -> None:
    for url in (f"rtsp://u:Pa55word@{host}:554/1", f"rtsp://{host}/1"):
        answer = anna.client.post("/api/cameras/", {"name": "Gate", "rtsp_url": url})
        assert (answer.status_code, answer.json()) == (400, {"rtsp_url": [HOST_FORBIDDEN]}), url
    assert not Camera.objects.exists()


@pytest.mark.parametrize("host", ["10.0.0.9", "192.168.1.20", "[fd12::9]", "203.0.113.9", "camera.example"])
def test_private_and_public_addresses_are_accepted(anna: Party, host: str) -> None:
    assert anna.client.post("/api/cameras/", {"name": "Gate", "rtsp_url": f"rtsp://{host}/1"}).status_code == 201


def test_allow_list(anna: Party, settings: Any) -> None:
    settings.VIGIL_CAMERA_ADDRESSES = Environment(camera_networks="10.1.0.0/16, fd12::/16").camera_addresses
    for host, status in (("10.1.2.3", 201), ("10.2.2.3", 400), ("[fd12::9]", 201), ("127.0.0.1", 400)):
        answer = anna.client.post("/api/cameras/", {"name": host, "rtsp_url": f"rtsp://{host}/1"})
        assert answer.status_code == status, host
    settings.VIGIL_CAMERA_ADDRESSES = Environment(camera_allow_loopback=True).camera_addresses
    answer = anna.client.post("/api/cameras/", {"name": "demo", "rtsp_url": "rtsp://127.0.0.1/1"})
    assert answer.status_code == 201


def test_change_to_a_forbidden_host_is_rejected(anna: Party, camera: Camera) -> None:
    before = camera.rtsp_url
    answer = anna.client.patch(f"/api/cameras/{camera.pk}/", {"rtsp_url": "rtsp://127.0.0.1/1"})
    assert answer.status_code == 400
    camera.refresh_from_db()
    assert camera.rtsp_url == before


def test_invalid_network_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIGIL_CAMERA_NETWORKS", "10.0.0.0/8,ten")
    with pytest.raises(ImproperlyConfigured, match=r"VIGIL_CAMERA_NETWORKS: .*must be networks like 10.0.0.0/8"):
        load()


def test_rotation_encrypts_with_the_new_key_without_interruption(camera: Camera, settings: Any) -> None:
    old, new = settings.VIGIL_CREDENTIAL_KEYS[0], Fernet.generate_key().decode()
    version = CameraListVersion.objects.get().number
    settings.VIGIL_CREDENTIAL_KEYS = (new, old)
    output = StringIO()
    call_command("rotate_credentials", stdout=output)
    assert "camera: 1 encrypted with the first key\n" in output.getvalue()
    assert CameraListVersion.objects.get().number == version, "no detector hears of it"
    with connection.cursor() as cursor:
        cursor.execute("SELECT rtsp_url FROM surveillance_camera")
        (stored,) = cursor.fetchone()
    assert Fernet(new).decrypt(stored.encode()).decode() == camera.rtsp_url
    settings.VIGIL_CREDENTIAL_KEYS = (new,)
    assert Camera.objects.get().rtsp_url == camera.rtsp_url


def test_cookies_are_secure_and_http_only(make_user: Callable[..., User]) -> None:
    make_user("anna")
    browser = Client()
    browser.get("/dashboard/login/", secure=True)
    answer = browser.post("/dashboard/login/", {"username": "anna", "password": PASSWORD}, secure=True)
    assert answer.status_code == 302
    session = answer.cookies["sessionid"]
    assert (session["secure"], session["httponly"], session["samesite"]) == (True, True, "Lax")
    assert answer.cookies["csrftoken"]["secure"]
    assert answer.headers["Strict-Transport-Security"] == "max-age=31536000; includeSubDomains; preload"


@pytest.mark.parametrize("path", ["/dashboard/login/", "/admin/login/", "/dashboard/", "/admin/"])
def test_pages_contain_no_inline_script_or_style(root: Party, path: str) -> None:
    browser = Client()
    if not path.endswith("login/"):
        browser.force_login(root.user)
    page = browser.get(path)
    text = page.content.decode()
    for tag in ("<script>", "<style", " style=", " onclick=", "javascript:"):
        assert tag not in text
    assert "'unsafe" not in page.headers["Content-Security-Policy"]


def test_admin_path_is_configurable() -> None:
    assert django_settings.VIGIL_ADMIN_PATH == "admin/"
    assert Environment(admin_path="hidden/door/").admin_path == "hidden/door/"
