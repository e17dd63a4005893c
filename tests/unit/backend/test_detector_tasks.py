"""Detector tasks: requested, claimed once, completed once; secrets are deleted, and waiting ends in time."""

import io
import json
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from pytest_django import Settings
from tests.unit.backend.conftest import Party, picture

from surveillance.event_streams.detector_tasks import can_receive, current_tasks
from surveillance.event_streams.handoff import HEADER
from surveillance.models import Camera, DetectorTask, Notice, TaskState
from surveillance.services.detector_tasks import NO_DETECTOR_CONNECTED, tasks_delete_old, tasks_expire
from vigil_apps.accounts.models import AuthToken
from vigil_apps.audit.models import AuditEntry
from vigil_contracts.detector_tasks import TaskKind

MASKS = [[[0.0, 0.0], [0.5, 0.0], [0.5, 0.5]]]

STREAM = {"rtsp_url": "rtsp://10.0.0.9/1", "username": "root", "password": "p@ss/w0rd"}


def _answer(sender: Party, task: str, result: Any, snapshot: bytes | None = None) -> Any:
    fields: dict[str, Any] = {"result": json.dumps(result)}
    if snapshot is not None:
        fields["snapshot"] = io.BytesIO(snapshot)
        fields["snapshot"].name = "snapshot.jpg"
    return sender.client.post(f"/api/errands/{task}/answer/", fields, format="multipart")


def test_prober_receives_only_tasks_to_claim(prober: Party, pipeline: Party, detector: Party) -> None:
    camera_id = AuthToken.objects.get(scope="detector").camera_id
    mine, foreign = camera_id, camera_id + 1
    for party, kinds, cameras in (
        (prober, {"probe", "discovery", "device", "control", "frame"}, {mine, foreign, None}),
        (pipeline, set(TaskKind), {mine, foreign, None}),
        (detector, set(TaskKind), {mine}),
    ):
        name, _, value = party.client.get("/api/errands/")[HEADER].split(" ", 2)
        heard = {
            (kind, camera)
            for kind in TaskKind
            for camera in (mine, foreign, None)
            if can_receive(value, kind, camera)
        }
        assert (name, heard) == ("detector-tasks", {(kind, camera) for kind in kinds for camera in cameras})


def test_prober_completes_a_task(anna: Party, prober: Party) -> None:
    task = anna.client.post("/api/probes/", STREAM).json()["id"]
    assert "p%40ss" in prober.client.post(f"/api/errands/{task}/claim/").json()["rtsp_url"]
    assert _answer(prober, task, {"answers": True, "reason": "Streaming"}).status_code == 204
    assert anna.client.get(f"/api/probes/{task}/").json()["state"] == "done"


def test_image_of_a_saved_camera_is_masked_by_the_prober(anna: Party, prober: Party, camera: Camera) -> None:
    anna.client.patch(f"/api/cameras/{camera.pk}/", {"detection": {"privacy_masks": MASKS}}, "json")
    task = anna.client.post(f"/api/cameras/{camera.pk}/probe/").json()["id"]
    assert prober.client.post(f"/api/errands/{task}/claim/").json()["privacy_masks"] == MASKS
    task = anna.client.post("/api/probes/", STREAM).json()["id"]
    assert prober.client.post(f"/api/errands/{task}/claim/").json()["privacy_masks"] == []


def test_image_of_a_test_is_black_if_the_stored_masks_are_invalid(anna: Party, prober: Party, camera: Camera) -> None:
    Camera.objects.update(detection={"privacy_masks": [[[0.1, 0.1], [0.2, 0.2]]]})
    task = anna.client.post(f"/api/cameras/{camera.pk}/probe/").json()["id"]
    claimed = prober.client.post(f"/api/errands/{task}/claim/").json()
    assert claimed["privacy_masks"] == [[[0, 0], [1, 0], [1, 1], [0, 1]]]


