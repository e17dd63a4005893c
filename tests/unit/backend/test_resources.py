"""Registration of kubectl's Camera resources by the operator; their rows are read-only for others."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from tests.unit.backend.conftest import Party, send

from surveillance.models import Alert, Camera, CameraResource
from surveillance.services.alerts import Arrival, alert_store
from vigil_contracts.alert import AlertSubmission

UID = "0f1e2d3c-aaaa-bbbb-cccc-000000000001"
PASSWORD = "marked-Pa55word"
BODY = {
    "source": "cluster/vigil-cameras",
    "resource": "lobby",
    "owner": "",
    "name": "Lobby",
    "rtsp_url": f"rtsp://root:{PASSWORD}@10.0.0.9/s",
    "is_active": True,
    "transport": "udp",
    "detection": {"classes": ["person"]},
    "detector_class_name": "cpu",
    "digest": "d1",
}


def put(operator: Party, uid: str = UID, **changes: Any) -> Any:
    return operator.client.put(f"/api/camera-resources/{uid}/", {**BODY, **changes})


def test_resource_is_registered_once(operator: Party) -> None:
    first, second = put(operator), put(operator)
    assert (first.status_code, second.status_code) == (201, 200)
    assert first.json() == second.json() == {"uid": UID, "id": Camera.objects.get().pk, "digest": "d1"}
    camera = Camera.objects.get()
    assert (camera.name, camera.managed_by, camera.user, camera.is_active) == (
        "Lobby",
        "kubectl",
        operator.user,
        True,
    )
    assert camera.rtsp_url == BODY["rtsp_url"]
    assert camera.detection["classes"] == ["person"]
    assert PASSWORD not in first.content.decode()


def test_repeated_registration_updates_only_on_change(operator: Party, pipeline: Party) -> None:
    put(operator)
    etag = pipeline.client.get("/api/active-cameras/").headers["ETag"]
    put(operator, digest="d2")
    assert pipeline.client.get("/api/active-cameras/", headers={"If-None-Match": etag}).status_code == 304
    put(operator, digest="d3", is_active=False, name="Hall")
    camera = Camera.objects.get()
    assert (camera.is_active, camera.name) == (False, "Hall")
    listed = operator.client.get("/api/camera-resources/?source=cluster/vigil-cameras").json()
    assert listed == [{"uid": UID, "id": camera.pk, "digest": "d3"}]
    assert operator.client.get("/api/camera-resources/?source=elsewhere").json() == []


def test_owner_is_the_named_user(operator: Party, anna: Party, ben: Party) -> None:
    put(operator, owner="anna")
    camera_id = Camera.objects.get().pk
    assert anna.client.get(f"/api/cameras/{camera_id}/").json()["managed_by"] == "kubectl"
    assert ben.client.get(f"/api/cameras/{camera_id}/").status_code == 404
    put(operator, owner="ben")
    assert anna.client.get(f"/api/cameras/{camera_id}/").status_code == 404
    assert ben.client.get(f"/api/cameras/{camera_id}/").status_code == 200


def test_duplicate_name_of_the_owner_is_made_unique(operator: Party, camera: Camera) -> None:
    put(operator, owner="anna", name=camera.name)
    put(operator, owner="anna", name=camera.name)
    assert Camera.objects.get(resource__uid=UID).name == f"{camera.name} (lobby)"


@pytest.mark.parametrize(
    ("changes", "field", "words"),
    [
        ({"owner": "nobody"}, "owner", "must be the name of an active user"),
        ({"rtsp_url": "http://x/"}, "rtsp_url", "must begin with rtsp://"),
        ({"detector_class_name": "No Name"}, "detector_class_name", "must be a Kubernetes name"),
        ({"detection": {"frames_per_second": 99}}, "detection.frames_per_second", "less than or equal to 30"),
        ({"name": ""}, "name", "at least 1 character"),
        ({"source": ""}, "source", "at least 1 character"),
    ],
)
def test_invalid_registration_is_named_and_changes_nothing(
    operator: Party, changes: dict[str, Any], field: str, words: str
) -> None:
    answer = put(operator, **changes)
    assert answer.status_code == 400
    assert words in answer.json()[field][0]
    assert PASSWORD not in answer.content.decode()
    assert not Camera.objects.exists()
    put(operator)
    assert put(operator, digest="d2", **changes).status_code == 400
    assert CameraResource.objects.get().digest == "d1"


def test_policy_of_a_value_is_shown_until_the_resource_is_deleted(operator: Party, anna: Party) -> None:
    sources = {"recording.mode": "outdoor", "detection.rules": "night"}
    put(operator, owner="anna", recording={"mode": "motion"}, policy_sources=sources)
    path = f"/api/cameras/{Camera.objects.get(resource__uid=UID).pk}/"
    assert anna.client.get(path).json()["policy_sources"] == sources
    browser = Client()
    browser.force_login(anna.user)
    page = browser.get(path.replace("/api/", "/dashboard/")).content.decode()
    assert [page.count(f"from policy {name}") for name in ("outdoor", "night")] == [1, 1]
    unregister(operator)
    assert anna.client.get(path).json()["policy_sources"] == {}
    put(operator, uid=NEW_UID, owner="anna", digest="d2")
    assert anna.client.get(path).json()["policy_sources"] == {}


def test_retention_of_a_resource_is_stored_and_taken_back(operator: Party) -> None:
    put(operator)
    Camera.objects.update(retention_days=365)
    put(operator, digest="d2")
    assert Camera.objects.get().retention_days == 365, "a resource that sets none does not shorten it"
    put(operator, digest="d3", retention={"days": 14, "megabytes": 500})
    found = Camera.objects.get()
    assert (found.retention_days, found.retention_megabytes) == (14, 500)
    put(operator, digest="d4")
    found = Camera.objects.get()
    assert (found.retention_days, found.retention_megabytes) == (None, None)


@pytest.mark.parametrize("name", ["p" * 254, 7, None])
def test_invalid_policy_source_is_refused(operator: Party, name: object) -> None:
    answer = put(operator, policy_sources={"recording.mode": name})
    assert (answer.status_code, list(answer.json())) == (400, ["policy_sources.recording.mode"])


NEW_UID = "0f1e2d3c-aaaa-bbbb-cccc-000000000002"


def unregister(operator: Party, policy: str | None = None) -> Any:
    query = f"?deletion_policy={policy}" if policy is not None else ""
    return operator.client.delete(f"/api/camera-resources/{UID}/{query}")


def test_released_camera_keeps_its_alerts_and_is_taken_up_again(operator: Party, anna: Party, camera: Camera) -> None:
    """`kubectl replace --force` of a camera: deletes the resource and creates another one of the same name."""
    put(operator, owner="anna")
    found = Camera.objects.get(resource__uid=UID)
    store(found, "event-0001", datetime(2026, 3, 1, 12, tzinfo=UTC))
    for _ in range(2):
        assert unregister(operator).status_code == 204
    shown = anna.client.get(f"/api/cameras/{found.pk}/").json()
    assert (shown["managed_by"], shown["is_active"]) == ("backend", False)
    assert shown["resource_deleted_at"] is not None
    assert operator.client.get("/api/camera-resources/?source=cluster/vigil-cameras").json() == []

    answer = put(operator, uid=NEW_UID, owner="anna")
    assert (answer.status_code, answer.json()["id"]) == (200, found.pk)
    shown = anna.client.get(f"/api/cameras/{found.pk}/").json()
    assert (shown["managed_by"], shown["is_active"], shown["resource_deleted_at"]) == ("kubectl", True, None)
    assert (shown["name"], Alert.objects.filter(camera=found).count()) == ("Lobby", 1)
    assert Camera.objects.count() == 2


@pytest.mark.parametrize(
    ("registered", "sent", "is_kept"),
    [
        ("Retain", None, True),
        ("Delete", None, False),
        ("Delete", "Retain", True),
        ("Retain", "Delete", False),
    ],
)
def test_policy_decides_whether_the_camera_stays(
    operator: Party, camera: Camera, registered: str, sent: str | None, is_kept: bool
) -> None:
    """The operator sends the policy of the resource; the registered one is for a resource that nobody saw end."""
    put(operator, deletion_policy=registered)
    store(Camera.objects.get(resource__uid=UID), "event-0001", datetime(2026, 3, 1, 12, tzinfo=UTC))
    assert unregister(operator, sent).status_code == 204
    assert Camera.objects.filter(resource__uid=UID).exists() is is_kept
    assert Alert.objects.exists() is is_kept
    assert Camera.objects.filter(pk=camera.pk).exists()


def test_unknown_policy_is_refused_and_deletes_nothing(operator: Party) -> None:
    put(operator, deletion_policy="Delete")
    answer = unregister(operator, "retain")
    assert (answer.status_code, answer.json()) == (400, {"deletion_policy": ["must be Retain or Delete, or omitted"]})
    assert Camera.objects.get().managed_by == "kubectl"


def test_released_camera_belongs_to_its_owner(operator: Party, anna: Party) -> None:
    """They can use it as a camera of the API; then a resource of the same name becomes another camera."""
    put(operator, owner="anna")
    camera_id = Camera.objects.get().pk
    unregister(operator)
    assert anna.client.post(f"/api/cameras/{camera_id}/activate/").status_code == 200
    answer = put(operator, uid=NEW_UID, owner="anna")
    assert (answer.status_code, answer.json()["id"] == camera_id) == (201, False)
    assert anna.client.delete(f"/api/cameras/{camera_id}/").status_code == 204


def test_resource_that_was_deleted_without_the_api_is_taken_up_by_the_next_of_its_name(operator: Party) -> None:
    put(operator)
    camera_id = Camera.objects.get().pk
    assert put(operator, uid=NEW_UID).json()["id"] == camera_id
    assert unregister(operator).status_code == 204, "the former resource"
    assert Camera.objects.get().is_active


def test_camera_that_is_to_be_deleted_is_not_taken_up(operator: Party) -> None:
    put(operator, deletion_policy="Delete")
    assert put(operator, uid=NEW_UID).status_code == 201
    assert Camera.objects.count() == 2


def test_resource_of_another_name_or_namespace_takes_up_nothing(operator: Party) -> None:
    put(operator)
    unregister(operator)
    assert put(operator, uid=NEW_UID, resource="hall").status_code == 201
    assert put(operator, uid=f"{NEW_UID}3", source="cluster/elsewhere").status_code == 201


def test_page_of_a_released_camera_says_so(operator: Party, anna: Party) -> None:
    put(operator, owner="anna")
    unregister(operator)
    browser = Client()
    browser.force_login(anna.user)
    page = browser.get(f"/dashboard/cameras/{Camera.objects.get().pk}/").content.decode()
    assert "Kubernetes resource deleted" in page
    assert "The camera and its alerts are kept." in page


def test_too_long_uid_is_rejected(operator: Party) -> None:
    answer = put(operator, uid="u" * 65)
    assert (answer.status_code, answer.json()) == (400, {"uid": ["must have 64 characters or fewer"]})


def test_others_can_only_read_the_row(operator: Party, anna: Party, root: Party) -> None:
    put(operator, owner="anna")
    camera_id = Camera.objects.get().pk
    for client in (anna.client, root.client):
        for answer in (
            client.patch(f"/api/cameras/{camera_id}/", {"name": "x"}),
            client.post(f"/api/cameras/{camera_id}/deactivate/"),
            client.delete(f"/api/cameras/{camera_id}/"),
        ):
            assert answer.status_code == 409
            assert "change its resource in the cluster" in answer.json()["detail"]
    browser = Client()
    browser.force_login(root.user)
    page = browser.post(f"/admin/surveillance/camera/{camera_id}/change/", {"name": "x"})
    assert page.status_code == 403
    assert Camera.objects.get().name == "Lobby"


def test_detector_of_a_resource_gets_a_token_and_reports(operator: Party, anna: Party) -> None:
    put(operator, owner="anna")
    camera = Camera.objects.get()
    answer = operator.client.post(f"/api/cameras/{camera.pk}/detector-token/")
    assert answer.status_code == 201


def store(camera: Camera, event: str, happened: datetime) -> None:
    submission = AlertSubmission.model_validate(
        {"event_id": event, "camera": camera.pk, "alert_type": "person", "confidence": 0.9, "timestamp": happened}
    )
    alert_store(Arrival(camera, submission, None), now=timezone.now())


def test_alert_totals_are_counted(anna: Party, detector: Party, camera: Camera) -> None:
    path = f"/api/cameras/{camera.pk}/"
    assert anna.client.get(path).json()["alerts"] == {"total": 0, "last_alert_time": None}
    happened = datetime(2026, 3, 1, 12, tzinfo=UTC)
    store(camera, "event-0001", happened)
    store(camera, "event-0001", happened)
    store(camera, "event-0000", happened - timedelta(hours=1))
    assert anna.client.get(path).json()["alerts"] == {"total": 2, "last_alert_time": "2026-03-01T12:00:00Z"}
    Alert.objects.all().delete()
    assert anna.client.get(path).json()["alerts"]["total"] == 2
    assert send(detector, camera, timestamp="2099-01-01T00:00:00Z", event_id="ahead-0001").status_code == 201
    assert anna.client.get(path).json()["alerts"]["last_alert_time"] < "2099"
