"""Detectors report the objects in view while somebody asks for them."""

from datetime import UTC, datetime

import pytest
from tests.unit.backend.conftest import Party

from surveillance.models import Camera, CameraHealth, CameraListVersion, Notice
from surveillance.selectors.cameras import are_objects_reported
from surveillance.services.camera_list import object_reports_set
from vigil_contracts.camera import CameraConfiguration

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
BEAT = {"phase": "Streaming", "reason": "Streaming"}
PERSON = {"alert_type": "person", "zone": "", "count": 2}


def test_objects_are_asked_for_in_every_configuration(pipeline: Party, camera: Camera) -> None:
    before = pipeline.client.get("/api/active-cameras/")
    assert before.json()[0]["report_objects"] is False
    assert object_reports_set(is_on=True, now=NOW)
    after = pipeline.client.get("/api/active-cameras/", headers={"If-None-Match": before["ETag"]})
    assert after.status_code == 200, "the entity tag has changed"
    configuration = CameraConfiguration.model_validate(after.json()[0])
    assert configuration.report_objects
    assert configuration.revision != before.json()[0]["revision"]
    assert Notice.objects.filter(camera_id=camera.pk).exists(), "its detector fetches it at once"


def test_asking_again_changes_nothing(camera: Camera) -> None:
    object_reports_set(is_on=True, now=NOW)
    number = CameraListVersion.objects.get().number
    assert not object_reports_set(is_on=True, now=NOW)
    assert CameraListVersion.objects.get().number == number
    assert are_objects_reported()
    assert object_reports_set(is_on=False, now=NOW)
    assert not are_objects_reported()


def test_heartbeat_stores_the_objects_or_that_they_are_unknown(pipeline: Party, camera: Camera) -> None:
    url = f"/api/cameras/{camera.pk}/heartbeat/"
    assert pipeline.client.post(url, BEAT | {"objects": [PERSON]}).status_code == 204
    assert CameraHealth.objects.get().objects_in_view == [PERSON]
    assert pipeline.client.post(url, BEAT).status_code == 204
    assert CameraHealth.objects.get().objects_in_view is None


@pytest.mark.parametrize(
    ("objects", "field"),
    [
        ([PERSON | {"count": -1}], "objects.0.count"),
        ([PERSON | {"count": 1001}], "objects.0.count"),
        ([PERSON | {"zone": "z" * 65}], "objects.0.zone"),
        ([PERSON | {"alert_type": "ghost"}], "objects.0.alert_type"),
        ([PERSON] * 430, "objects"),
    ],
)
def test_wrong_objects_name_the_field(pipeline: Party, camera: Camera, objects: object, field: str) -> None:
    answer = pipeline.client.post(f"/api/cameras/{camera.pk}/heartbeat/", BEAT | {"objects": objects})
    assert answer.status_code == 400
    assert list(answer.json()) == [field]