def test_unsaved_stream_is_probed_once_and_its_url_deleted(anna: Party, pipeline: Party) -> None:
    begun = anna.client.post("/api/probes/", STREAM)
    assert (begun.status_code, begun.json()["state"]) == (202, "pending"), begun.content
    task = begun.json()["id"]
    assert "p@ss" not in begun.content.decode() + str(list(AuditEntry.objects.values()))
    assert b"p%40ss" not in b"".join(posted.content for posted in current_tasks().values())

    claimed = pipeline.client.post(f"/api/errands/{task}/claim/")
    assert claimed.json()["rtsp_url"] == "rtsp://root:p%40ss%2Fw0rd@10.0.0.9/1"
    assert pipeline.client.post(f"/api/errands/{task}/claim/").status_code == 409

    result = {"answers": True, "reason": "Streaming", "message": "saw p@ss/w0rd", "codec": "h264", "width": 640}
    assert _answer(pipeline, task, result, picture()).status_code == 204
    assert _answer(pipeline, task, result).status_code == 409
    done = anna.client.get(f"/api/probes/{task}/").json()
    assert (done["state"], done["result"]["codec"], done["result"]["message"]) == ("done", "h264", "saw ***")
    assert anna.client.get(done["snapshot"])["Content-Type"] == "image/jpeg"
    assert DetectorTask.objects.get().rtsp_url == ""


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"rtsp_url": "rtsp://127.0.0.1/1"}, "rtsp_url"),
        ({"rtsp_url": "rtsp://169.254.169.254/1"}, "rtsp_url"),
        ({"rtsp_url": "http://10.0.0.9/1"}, "rtsp_url"),
        ({"transport": "pigeon"}, "transport"),
    ],
)
def test_forbidden_stream_address_is_not_probed(anna: Party, changes: dict[str, str], field: str) -> None:
    refused = anna.client.post("/api/probes/", {**STREAM, **changes})
    assert (refused.status_code, list(refused.json())) == (400, [field])
    assert not DetectorTask.objects.exists()


def test_unclaimed_tasks_expire_and_old_ones_are_deleted(anna: Party) -> None:
    probe = anna.client.post("/api/probes/", STREAM).json()["id"]
    DetectorTask.objects.update(created_at=timezone.now() - timedelta(seconds=11))
    result = anna.client.get(f"/api/probes/{probe}/").json()["result"]
    assert (result["answers"], result["reason"], result["message"]) == (
        False,
        "DetectorNotReporting",
        NO_DETECTOR_CONNECTED,
    )
    assert DetectorTask.objects.get().rtsp_url == ""
    tasks_delete_old(now=timezone.now() + timedelta(hours=1))
    assert not DetectorTask.objects.exists()


def test_idle_check_of_tasks_is_one_query(anna: Party, django_assert_num_queries: Any) -> None:
    anna.client.post("/api/probes/", STREAM)
    with django_assert_num_queries(1):
        tasks_expire(now=timezone.now())
    assert DetectorTask.objects.get().state == TaskState.PENDING


def test_probes_are_rate_limited(anna: Party, settings: Settings) -> None:
    settings.VIGIL_RATES = {**settings.VIGIL_RATES, "probe": "2/minute"}
    assert [anna.client.post("/api/probes/", STREAM).status_code for _ in range(3)] == [202, 202, 429]


def test_camera_change_creates_a_notice(anna: Party, camera: Camera) -> None:
    Notice.objects.all().delete()
    anna.client.patch(f"/api/cameras/{camera.pk}/", {"name": "Door"})
    assert [(kind, key) for kind, key in current_tasks()] == [("configuration", camera.pk)]


def test_live_frames_of_an_inactive_camera_are_rejected(anna: Party, camera: Camera) -> None:
    Camera.objects.update(is_active=False)
    for name in ("live", "snapshot"):
        assert anna.client.get(f"/api/cameras/{camera.pk}/{name}/").status_code == 409


def test_media_server_is_linked(anna: Party, camera: Camera, settings: Settings) -> None:
    settings.VIGIL_MEDIA_SERVER_URL = "https://media.example/camera-{camera}/whep"
    url = anna.client.get(f"/api/cameras/{camera.pk}/").json()["media_url"]
    assert url == f"https://media.example/camera-{camera.pk}/whep"
    anna.client.patch(f"/api/cameras/{camera.pk}/", {"detection": {"privacy_masks": MASKS}}, "json")
    assert anna.client.get(f"/api/cameras/{camera.pk}/").json()["media_url"] is None, "it would show what is masked"
