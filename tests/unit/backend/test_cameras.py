"""Cameras: accepted input, responses, and error messages."""

from typing import Any

import pytest
from django.db import connection
from tests.unit.backend.conftest import URL, Party

from surveillance.models import Camera
from vigil_contracts.detection import Detection

MASKED = "rtsp://***@camera.example:554/stream"


def _body(**changes: Any) -> dict[str, Any]:
    return {"name": "Gate", "rtsp_url": URL, **changes}


def test_new_camera_is_shown_with_a_masked_url(anna: Party) -> None:
    answer = anna.client.post("/api/cameras/", _body(group="yard", detection={"classes": ["person"]}))
    assert answer.status_code == 201
    shown = answer.json()
    assert shown["rtsp_url"] == MASKED
    assert shown["is_active"] is False
    assert shown["user"] == anna.user.pk
    given = {"model": "", "frames_per_second": 5.0, "minimum_confidence": 0.5, "classes": ["person"]}
    assert shown["detection"] == Detection().model_dump(mode="json") | given
    assert shown["health"]["phase"] == "Inactive"
    assert Camera.objects.get().rtsp_url == URL


def test_url_is_encrypted_in_the_database(anna: Party) -> None:
    anna.client.post("/api/cameras/", _body())
    with connection.cursor() as cursor:
        cursor.execute("SELECT rtsp_url FROM surveillance_camera")
        (stored,) = cursor.fetchone()
    assert "Pa55word" not in stored
    assert "camera.example" not in stored


@pytest.mark.parametrize(
    ("changes", "field", "words"),
    [
        ({"rtsp_url": "http://camera.example/1"}, "rtsp_url", "must begin with rtsp:// or rtsps://"),
        ({"rtsp_url": "rtsp:///stream"}, "rtsp_url", "must name a host"),
        ({"rtsp_url": "rtsp://host:0/x"}, "rtsp_url", "port between 1 and 65535"),
        ({"rtsp_url": "rtsp://host/a b"}, "rtsp_url", "must not contain spaces"),
        ({"rtsp_url": ""}, "rtsp_url", "may not be blank"),
        ({"rtsp_url": None}, "rtsp_url", "may not be null"),
        ({"rtsp_url": MASKED}, "rtsp_url", "enter the user and password again"),
        ({"rtsp_url": "rtsp://host/x?***"}, "rtsp_url", "enter the user and password again"),
        ({"rtsp_url": "rtsp://host/user=a_password=***_channel=1"}, "rtsp_url", "enter the user and password again"),
        ({"rtsp_url": "rtsp://admin:12/34secret@10.0.0.8/live"}, "rtsp_url", "write / as %2F (? as %3F, # as %23"),
        ({"rtsp_url": "rtsp://admin:12#34secret@10.0.0.8/live"}, "rtsp_url", "write # as %23 (/ as %2F"),
        ({"rtsp_url": "rtsp://admin:12?34secret@10.0.0.8/live"}, "rtsp_url", "write ? as %3F (/ as %2F"),
        ({"rtsp_url": "rtsp://adm%0Ain:secret@host/x"}, "rtsp_url", "the user name must not contain control"),
        (
            {"detection": {"stream_path": "/user=a_password=secret_channel=1"}},
            "detection.stream_path",
            "write {username} and {password} in their place",
        ),
        ({"rtsp_url": "rtsp://host/" + "x" * 3000}, "rtsp_url", "2000 characters"),
        ({"name": ""}, "name", "may not be blank"),
        ({"name": "x" * 101}, "name", "100 characters"),
        ({"group": "a b"}, "group", "letters, digits"),
        ({"transport": "http"}, "transport", "must be tcp or udp"),
        ({"detector_class_name": "GPU!"}, "detector_class_name", "Kubernetes name"),
        ({"detection": {"minimum_confidence": 1.5}}, "detection.minimum_confidence", "less than or equal to 1"),
        ({"detection": {"frames_per_second": 0}}, "detection.frames_per_second", "greater than 0"),
        ({"detection": {"display_aspect_ratio": "1.78"}}, "detection.display_aspect_ratio", "such as 16:9 or 4:3"),
        ({"detection": {"classes": "person"}}, "detection.classes", "tuple"),
        ({"detection": {"speed": 3}}, "detection.speed", "not permitted"),
        (
            {"detection": {"rules": [{"name": "r", "type": "loitering", "zone": "a", "seconds": 0}]}},
            "detection.rules.0.seconds",
            "greater than or equal to 1",
        ),
        (
            {"detection": {"rules": [{"name": "r", "type": "intrusion", "zone": "a"}]}},
            "detection.rules",
            "the zone 'a' of rule 'r' must be the name of one of zones (none)",
        ),
        ({"detection": {"model": "a\x00b"}}, "detection.model", "NUL"),
        (
            {"detection": {"model": "a", "models": [{"model": "b"}]}},
            "detection.models",
            "replaces model and prompts",
        ),
        (
            {"detection": {"models": [{"alert_types": [{"label": "gate", "alert_type": "intrusion"}]}]}},
            "detection.models.0.alert_types.0.alert_type",
            "intrusion cannot be detected by a model",
        ),
        ({"detection": {"prompts": ["x" * 101]}}, "detection.prompts.0", "at most 100"),
        ({"detection": [1]}, "detection", "must be a JSON object"),
        ({"is_active": "perhaps"}, "is_active", "valid boolean"),
    ],
)
def test_invalid_input_names_the_field_and_stores_nothing(
    anna: Party, changes: dict[str, Any], field: str, words: str
) -> None:
    answer = anna.client.post("/api/cameras/", _body(**changes))
    assert answer.status_code == 400
    assert list(answer.json()) == [field]
    assert words in " ".join(answer.json()[field])
    assert not Camera.objects.exists()


