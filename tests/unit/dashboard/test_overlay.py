"""The overlay on an alert's image: shows known shapes, and nothing for missing ones."""

from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.auth.models import User
from django.test import Client
from tests.unit.dashboard.test_pages import add_camera

from surveillance.models import Alert, Camera
from vigil_apps.dashboard.overlay import shapes_of

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
SETTINGS = {
    "zones": [{"name": "Drive", "points": [[0, 0], [1, 0], [0.5, 1]]}],
    "rules": [{"name": "gate", "type": "line_crossing", "line": [[0, 0.5], [1, 0.5]]}],
}


def box(left: float) -> dict[str, float]:
    return {"x_min": left, "x_max": left + 0.1, "y_min": 0.2, "y_max": 0.6}


@pytest.fixture
def camera(anna: User) -> Camera:
    camera = add_camera(anna)
    camera.detection = {**camera.detection, **SETTINGS}
    camera.save()
    return camera


def add(camera: Camera, number: int, **fields: object) -> Alert:
    values = {"alert_type": "person", "confidence": 0.9, "timestamp": NOON, "image": "alerts/x.jpg", **fields}
    return Alert.objects.create(camera=camera, event_id=f"event-{number:04}", **values)


def test_overlay_shows_the_alerts_zone_line_and_path(client: Client, camera: Camera) -> None:
    for number, left in enumerate((0.1, 0.3)):
        add(camera, number, track="t", box=box(left), timestamp=NOON - timedelta(seconds=9 - number))
    add(camera, 8, track="t", box=box(0.8), timestamp=NOON - timedelta(days=2))
    alert = add(camera, 9, track="t", box=box(0.5), zone="Drive", rule="gate")
    page = client.get(f"/dashboard/alerts/{alert.pk}/").content.decode()
    assert 'points="0,0 1000,0 500,1000"' in page
    assert 'points="0,500 1000,500"' in page
    assert 'points="150,600 350,600 550,600"' in page


def test_deleted_or_unknown_shapes_are_not_drawn(camera: Camera) -> None:
    alert = add(camera, 1, zone="Gone", rule="gone", box={"nonsense": 1})
    assert not shapes_of(alert, seen=[alert.box, None])
    assert not shapes_of(alert, seen=[box(0.1)]), "one place is no way"
