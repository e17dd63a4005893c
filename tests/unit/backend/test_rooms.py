"""Warnings about a camera whose detector class has no room, before and after it is activated."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import call_command
from django.test import Client
from django.utils import timezone
from tests.unit.backend.conftest import Party
from tests.unit.backend.test_clusters import stated
from tests.unit.backend.test_resource_states import report, state

from surveillance.core.rooms import RoomProblem, class_name_of, room_problem
from surveillance.models import Camera
from surveillance.selectors.rooms import room_problems_of
from vigil_contracts.resources import ReportedClass

SOURCE = "north/vigil-cameras"
GPU, CPU = {"name": "gpu", "is_default": True, "room": 0}, {"name": "cpu", "room": 3}
REMEDY = (
    "To make room, deactivate another camera of the class, add a node, or set spec.sleep of the class: its cameras "
    "then sleep while their schedule is disarmed. Or set detector_class_name to a class with room: cpu (3)."
)
WARNING = "DetectorClass gpu has no room for a further camera: this camera waits until there is room. " + REMEDY
FILE_WARNING = (
    "DetectorClass gpu has room for 1 of these 2 active cameras: the rest waits until there is room. " + REMEDY
)
FILE = (
    "name,rtsp_url,detector_class_name,is_active\n"
    "A,rtsp://10.0.0.1/s,,yes\nB,rtsp://10.0.0.2/s,gpu,yes\nC,rtsp://10.0.0.3/s,,no\n"
)


def rooms(**found: int | None) -> list[ReportedClass]:
    return [ReportedClass(name=name, room=room) for name, room in found.items()]


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
    classes: list[ReportedClass], newer: int, expected: RoomProblem | None
) -> None:
    assert room_problem(classes, "gpu", newer=newer) == expected


@pytest.mark.parametrize(
    ("room", "newer", "cameras", "fitting"), [(5, 0, 5, None), (4, 0, 5, 4), (5, 2, 5, 3), (1, 2, 5, 0)]
)
def test_problem_of_many_cameras_says_how_many_fit(room: int, newer: int, cameras: int, fitting: int | None) -> None:
    problem = room_problem(rooms(gpu=room), "gpu", newer=newer, cameras=cameras)
    assert (problem and problem.fitting) == fitting
    assert problem is None or problem.cameras == cameras


def test_camera_without_a_class_uses_the_default() -> None:
    classes = [ReportedClass(name="cpu"), ReportedClass(name="gpu", is_default=True)]
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


def import_file(party: Party, text: str = FILE, **fields: str) -> list[str]:
    file = SimpleUploadedFile("cameras.csv", text.encode(), "text/csv")
    answer = party.client.post("/api/cameras/import/", {"file": file, **fields}, format="multipart")
    assert answer.status_code in {200, 201}, answer.json()
    found: list[str] = answer.json()["warnings"]
    return found


def test_import_warns_how_many_cameras_wait(cluster: Party, anna: Party) -> None:
    assert import_file(anna, dry_run="true") == [], "nothing is reported yet"
    report_rooms(cluster, GPU | {"room": 1}, CPU)
    assert import_file(anna, dry_run="true") == [FILE_WARNING]
    assert not Camera.objects.exists()
    assert import_file(anna) == [FILE_WARNING]
    assert Camera.objects.count() == 3
    third = "name,rtsp_url,is_active\nD,rtsp://10.0.0.4/s,yes\n"
    assert import_file(anna, third) == [FILE_WARNING.replace("1 of these 2", "0 of these 1")], (
        "those of the first file count"
    )


def test_import_warns_for_each_class_and_cluster(cluster: Party, anna: Party) -> None:
    cluster.client.get(f"/api/active-cameras/{stated('south')}")
    report_rooms(cluster, GPU, CPU | {"room": 0})
    report_rooms(cluster, CPU | {"is_default": True, "room": 0}, source="south/vigil-cameras")
    lines = ["name,rtsp_url,is_active,detector_class_name,cluster"]
    places = [("gpu", "north"), ("gpu", "north"), ("cpu", "north"), ("", "south"), ("other", "south"), ("gpu", "")]
    lines += [f"{number},rtsp://10.0.0.{number}/s,yes,{name},{where}" for number, (name, where) in enumerate(places)]
    found = import_file(anna, "\n".join(lines))
    assert [each.partition(" active")[0].replace("these ", "") for each in found] == [
        "DetectorClass gpu has room for 0 of 2",
        "DetectorClass cpu has room for 0 of 1",
        "DetectorClass cpu has room for 0 of 1",
    ]


def apply_document(party: Party, *cameras: dict[str, Any], dry_run: bool = False) -> list[str]:
    answer = party.client.post("/api/configuration/", {"cameras": list(cameras), "dry_run": dry_run}, format="json")
    assert answer.status_code == 200, answer.json()
    found: list[str] = answer.json()["warnings"]
    return found


def test_document_warns_about_cameras_that_it_activates_or_moves(cluster: Party, anna: Party, camera: Camera) -> None:
    added = {"name": "Yard", "rtsp_url": "rtsp://10.0.0.7/s", "is_active": True}
    known = {"name": camera.name, "rtsp_url": camera.masked_rtsp_url}
    moved = known | {"detector_class_name": "gpu"}
    report_rooms(cluster, GPU | {"is_default": False, "room": 1}, CPU | {"is_default": True})
    for is_dry_run in (True, False):
        found = apply_document(anna, added | {"detector_class_name": "gpu"}, moved, dry_run=is_dry_run)
        assert found == [FILE_WARNING]
    assert apply_document(anna, added | {"detector_class_name": "gpu"}, moved) == [], "nothing changes"
    report_rooms(cluster, GPU | {"room": 0}, CPU)
    assert apply_document(anna, known | {"group": "hall"}) == [], "it has its place"
    assert apply_document(anna, known | {"is_active": False}) == []
    (warning,) = apply_document(anna, known | {"is_active": True})
    assert "has room for 0 of these 1 active cameras" in warning


def test_queries_of_an_import_do_not_depend_on_its_cameras(
    cluster: Party, anna: Party, django_assert_max_num_queries: Any
) -> None:
    report_rooms(cluster, GPU)
    cameras = [Camera(pk=number, name=str(number), user=anna.user, is_active=True) for number in range(1, 1001)]
    with django_assert_max_num_queries(4):
        (problem,) = room_problems_of(cameras)
    assert (problem.fitting, problem.cameras) == (0, 1000)


def test_command_warns_too(cluster: Party, anna: Party, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    report_rooms(cluster, GPU | {"room": 1}, CPU)
    path = tmp_path / "cameras.csv"
    path.write_text(FILE)
    call_command("import_cameras", str(path), "--user", "anna")
    shown = capsys.readouterr()
    assert (shown.out, shown.err) == ("3 cameras added\n", f"warning: {FILE_WARNING}\n")


@pytest.mark.parametrize("action", ["check", "add"])
def test_pages_of_an_import_say_how_many_cameras_wait(cluster: Party, anna: Party, action: str) -> None:
    report_rooms(cluster, GPU | {"room": 1}, CPU)
    browser = Client()
    browser.force_login(anna.user)
    sent = {"file": SimpleUploadedFile("cameras.csv", FILE.encode()), "action": action}
    page = browser.post("/dashboard/cameras/import/", sent, follow=True).content.decode()
    assert "Detector class gpu has room for 1 of 2 active cameras. The rest waits." in page
    assert ("Classes with room, and for how many cameras: cpu (3)." in page) is (action == "check")


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
