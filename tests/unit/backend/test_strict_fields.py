"""Every endpoint that writes refuses fields that it does not have, and names those that it has."""

from pathlib import Path
from typing import Any, cast
from uuid import uuid4

import pytest
import yaml
from tests.unit.backend.conftest import WEBHOOK, Party

from surveillance.models import Alert, Camera
from surveillance.services.holds import hold_alert
from vigil_apps.accounts.models import AuthToken
from vigil_apps.evidence.cases import case_create
from vigil_apps.sites.models import Site
from vigil_apps.web.strict_fields import MOST_REPORTED

SCHEMA = yaml.load((Path(__file__).parents[3] / "docs/openapi.yaml").read_text(), Loader=yaml.CSafeLoader)
NEWER = "Vigil's own programs, which may be newer than the backend during an upgrade"
TOLERANT = {
    "/api/cameras/{camera_id}/heartbeat/": NEWER,
    "/api/cameras/{camera_id}/recordings/": NEWER,
    "/api/cameras/{camera_id}/recordings/uploads/": NEWER,
    "/api/camera-resources/status/": NEWER,
    "/api/detector-tokens/": NEWER,
    "/api/camera-releases/": NEWER,
    "/api/notifications/web-push/": "a browser's object, to which browsers may add properties",
    "/api/cameras/{camera_id}/frames/": "an image",
}
WRITES = [
    (method, path, next(iter(operation.get("requestBody", {}).get("content", {})), "application/json"))
    for path, operations in SCHEMA["paths"].items()
    for method, operation in operations.items()
    if method in {"post", "put", "patch"} and path not in TOLERANT
]
UNKNOWN = "no_such_field"


@pytest.fixture
def ids(anna: Party, ben: Party, alert: Alert, site: Site) -> dict[str, object]:
    """Return an id for each parameter of a path."""
    subscription = anna.client.post("/api/notifications/", WEBHOOK).json()["subscription"]["id"]
    return {
        "camera_id": alert.camera_id,
        "alert_id": alert.pk,
        "hold_id": hold_alert(alert=alert, reason="x", user=anna.user).pk,
        "case_id": case_create(user=anna.user, values={"title": "x"}).pk,
        "site_id": site.pk,
        "user_id": anna.user.pk,
        "subscription_id": subscription,
        "token_id": AuthToken.objects.filter(user=anna.user)[0].public_id,
        "task_id": anna.client.post(f"/api/cameras/{alert.camera_id}/probe/").json()["id"],
        "uid": uuid4(),
    }


@pytest.mark.parametrize(("method", "path", "content_type"), WRITES, ids=lambda value: str(value))
def test_an_unknown_field_is_refused(
    anna: Party,
    root: Party,
    operator: Party,
    pipeline: Party,
    ids: dict[str, object],
    settings: Any,
    method: str,
    path: str,
    content_type: str,
) -> None:
    settings.VIGIL_SELF_REGISTRATION = True
    form = "multipart" if content_type.startswith("multipart") else "json"
    answers = [
        cast("Any", getattr(party.client, method))(path.format(**ids), {UNKNOWN: "x"}, format=form)
        for party in (anna, root, operator, pipeline)
    ]
    statuses = [answer.status_code for answer in answers]
    assert all(status >= 400 for status in statuses), statuses
    refused = [answer.json() for answer in answers if answer.status_code == 400]
    assert refused, statuses
    for errors in refused:
        assert UNKNOWN in errors, errors


def test_the_error_names_the_fields_that_there_are(anna: Party) -> None:
    refused = anna.client.post("/api/tokens/", {"name": "script", "scope": "operator"})
    assert refused.status_code == 400
    words = "is not a field of this request; its fields are name, expires_in_days"
    assert refused.json() == {"scope": [words]}
    assert anna.client.post("/api/tokens/", {"name": "script"}).status_code == 201


def test_unknown_and_invalid_fields_are_reported_together(anna: Party) -> None:
    refused = anna.client.post("/api/tokens/", {"expires_in_days": 0, "scope": "operator"})
    assert set(refused.json()) == {"scope", "name", "expires_in_days"}


def test_what_was_read_can_be_sent_back(anna: Party, camera: Camera) -> None:
    path = f"/api/cameras/{camera.pk}/"
    shown = anna.client.get(path).json()
    assert anna.client.put(path, shown).status_code == 200
    assert (
        anna.client.put(path, {**shown, "is_actve": False})
        .json()["is_actve"][0]
        .endswith(
            "name, site, group, cluster, rtsp_url, is_active, transport, detection, recording, retention_days, "
            "retention_megabytes, detector_class_name"
        )
    )


def test_fields_of_djangos_forms_are_no_unknown_ones(anna: Party) -> None:
    form = {"username": "anna", "password": "correct horse battery", "csrfmiddlewaretoken": "x"}
    assert anna.client.post("/api/token/", form, format="multipart").status_code in {200, 415}
    encoded = "username=anna&password=correct+horse+battery&csrfmiddlewaretoken=x"
    answer = anna.client.post("/api/token/", encoded, content_type="application/x-www-form-urlencoded")
    assert answer.status_code == 200, answer.content
    assert anna.client.post("/api/token/", {**form}, format="json").status_code == 400, "JSON has no forms' field"


def test_an_endpoint_without_fields_says_so(anna: Party, camera: Camera) -> None:
    path = f"/api/cameras/{camera.pk}/deactivate/"
    refused = anna.client.post(path, {"reason": "holiday"})
    assert (refused.status_code, refused.json()) == (400, {"reason": ["is not expected: send no fields"]})
    camera.refresh_from_db()
    assert camera.is_active
    assert anna.client.post(path, {}).status_code == 200
    assert anna.client.post(path).status_code == 200


def test_the_answer_to_many_unknown_fields_is_short(anna: Party) -> None:
    refused = anna.client.post("/api/tokens/", {"n" * 1000 + str(number): 1 for number in range(200)})
    assert refused.status_code == 400
    assert len(refused.json()) <= MOST_REPORTED + 1
    assert len(refused.content) < 5000
