"""Warnings about a camera whose detector class has no room, before and after it is activated."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from tests.unit.backend.conftest import Party
from tests.unit.backend.test_clusters import stated
from tests.unit.backend.test_resource_states import report, state

from surveillance.core.rooms import RoomProblem, class_name_of, room_problem
from surveillance.models import Camera
from vigil_contracts.resources import ClassRoom

SOURCE = "north/vigil-cameras"
GPU, CPU = {"name": "gpu", "is_default": True, "room": 0}, {"name": "cpu", "room": 3}
WARNING = (
    "DetectorClass gpu has no room for a further camera: this camera waits until there is room. Deactivate another "
    "camera of the class, let its cameras sleep while their schedule is disarmed, add a node, or use a class with "
    "room: cpu (3)."
)


def rooms(**found: int | None) -> list[ClassRoom]:
    return [ClassRoom(name=name, room=room) for name, room in found.items()]


@pytest.mark.parametrize(
    ("classes", "newer", "expected"),
    [
        (rooms(gpu=1), 0, None),
        (rooms(gpu=None), 5, None),
        (rooms(cpu=1), 0, None),
        (rooms(gpu=0), 0, RoomProblem("gpu", ())),
        (rooms(gpu=2), 2, RoomProblem("gpu", ())),
        (rooms(gpu=2), 1, None),
        (rooms(gpu=0, a=1, b=4, c=0, d=None), 0, RoomProblem("gpu", (("b", 4), ("a", 1)))),
    ],
)
def test_problem_names_the_classes_with_room(
    classes: list[ClassRoom], newer: int, expected: RoomProblem | None
) -> None:
    assert room_problem(classes, "gpu", newer=newer) == expected


def test_camera_without_a_class_uses_the_default() -> None:
    classes = [ClassRoom(name="cpu"), ClassRoom(name="gpu", is_default=True)]
    assert (class_name_of(classes, "cpu"), class_name_of(classes, ""), class_name_of([], "")) == ("cpu", "gpu", "")


@pytest.fixture
def cluster(operator: Party) -> Party:
    """The operator of a cluster that has asked for cameras."""
    assert operator.client.get(f"/api/active-cameras/{stated('north')}").status_code == 200
    return operator


def report_rooms(operator: Party, *classes: dict[str, Any], source: str = SOURCE) -> None:
    body = {"source": source, "states": [], "gone": [], "classes": classes}
    answer = operator.client.post("/api/camera-resources/status/", body)
    assert answer.status_code == 204, answer.json()


def switch(party: Party, camera: Camera, action: str) -> list[str]:
    answer = party.client.post(f"/api/cameras/{camera.pk}/{action}/")
    assert answer.status_code == 200
    found: list[str] = answer.json()["warnings"]
    return found


def test_activation_warns_without_room_and_is_done(cluster: Party, anna: Party, camera: Camera) -> None:
    assert switch(anna, camera, "deactivate") == [], "nothing is reported yet"
    report_rooms(cluster, GPU, CPU)
    assert anna.client.get(f"/api/cameras/{camera.pk}/").json()["warnings"] == [WARNING], "before it is activated"
    assert switch(anna, camera, "activate") == [WARNING]
    assert Camera.objects.get(pk=camera.pk).is_active
    report_rooms(cluster, GPU | {"room": 1}, CPU)
    assert switch(anna, camera, "activate") == []


def test_new_and_changed_cameras_are_warned_too(cluster: Party, anna: Party) -> None:
    report_rooms(cluster, GPU, CPU)
    made = anna.client.post("/api/cameras/", {"name": "Yard", "rtsp_url": "rtsp://10.0.0.7/s", "is_active": True})
    assert made.json()["warnings"] == [WARNING]
    path = f"/api/cameras/{made.json()['id']}/"
    assert anna.client.patch(path, {"detector_class_name": "cpu"}).json()["warnings"] == []
    assert anna.client.patch(path, {"detector_class_name": "", "warnings": []}).status_code == 200, "sent back"


def test_cameras_that_were_just_activated_take_room(cluster: Party, anna: Party, camera: Camera) -> None:
    switch(anna, camera, "deactivate")
    report_rooms(cluster, GPU | {"room": 1})
    made = anna.client.post("/api/cameras/", {"name": "Yard", "rtsp_url": "rtsp://10.0.0.7/s", "is_active": True})
    assert made.json()["warnings"] == []
    assert len(switch(anna, camera, "activate")) == 1


@pytest.mark.parametrize("placed", [{"node": "node-1", "phase": "Streaming"}, {"phase": "Asleep"}])
def test_camera_with_a_node_or_asleep_does_not_wait(
    cluster: Party, anna: Party, camera: Camera, placed: dict[str, Any]
) -> None:
    report_rooms(cluster, GPU)
    report(cluster, state(camera, **placed), source=SOURCE)
    assert switch(anna, camera, "activate") == []


def test_rooms_of_another_cluster_do_not_count(cluster: Party, anna: Party, camera: Camera) -> None:
    report_rooms(cluster, GPU, source="south/vigil-cameras")
    assert switch(anna, camera, "activate") == []


def test_cluster_without_a_name_is_known_by_its_identity(operator: Party, anna: Party, camera: Camera) -> None:
    operator.client.get("/api/active-cameras/?cluster=&identity=digest/vigil-cameras")
    report_rooms(operator, GPU, source="digest/vigil-cameras")
    assert len(switch(anna, camera, "activate")) == 1


def test_page_of_an_inactive_camera_says_that_it_would_wait(cluster: Party, anna: Party, camera: Camera) -> None:
    switch(anna, camera, "deactivate")
    report_rooms(cluster, GPU, CPU)
    browser = Client()
    browser.force_login(anna.user)
    page = browser.get(f"/dashboard/cameras/{camera.pk}/").content.decode()
    assert "If you activate this camera, it waits until there is room." in page
    assert "Classes with room, and for how many cameras: cpu (3)." in page


def test_page_of_a_sleeping_camera_names_no_cluster_for_its_detector(
    cluster: Party, anna: Party, camera: Camera
) -> None:
    cluster.client.get(f"/api/active-cameras/{stated('north')}")
    browser = Client()
    browser.force_login(anna.user)
    path = f"/dashboard/cameras/{camera.pk}/"
    assert "detector runs in north" in browser.get(path).content.decode()
    wake = (timezone.now() + timedelta(hours=1)).isoformat()
    report(cluster, state(camera, phase="Asleep", wake_time=wake, arm_time=wake), source=SOURCE)
    page = browser.get(path).content.decode()
    assert "Detection starts again:" in page
    assert "detector runs in north" not in page
