"""A row whose encryption key is lost reports it and affects nothing else."""

import json
from io import StringIO
from typing import Any

import pytest
from cryptography.fernet import Fernet
from django.core.management import call_command
from django.db import connection
from django.test import Client
from tests.unit.backend.conftest import Party

from surveillance.models import Camera
from vigil_apps.notifications.models import Subscription

WORDS = "The camera's address cannot be read: the key that encrypted it is not in VIGIL_CREDENTIAL_KEYS"


def stored_token(camera: Camera) -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT rtsp_url FROM surveillance_camera WHERE id = %s", [camera.pk])
        (token,) = cursor.fetchone()
    return str(token)


@pytest.fixture
def lost(camera: Camera, anna: Party, settings: Any) -> Camera:
    """Anna's camera whose key is lost, next to a newer one."""
    settings.VIGIL_CREDENTIAL_KEYS = (Fernet.generate_key().decode(),)
    body = {"name": "Made since", "rtsp_url": "rtsp://u:p@192.0.2.9/1"}
    assert anna.client.post("/api/cameras/", body).status_code == 201
    return camera


def test_lists_work_and_the_camera_shows_the_reason(lost: Camera, anna: Party) -> None:
    rows = {row["id"]: row for row in anna.client.get("/api/cameras/").json()["results"]}
    assert len(rows) == 2
    assert rows[lost.pk]["rtsp_url"] == ""
    assert rows[lost.pk]["health"]["reason"] == "InvalidSpec"
    assert rows[lost.pk]["health"]["message"].startswith(WORDS)


def test_detectors_receive_the_other_cameras(lost: Camera, pipeline: Party) -> None:
    Camera.objects.update(is_active=True)
    answer = pipeline.client.get("/api/active-cameras/")
    assert answer.status_code == 200
    urls = {row["id"]: row["rtsp_url"] for row in answer.json()}
    assert urls.pop(lost.pk) == ""
    assert [*urls.values()] == ["rtsp://u:p@192.0.2.9/1"]


def test_the_dashboard_shows_the_camera_and_why(lost: Camera, anna: Party) -> None:
    browser = Client()
    browser.force_login(anna.user)
    for path in ("/dashboard/", "/dashboard/cameras/", f"/dashboard/cameras/{lost.pk}/"):
        assert browser.get(path).status_code == 200, path
    page = browser.get(f"/dashboard/cameras/{lost.pk}/").content.decode()
    assert "VIGIL_CREDENTIAL_KEYS" in page


def test_changing_another_field_keeps_the_encrypted_url(lost: Camera, anna: Party, settings: Any) -> None:
    before = stored_token(lost)
    assert anna.client.patch(f"/api/cameras/{lost.pk}/", {"name": "Renamed"}).status_code == 200
    Camera.objects.get(pk=lost.pk).save()
    assert stored_token(lost) == before


def test_a_new_address_repairs_the_camera(lost: Camera, anna: Party) -> None:
    masked = anna.client.patch(f"/api/cameras/{lost.pk}/", {"rtsp_url": "rtsp://***@192.0.2.7/1"})
    assert masked.status_code == 400
    answer = anna.client.patch(f"/api/cameras/{lost.pk}/", {"rtsp_url": "rtsp://u:new@192.0.2.7/1"})
    assert answer.status_code == 200
    assert answer.json()["rtsp_url"] == "rtsp://***@192.0.2.7/1"
    assert Camera.objects.get(pk=lost.pk).rtsp_url == "rtsp://u:new@192.0.2.7/1"


def test_rotation_reports_and_keeps_unreadable_values(lost: Camera, settings: Any) -> None:
    before = stored_token(lost)
    out, err = StringIO(), StringIO()
    call_command("rotate_credentials", stdout=out, stderr=err)
    assert "camera: 1 encrypted with the first key" in out.getvalue()
    assert f"camera: 1 left as they are, since none of the keys reads them: {lost.pk}" in err.getvalue()
    assert stored_token(lost) == before


def test_subscription_shows_the_reason_and_accepts_a_new_target(anna: Party, settings: Any) -> None:
    body = {"name": "Hook", "channel": "webhook", "target": {"url": "https://hook.example/1"}}
    made = anna.client.post("/api/notifications/", body)
    assert made.status_code == 201
    path = f"/api/notifications/{made.json()['subscription']['id']}/"
    settings.VIGIL_CREDENTIAL_KEYS = (Fernet.generate_key().decode(),)
    assert "cannot be read" in anna.client.get(path).json()["target"]["problem"]
    assert anna.client.get("/api/notifications/").status_code == 200
    answer = anna.client.patch(path, {"target": {"url": "https://hook.example/2"}})
    assert answer.status_code == 200
    assert json.loads(Subscription.objects.get().target)["url"] == "https://hook.example/2"
