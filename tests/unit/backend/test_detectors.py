"""Requests of detectors and the operator: configurations, entity tags, tokens, heartbeats."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.cache import cache
from django.utils import timezone
from tests.unit.backend.conftest import URL, Party, client_with

from surveillance.models import Camera, CameraHealth
from vigil_apps.accounts.models import AuthToken
from vigil_apps.accounts.scopes import Scope
from vigil_apps.audit.models import AuditEntry
from vigil_contracts.camera import CameraConfiguration

HEARTBEAT = {
    "phase": "Streaming",
    "reason": "Streaming",
    "stream": {"width": 1920, "height": 1080, "codec": "h264", "frames_per_second": 25.0},
    "spooled_alerts": 3,
    "detector": "cctv-7",
}


def test_only_services_receive_credentials_of_active_cameras(
    anna: Party, pipeline: Party, operator: Party, camera: Camera
) -> None:
    for service in (pipeline, operator):
        (row,) = service.client.get("/api/active-cameras/").json()
        assert row["rtsp_url"] == URL
        assert CameraConfiguration.model_validate(row).id == camera.pk
    (row,) = anna.client.get("/api/active-cameras/").json()
    assert row["rtsp_url"] == "rtsp://***@camera.example:554/stream"


def test_active_cameras_by_group(pipeline: Party, camera: Camera) -> None:
    Camera.objects.create(user=camera.user, name="Other", rtsp_url=URL, is_active=True)
    Camera.objects.create(user=camera.user, name="Off", rtsp_url=URL, is_active=False, group="yard")
    assert len(pipeline.client.get("/api/active-cameras/").json()) == 2
    assert [row["name"] for row in pipeline.client.get("/api/active-cameras/?group=yard").json()] == ["Gate"]
    assert pipeline.client.get("/api/active-cameras/?group=none").json() == []


def test_settings_of_a_newer_version_do_not_affect_other_cameras(pipeline: Party, camera: Camera) -> None:
    """A newer backend wrote them and was rolled back: they are sent unchanged, and the detector names the field."""
    other = Camera.objects.create(user=camera.user, name="Other", rtsp_url=URL, is_active=True)
    strange = {"rules": [{"name": "up", "type": "levitation"}]}
    _save(camera, detection=strange)
    rows = {row["id"]: row for row in pipeline.client.get("/api/active-cameras/").json()}
    assert rows[camera.pk]["detection"] == strange
    assert CameraConfiguration.model_validate(rows[other.pk]).id == other.pk


CHANGES: list[Callable[[Camera], Any]] = [
    lambda camera: Camera.objects.create(user=camera.user, name="New", rtsp_url=URL),
    lambda camera: camera.delete(),
    lambda camera: _save(camera, name="Renamed"),
    lambda camera: _save(camera, rtsp_url="rtsp://root:changed@camera.example/1"),
    lambda camera: _save(camera, is_active=False),
    lambda camera: User.objects.filter(pk=camera.user_id).delete(),
]


def _save(camera: Camera, **values: Any) -> None:
    for name, value in values.items():
        setattr(camera, name, value)
    camera.save()


@pytest.mark.parametrize("change", CHANGES)
def test_entity_tag_changes_with_every_change(
    pipeline: Party, camera: Camera, change: Callable[[Camera], Any]
) -> None:
    etag = pipeline.client.get("/api/active-cameras/").headers["ETag"]
    unchanged = pipeline.client.get("/api/active-cameras/", headers={"If-None-Match": etag})
    assert (unchanged.status_code, unchanged.content) == (304, b"")
    change(camera)
    changed = pipeline.client.get("/api/active-cameras/", headers={"If-None-Match": etag})
    assert changed.status_code == 200
    assert changed.headers["ETag"] != etag


def test_entity_tags_differ_between_images(anna: Party, pipeline: Party, camera: Camera) -> None:
    etag = anna.client.get("/api/active-cameras/").headers["ETag"]
    assert pipeline.client.get("/api/active-cameras/", headers={"If-None-Match": etag}).status_code == 200


def test_heartbeat_does_not_change_the_entity_tag(pipeline: Party, camera: Camera) -> None:
    etag = pipeline.client.get("/api/active-cameras/").headers["ETag"]
    assert pipeline.client.post(f"/api/cameras/{camera.pk}/heartbeat/", HEARTBEAT).status_code == 204
    assert pipeline.client.get("/api/active-cameras/", headers={"If-None-Match": etag}).status_code == 304


def test_configuration_of_the_tokens_own_camera(detector: Party, camera: Camera) -> None:
    answer = detector.client.get(f"/api/cameras/{camera.pk}/configuration/")
    assert answer.json()["rtsp_url"] == URL
    again = detector.client.get(
        f"/api/cameras/{camera.pk}/configuration/", headers={"If-None-Match": answer.headers["ETag"]}
    )
    assert again.status_code == 304
    _save(camera, detection={"minimum_confidence": 0.9})
    changed = detector.client.get(
        f"/api/cameras/{camera.pk}/configuration/", headers={"If-None-Match": answer.headers["ETag"]}
    )
    assert changed.json()["detection"]["minimum_confidence"] == 0.9
    _save(camera, is_active=False)
    assert detector.client.get(f"/api/cameras/{camera.pk}/configuration/").status_code == 404


def test_configuration_of_another_camera_is_404(detector: Party, ben: Party) -> None:
    other = Camera.objects.create(user=ben.user, name="b", rtsp_url=URL, is_active=True)
    assert detector.client.get(f"/api/cameras/{other.pk}/configuration/").status_code == 404


def test_revision_does_not_reveal_the_password(pipeline: Party, camera: Camera, settings: Any) -> None:
    before = pipeline.client.get("/api/active-cameras/").json()[0]["revision"]
    settings.SECRET_KEY = "another-key-" + "y" * 50
    cache.clear()  # as after the restart that a new key takes
    assert pipeline.client.get("/api/active-cameras/").json()[0]["revision"] != before


def test_operator_issues_a_token_and_the_old_one_expires_soon(
    operator: Party, detector: Party, camera: Camera
) -> None:
    answer = operator.client.post(f"/api/cameras/{camera.pk}/detector-token/")
    assert answer.status_code == 201
    assert answer.headers["Cache-Control"] == "no-store"
    new = client_with(answer.json()["token"])
    path = f"/api/cameras/{camera.pk}/configuration/"
    assert new.get(path).status_code == 200
    assert detector.client.get(path).status_code == 200, "the former token works while the detector is replaced"
    ends = [token.expiry for token in AuthToken.objects.filter(camera=camera).order_by("created")]
    assert ends[0] is not None
    assert ends[0] <= timezone.now() + timedelta(minutes=10)
    assert ends[1] is None
    AuthToken.objects.filter(expiry__isnull=False).update(expiry=timezone.now())
    assert detector.client.get(path).status_code == 401
    assert new.get(path).status_code == 200


def test_operator_issues_the_tokens_of_many_detectors(
    operator: Party, detector: Party, camera: Camera, anna: Party, django_assert_max_num_queries: Any
) -> None:
    others = [Camera.objects.create(user=anna.user, name=f"c{n}", rtsp_url=URL, is_active=True) for n in range(3)]
    ids = [camera.pk, *(other.pk for other in others)]
    AuthToken.objects.update(last_used_at=timezone.now())
    with django_assert_max_num_queries(10 + 2 * len(ids)):  # a token and its entry in the audit trail each
        answer = operator.client.post("/api/detector-tokens/", {"cameras": [*ids, 10**9]})
    assert answer.status_code == 201
    assert answer.headers["Cache-Control"] == "no-store"
    tokens = answer.json()["tokens"]
    assert tokens.keys() == {str(camera_id) for camera_id in ids}, "one that is not there is left out"
    for camera_id, token in tokens.items():
        assert client_with(token).get(f"/api/cameras/{camera_id}/configuration/").status_code == 200
    first, second = ids[:2]
    assert client_with(tokens[str(first)]).get(f"/api/cameras/{second}/configuration/").status_code == 404
    former, new = AuthToken.objects.filter(camera=camera).order_by("created")
    assert former.expiry is not None
    assert new.expiry is None
    assert AuditEntry.objects.filter(kind="token", action="created", actor_id=operator.user.pk).count() == len(ids)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({}, "Field required"),
        ({"cameras": []}, "at least 1 item"),
        ({"cameras": list(range(1, 102))}, "at most 100 items"),
        ({"cameras": ["gate"]}, "valid integer"),
    ],
)
def test_invalid_cameras_in_a_token_request_are_named(operator: Party, body: Any, words: str) -> None:
    answer = operator.client.post("/api/detector-tokens/", body)
    assert answer.status_code == 400
    assert words in str(answer.json()), answer.json()
    assert "cameras" in str(answer.json())
    assert not AuthToken.objects.filter(scope=Scope.DETECTOR).exists()


def test_token_of_a_deleted_camera_is_deleted(detector: Party, camera: Camera) -> None:
    path = f"/api/cameras/{camera.pk}/configuration/"
    camera.delete()
    assert detector.client.get(path).status_code == 401


def test_heartbeat_is_stored_as_camera_health(anna: Party, detector: Party, camera: Camera) -> None:
    assert detector.client.post(f"/api/cameras/{camera.pk}/heartbeat/", HEARTBEAT).status_code == 204
    health = anna.client.get(f"/api/cameras/{camera.pk}/").json()["health"]
    assert (health["phase"], health["reason"], health["message"]) == (
        "Streaming",
        "Streaming",
        "The camera is streaming.",
    )
    assert health["stream"] == {**HEARTBEAT["stream"], "last_frame_time": None}  # type: ignore[dict-item]
    assert health["reported_at"] is not None


def test_second_heartbeat_replaces_the_first(detector: Party, camera: Camera) -> None:
    for reason in ("StreamTimeout", "StreamFrozen"):
        body = {"phase": "Degraded", "reason": reason, "message": "x"}
        assert detector.client.post(f"/api/cameras/{camera.pk}/heartbeat/", body).status_code == 204
    assert CameraHealth.objects.get().reason == "StreamFrozen"


def test_health_message_contains_no_credentials(anna: Party, detector: Party, camera: Camera) -> None:
    body = {"phase": "Failed", "reason": "StreamUnauthorized", "message": f"cannot open {URL}: 401"}
    detector.client.post(f"/api/cameras/{camera.pk}/heartbeat/", body)
    health = anna.client.get(f"/api/cameras/{camera.pk}/").json()["health"]
    assert "Pa55word" not in health["message"]
    assert health["message"].startswith("The camera rejects the user name or password.")


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"phase": "Happy"}, "phase"),
        ({"reason": "Because"}, "reason"),
        ({"message": "x" * 501}, "message"),
        ({"stream": {"width": 0}}, "stream.width"),
        ({"spooled_alerts": -1}, "spooled_alerts"),
        ({"detector": "a\x00"}, "detector"),
    ],
)
def test_invalid_heartbeat_names_the_field(
    detector: Party, camera: Camera, changes: dict[str, Any], field: str
) -> None:
    answer = detector.client.post(f"/api/cameras/{camera.pk}/heartbeat/", {**HEARTBEAT, **changes})
    assert answer.status_code == 400
    assert list(answer.json()) == [field]
    assert not CameraHealth.objects.exists()


def test_heartbeat_that_is_not_an_object(detector: Party, camera: Camera) -> None:
    answer = detector.client.post(f"/api/cameras/{camera.pk}/heartbeat/", [1])
    assert answer.status_code == 400
    assert list(answer.json()) == ["non_field_errors"]