def test_missing_fields_are_named(anna: Party) -> None:
    answer = anna.client.post("/api/cameras/", {})
    assert answer.status_code == 400
    assert set(answer.json()) == {"name", "rtsp_url"}


def test_invalid_update_changes_nothing(anna: Party, camera: Camera) -> None:
    answer = anna.client.patch(
        f"/api/cameras/{camera.pk}/", {"name": "New", "detection": {"minimum_confidence": 1.5}}
    )
    assert answer.status_code == 400
    assert "detection.minimum_confidence" in answer.json()
    camera.refresh_from_db()
    assert camera.name == "Gate"


def test_name_is_unique_per_owner(anna: Party, ben: Party, camera: Camera) -> None:
    answer = anna.client.post("/api/cameras/", _body())
    assert (answer.status_code, answer.json()) == (400, {"name": ["You have a camera with this name already."]})
    assert ben.client.post("/api/cameras/", _body()).status_code == 201


def test_patch_without_url_keeps_the_url(anna: Party, camera: Camera) -> None:
    answer = anna.client.patch(f"/api/cameras/{camera.pk}/", {"name": "Door"})
    assert (answer.status_code, answer.json()["name"]) == (200, "Door")
    camera.refresh_from_db()
    assert camera.rtsp_url == URL


def test_put_of_the_masked_url_keeps_the_credentials(anna: Party, camera: Camera) -> None:
    shown = anna.client.get(f"/api/cameras/{camera.pk}/").json()
    answer = anna.client.put(f"/api/cameras/{camera.pk}/", {**shown, "name": "Door"})
    assert (answer.status_code, answer.json()["rtsp_url"]) == (200, MASKED)
    camera.refresh_from_db()
    assert camera.rtsp_url == URL


def test_masked_credentials_are_never_sent_to_another_host(anna: Party, camera: Camera) -> None:
    answer = anna.client.patch(f"/api/cameras/{camera.pk}/", {"rtsp_url": "rtsp://***@evil.example:554/stream"})
    assert answer.status_code == 400
    assert "enter the user and password again" in answer.json()["rtsp_url"][0]
    camera.refresh_from_db()
    assert camera.rtsp_url == URL


XMEYE = "rtsp://10.0.0.8/user=admin_password=tlJwpbo6_channel=1_stream=0.sdp?real_stream"
XMEYE_MASKED = "rtsp://10.0.0.8/user=***_password=***_channel=1_stream=0.sdp?***"


