"""What one client sends cannot break the lists of the others: numbers are finite, times are within 1990 to 2100."""

from typing import Any

import pytest
from tests.unit.backend.conftest import Party, send

from surveillance.models import Alert, Camera, CameraHealth
from vigil_contracts.bounds import INSTANT_RANGE

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
def test_a_heartbeat_that_no_list_could_show_is_refused(
    detector: Party, camera: Camera, anna: Party, stream: str, field: str
) -> None:
    answer = beat(detector, camera, stream)
    assert answer.status_code == 400
    assert field in answer.json()
    assert not CameraHealth.objects.exists()
    assert anna.client.get("/api/cameras/").status_code == 200


@pytest.mark.parametrize("time", FAR_TIMES)
def test_an_alert_of_a_time_that_no_list_could_show_is_refused(detector: Party, camera: Camera, time: str) -> None:
    answer = send(detector, camera, timestamp=time)
    assert answer.status_code == 400
    assert INSTANT_RANGE in " ".join(answer.json()["timestamp"])
    assert not Alert.objects.exists()


def test_a_row_from_before_the_bounds_is_listed_and_repaired(detector: Party, camera: Camera, anna: Party) -> None:
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
def test_a_filter_by_a_far_time_names_the_parameter(
    anna: Party, settings: Any, path: str, name: str, time: str
) -> None:
    anna.user.is_superuser = anna.user.is_staff = True
    anna.user.save()
    answer = anna.client.get(path, {name: time})
    assert answer.status_code == 400
    assert INSTANT_RANGE in " ".join(answer.json()[name])
