"""Tries at streams: asked for, taken once, answered once; nothing secret is left, and nobody waits for ever."""

import io
import json
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from pytest_django import Settings
from tests.unit.backend.conftest import Party, picture

from surveillance.models import Camera, Inquiry, Notice
from surveillance.services.errands import NOBODY_THERE, inquiries_settle
from surveillance.stream.errands import errands_now, is_heard
from surveillance.stream.handoff import HEADER
from vigil_apps.accounts.models import AuthToken
from vigil_apps.audit.models import AuditEntry
from vigil_contracts.errands import ErrandKind

STREAM = {"rtsp_url": "rtsp://10.0.0.9/1", "username": "root", "password": "p@ss/w0rd"}


def _answer(sender: Party, errand: str, result: Any, snapshot: bytes | None = None) -> Any:
    fields: dict[str, Any] = {"result": json.dumps(result)}
    if snapshot is not None:
        fields["snapshot"] = io.BytesIO(snapshot)
        fields["snapshot"].name = "snapshot.jpg"
    return sender.client.post(f"/api/errands/{errand}/answer/", fields, format="multipart")


def test_prober_hears_only_what_is_to_be_claimed(prober: Party, pipeline: Party, detector: Party) -> None:
    camera_id = AuthToken.objects.get(scope="detector").camera_id
    mine, foreign = camera_id, camera_id + 1
    for party, kinds, cameras in (
        (prober, {"probe", "discovery"}, {mine, foreign, None}),
        (pipeline, set(ErrandKind), {mine, foreign, None}),
        (detector, set(ErrandKind), {mine}),
    ):
        name, _, value = party.client.get("/api/errands/")[HEADER].split(" ", 2)
        heard = {
            (kind, camera) for kind in ErrandKind for camera in (mine, foreign, None) if is_heard(value, kind, camera)
        }
        assert (name, heard) == ("errands", {(kind, camera) for kind in kinds for camera in cameras})


def test_prober_answers_a_try(anna: Party, prober: Party) -> None:
    errand = anna.client.post("/api/probes/", STREAM).json()["id"]
    assert "p%40ss" in prober.client.post(f"/api/errands/{errand}/claim/").json()["rtsp_url"]
    assert _answer(prober, errand, {"answers": True, "reason": "Streaming"}).status_code == 204
    assert anna.client.get(f"/api/probes/{errand}/").json()["state"] == "done"


def test_typed_stream_is_tried_once_and_forgotten(anna: Party, pipeline: Party) -> None:
    begun = anna.client.post("/api/probes/", STREAM)
    assert (begun.status_code, begun.json()["state"]) == (202, "pending"), begun.content
    errand = begun.json()["id"]
    assert "p@ss" not in begun.content.decode() + str(list(AuditEntry.objects.values()))
    assert b"p%40ss" not in b"".join(posted.content for posted in errands_now().values())

    claimed = pipeline.client.post(f"/api/errands/{errand}/claim/")
    assert claimed.json()["rtsp_url"] == "rtsp://root:p%40ss%2Fw0rd@10.0.0.9/1"
    assert pipeline.client.post(f"/api/errands/{errand}/claim/").status_code == 409

    result = {"answers": True, "reason": "Streaming", "message": "saw p@ss/w0rd", "codec": "h264", "width": 640}
    assert _answer(pipeline, errand, result, picture()).status_code == 204
    assert _answer(pipeline, errand, result).status_code == 409
    done = anna.client.get(f"/api/probes/{errand}/").json()
    assert (done["state"], done["result"]["codec"], done["result"]["message"]) == ("done", "h264", "saw ***")
    assert anna.client.get(done["snapshot"])["Content-Type"] == "image/jpeg"
    assert Inquiry.objects.get().rtsp_url == ""


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"rtsp_url": "rtsp://127.0.0.1/1"}, "rtsp_url"),
        ({"rtsp_url": "rtsp://169.254.169.254/1"}, "rtsp_url"),
        ({"rtsp_url": "http://10.0.0.9/1"}, "rtsp_url"),
        ({"transport": "pigeon"}, "transport"),
    ],
)
def test_stream_that_no_camera_may_have_is_not_tried(anna: Party, changes: dict[str, str], field: str) -> None:
    refused = anna.client.post("/api/probes/", {**STREAM, **changes})
    assert (refused.status_code, list(refused.json())) == (400, [field])
    assert not Inquiry.objects.exists()


def test_unclaimed_tasks_end_and_old_ones_are_deleted(anna: Party) -> None:
    probe = anna.client.post("/api/probes/", STREAM).json()["id"]
    Inquiry.objects.update(created_at=timezone.now() - timedelta(seconds=11))
    result = anna.client.get(f"/api/probes/{probe}/").json()["result"]
    assert (result["answers"], result["reason"], result["message"]) == (False, "DetectorNotReporting", NOBODY_THERE)
    assert Inquiry.objects.get().rtsp_url == ""
    inquiries_settle(now=timezone.now() + timedelta(hours=1))
    assert not Inquiry.objects.exists()


def test_tries_are_limited(anna: Party, settings: Settings) -> None:
    settings.VIGIL_RATES = {**settings.VIGIL_RATES, "probe": "2/minute"}
    assert [anna.client.post("/api/probes/", STREAM).status_code for _ in range(3)] == [202, 202, 429]


def test_camera_change_is_announced(anna: Party, camera: Camera) -> None:
    Notice.objects.all().delete()
    anna.client.patch(f"/api/cameras/{camera.pk}/", {"name": "Door"})
    assert [(kind, key) for kind, key in errands_now()] == [("configuration", camera.pk)]


def test_live_pictures_of_a_camera_that_is_off_are_refused(anna: Party, camera: Camera) -> None:
    Camera.objects.update(is_active=False)
    for name in ("live", "snapshot"):
        assert anna.client.get(f"/api/cameras/{camera.pk}/{name}/").status_code == 409


def test_media_server_is_linked(anna: Party, camera: Camera, settings: Settings) -> None:
    settings.VIGIL_MEDIA_SERVER_URL = "https://media.example/camera-{camera}/whep"
    url = anna.client.get(f"/api/cameras/{camera.pk}/").json()["media_url"]
    assert url == f"https://media.example/camera-{camera.pk}/whep"