def test_a_password_in_the_path_is_masked_and_survives_an_edit(anna: Party) -> None:
    shown = anna.client.post("/api/cameras/", _body(rtsp_url=XMEYE)).json()
    assert shown["rtsp_url"] == XMEYE_MASKED
    answer = anna.client.put(f"/api/cameras/{shown['id']}/", {**shown, "name": "Door"})
    assert (answer.status_code, answer.json()["rtsp_url"]) == (200, XMEYE_MASKED)
    assert Camera.objects.get().rtsp_url == XMEYE
    changed = XMEYE_MASKED.replace("10.0.0.8", "10.0.0.9")
    refused = anna.client.patch(f"/api/cameras/{shown['id']}/", {"rtsp_url": changed})
    assert "enter the user and password again" in refused.json()["rtsp_url"][0]


def test_url_can_be_replaced(anna: Party, camera: Camera) -> None:
    new = "rtsps://root:other@camera.example/2"
    assert anna.client.patch(f"/api/cameras/{camera.pk}/", {"rtsp_url": new}).status_code == 200
    camera.refresh_from_db()
    assert camera.rtsp_url == new


def test_activation_can_be_repeated(anna: Party, camera: Camera) -> None:
    for path, is_active in (("deactivate", False), ("deactivate", False), ("activate", True), ("activate", True)):
        answer = anna.client.post(f"/api/cameras/{camera.pk}/{path}/")
        assert (answer.status_code, answer.json()["is_active"]) == (200, is_active)


def test_read_only_fields_are_ignored(anna: Party, ben: Party, camera: Camera) -> None:
    body = {"user": ben.user.pk, "managed_by": "kubectl", "id": 999}
    answer = anna.client.patch(f"/api/cameras/{camera.pk}/", body)
    assert answer.status_code == 200
    camera.refresh_from_db()
    assert (camera.user, camera.managed_by) == (anna.user, "backend")


def test_camera_managed_by_kubectl_is_read_only(anna: Party, camera: Camera) -> None:
    Camera.objects.update(managed_by="kubectl")
    for answer in (
        anna.client.patch(f"/api/cameras/{camera.pk}/", {"name": "x"}),
        anna.client.post(f"/api/cameras/{camera.pk}/deactivate/"),
        anna.client.delete(f"/api/cameras/{camera.pk}/"),
    ):
        assert answer.status_code == 409
        assert "managed by kubectl" in answer.json()["detail"]
    assert Camera.objects.get().name == "Gate"


def test_list_is_paged_and_filtered(anna: Party, ben: Party) -> None:
    for number in range(5):
        Camera.objects.create(
            user=anna.user, name=f"c{number}", rtsp_url=URL, group="even" if number % 2 == 0 else ""
        )
    Camera.objects.create(user=ben.user, name="b", rtsp_url=URL)
    names: list[str] = []
    url = "/api/cameras/?page_size=2"
    while url:
        page = anna.client.get(url).json()
        names += [row["name"] for row in page["results"]]
        url = page["next"]
    assert names == ["c0", "c1", "c2", "c3", "c4"]
    even = anna.client.get("/api/cameras/?group=even").json()["results"]
    assert [row["name"] for row in even] == ["c0", "c2", "c4"]


def test_deletion(anna: Party, camera: Camera) -> None:
    assert anna.client.delete(f"/api/cameras/{camera.pk}/").status_code == 204
    assert anna.client.get(f"/api/cameras/{camera.pk}/").status_code == 404
    assert not Camera.objects.exists()


def test_a_patch_replaces_detection_and_recording_as_a_whole(anna: Party, camera: Camera) -> None:
    """As the schema says; a client that sends a part of them loses the rest."""
    url = f"/api/cameras/{camera.pk}/"
    zone = {"name": "Yard", "points": [[0.0, 0.0], [1.0, 0.0], [1.0, 1.0]]}
    first = {"detection": {"zones": [zone]}, "recording": {"mode": "motion", "days": 3}}
    assert anna.client.patch(url, first, format="json").status_code == 200
    second = {"detection": {"frames_per_second": 2.0}, "recording": {"mode": "continuous"}}
    changed = anna.client.patch(url, second, format="json").json()
    assert (changed["detection"]["frames_per_second"], changed["detection"]["zones"]) == (2.0, [])
    assert (changed["recording"]["mode"], changed["recording"]["days"]) == ("continuous", None)
