"""State of Camera resources: the operator reports it, users with access to the camera read it."""

from __future__ import annotations

from typing import Any

import pytest
from pytest_django import DjangoAssertNumQueries
from tests.unit.backend.conftest import Party

from surveillance.models import Camera, CameraResourceState, ManagedBy

NOT_READY = {
    "type": "Ready",
    "status": "False",
    "reason": "InsufficientGPU",
    "message": "No node has a free GPU.",
    "last_transition_time": "2026-03-01T12:00:00Z",
}


def state(of: Camera, **changes: Any) -> dict[str, Any]:
    return {
        "camera": of.pk,
        "resource": f"cam-{of.pk}",
        "phase": "Pending",
        "conditions": [NOT_READY],
        "node": "",
        "detector_class": "gpu",
        "wake_time": None,
        "arm_time": None,
    } | changes


def report(operator: Party, *states: dict[str, Any], gone: tuple[int, ...] = (), source: str = "c/n") -> Any:
    return operator.client.post(
        "/api/camera-resources/status/", {"source": source, "states": states, "gone": list(gone)}
    )


def shown(party: Party, camera: Camera) -> Any:
    return party.client.get(f"/api/cameras/{camera.pk}/resource/")


def test_reported_state_is_shown(operator: Party, anna: Party, camera: Camera) -> None:
    assert shown(anna, camera).status_code == 404
    assert report(operator, state(camera)).status_code == 204
    answer = shown(anna, camera).json()
    reported_at = answer.pop("reported_at")
    assert answer == {**state(camera), "source": "c/n"}
    report(operator, state(camera))
    assert shown(anna, camera).json()["reported_at"] == reported_at
    report(operator, state(camera, phase="Streaming", node="node-1", conditions=[]))
    answer = shown(anna, camera).json()
    assert (answer["phase"], answer["node"], answer["conditions"]) == ("Streaming", "node-1", [])
    assert answer["reported_at"] > reported_at


def test_deleted_resource_is_not_shown(operator: Party, anna: Party, camera: Camera) -> None:
    report(operator, state(camera))
    report(operator, gone=(camera.pk,), source="another/cluster")
    assert shown(anna, camera).status_code == 200
    report(operator, gone=(camera.pk, 10**9))
    assert shown(anna, camera).status_code == 404


def test_inactive_camera_has_no_resource_state(operator: Party, anna: Party, camera: Camera) -> None:
    report(operator, state(camera))
    Camera.objects.update(is_active=False)
    assert shown(anna, camera).status_code == 404
    Camera.objects.update(managed_by=ManagedBy.KUBECTL)
    assert shown(anna, camera).status_code == 200


def test_deleted_cameras_do_not_affect_others(operator: Party, anna: Party, camera: Camera) -> None:
    deleted = Camera.objects.create(user=anna.user, name="deleted", rtsp_url="rtsp://h/1")
    sent = state(deleted)
    report(operator, sent)
    deleted.delete()
    assert report(operator, sent, state(camera)).status_code == 204
    assert CameraResourceState.objects.get().camera == camera


def test_messages_contain_no_credentials(operator: Party, anna: Party, camera: Camera) -> None:
    said = NOT_READY | {"message": f"{camera.rtsp_url} Pa55word"}
    report(operator, state(camera, conditions=[said]))
    assert shown(anna, camera).json()["conditions"][0]["message"] == "*** ***"


@pytest.mark.parametrize(
    ("changes", "field", "words"),
    [
        ({"phase": "Great"}, "states.0.phase", "Input should be"),
        ({"conditions": [NOT_READY | {"status": "Perhaps"}]}, "states.0.conditions.0.status", "Input should be"),
        ({"node": "a\x00b"}, "states.0.node", "NUL"),
        ({"camera": 2**63}, "states.0.camera", "less than"),
    ],
)
def test_invalid_report_is_named_and_not_stored(
    operator: Party, camera: Camera, changes: dict[str, Any], field: str, words: str
) -> None:
    answer = report(operator, state(camera, **changes))
    assert answer.status_code == 400
    assert words in answer.json()[field][0]
    assert not CameraResourceState.objects.exists()


def test_a_hundred_resources_need_as_many_queries_as_one(
    operator: Party, anna: Party, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    cameras = [Camera.objects.create(user=anna.user, name=str(n), rtsp_url="rtsp://h/1") for n in range(100)]
    report(operator)  # the token's last use is noted
    with django_assert_num_queries(4):
        report(operator, *(state(camera) for camera in cameras))
    with django_assert_num_queries(3):
        report(operator, *(state(camera) for camera in cameras))
