"""Bounds on input keep lists readable for other clients: finite numbers, times within 1990 to 2100."""

from importlib import import_module
from typing import Any

import pytest
from django.apps import apps
from django.db import connection
from django.test import Client
from tests.unit.backend.conftest import Party, send

from surveillance.core.stored_detection import readable_detection
from surveillance.models import Alert, Camera, CameraAlerts, CameraHealth
from vigil_contracts.bounds import INSTANT_RANGE
from vigil_contracts.detection import Detection

FAR_TIMES = ["9999-12-31T23:59:59-12:00", "0001-01-01T00:00:00+14:00"]


def beat(detector: Party, camera: Camera, stream: str) -> Any:
    body = f'{{"phase": "Streaming", "reason": "Streaming", "stream": {stream}}}'
    return detector.client.post(f"/api/cameras/{camera.pk}/heartbeat/", body, content_type="application/json")


@pytest.mark.parametrize(
    ("stream", "field"),
    [
        ('{"frames_per_second": 1e999}', "stream.frames_per_second"),
        ('{"frames_per_second": "inf"}', "stream.frames_per_second"),
        ('{"width": 1000000000000000000000000000000}', "stream.width"),
        *((f'{{"last_frame_time": "{time}"}}', "stream.last_frame_time") for time in FAR_TIMES),
    ],
)
def test_heartbeat_out_of_bounds_is_rejected(
    detector: Party, camera: Camera, anna: Party, stream: str, field: str
) -> None:
    answer = beat(detector, camera, stream)
    assert answer.status_code == 400
    assert field in answer.json()
    assert not CameraHealth.objects.exists()
    assert anna.client.get("/api/cameras/").status_code == 200


@pytest.mark.parametrize("time", FAR_TIMES)
def test_alert_with_a_time_out_of_bounds_is_rejected(detector: Party, camera: Camera, time: str) -> None:
    answer = send(detector, camera, timestamp=time)
    assert answer.status_code == 400
    assert INSTANT_RANGE in " ".join(answer.json()["timestamp"])
    assert not Alert.objects.exists()


def test_old_row_out_of_bounds_is_listed_and_repaired(detector: Party, camera: Camera, anna: Party) -> None:
    assert beat(detector, camera, '{"frames_per_second": 5}').status_code == 204
    CameraHealth.objects.update(frames_per_second=float("inf"))
    Camera.objects.update(is_active=True)
    shown = anna.client.get("/api/cameras/")
    assert shown.status_code == 200
    assert shown.json()["results"][0]["health"]["stream"]["frames_per_second"] is None
    assert beat(detector, camera, '{"frames_per_second": 5}').status_code == 204
    assert anna.client.get("/api/cameras/").json()["results"][0]["health"]["stream"]["frames_per_second"] == 5


@pytest.mark.parametrize("path", ["/api/alerts/", "/api/audit/"])
@pytest.mark.parametrize("name", ["after", "before"])
@pytest.mark.parametrize("time", FAR_TIMES)
def test_filter_with_a_time_out_of_bounds_names_the_parameter(
    anna: Party, settings: Any, path: str, name: str, time: str
) -> None:
    anna.user.is_superuser = anna.user.is_staff = True
    anna.user.save()
    answer = anna.client.get(path, {name: time})
    assert answer.status_code == 400
    assert INSTANT_RANGE in " ".join(answer.json()[name])


def test_migration_repairs_rows_out_of_bounds(alert: Alert, detector: Party, anna: Party) -> None:
    assert beat(detector, alert.camera, '{"frames_per_second": 5, "width": 64}').status_code == 204
    far = "10000-01-01 12:00:00+00" if connection.vendor == "postgresql" else "9999-12-31 23:59:59"
    with connection.cursor() as cursor:
        cursor.execute("UPDATE surveillance_alert SET timestamp = %s, zone_seconds = %s", [far, float("inf")])
        cursor.execute(
            "UPDATE surveillance_camerahealth SET last_frame_time = %s, frames_per_second = %s", [far, float("inf")]
        )
        cursor.execute("UPDATE surveillance_cameraalerts SET last_alert_at = '0001-01-01 00:00:00'")
    migration = import_module("surveillance.migrations.0011_rows_within_bounds")
    migration.repair_rows(apps, connection.schema_editor())
    alert.refresh_from_db()
    assert (alert.timestamp, alert.zone_seconds) == (alert.received_at, None)
    stream = anna.client.get("/api/cameras/").json()["results"][0]["health"]["stream"]
    assert (stream["width"], stream["frames_per_second"], stream["last_frame_time"]) == (64, None, None)
    for path in ("/api/alerts/", "/api/alerts/export.json", "/api/alerts/export.csv"):
        assert anna.client.get(path).status_code == 200, path


def test_migration_keeps_rows_within_bounds(alert: Alert, detector: Party) -> None:
    assert beat(detector, alert.camera, '{"frames_per_second": 5}').status_code == 204
    Alert.objects.update(zone_seconds=3.5)
    before = [*Alert.objects.values(), *CameraHealth.objects.values(), *CameraAlerts.objects.values()]
    migration = import_module("surveillance.migrations.0011_rows_within_bounds")
    migration.repair_rows(apps, connection.schema_editor())
    assert [*Alert.objects.values(), *CameraHealth.objects.values(), *CameraAlerts.objects.values()] == before


@pytest.mark.parametrize("classes", [["x" * 65], [""], ["person"] * 101])
def test_classes_are_bounded_in_number_and_length(anna: Party, camera: Camera, classes: list[str]) -> None:
    answer = anna.client.patch(f"/api/cameras/{camera.pk}/", {"detection": {"classes": classes}}, format="json")
    assert answer.status_code == 400
    assert all(name.startswith("detection.classes") for name in answer.json())
    camera.refresh_from_db()
    assert camera.detection == Camera().detection


def test_pages_list_a_camera_with_settings_out_of_bounds(anna: Party, camera: Camera) -> None:
    zone = {"name": "Yard", "points": [[0, 0], [1, 0], [1, 1]]}
    Camera.objects.update(detection={"classes": ["x" * 200], "frames_per_second": 3, "zones": [zone]})
    browser = Client()
    browser.force_login(anna.user)
    for path in (
        "",
        "cameras/",
        f"cameras/{camera.pk}/",
        f"cameras/{camera.pk}/edit/",
        f"cameras/{camera.pk}/rules/",
    ):
        assert browser.get(f"/dashboard/{path}").status_code == 200, path
    camera.refresh_from_db()
    shown = readable_detection(camera.detection)
    assert (shown.classes, shown.frames_per_second, shown.zones[0].name) == ((), 3, "Yard")


def test_unreadable_settings_fall_back_to_the_defaults() -> None:
    rule = {"type": "intrusion", "name": "No one", "zone": "Yard"}
    assert readable_detection({"zones": [{"name": "Yard"}], "rules": [rule], "other": 1}) == Detection()
