"""ONVIF devices: asked by address, controlled by operators of the camera's site; passwords stay out of results."""

import json
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from tests.unit.backend.conftest import Party

from surveillance.models import Camera, DetectorTask
from vigil_apps.audit.models import AuditEntry
from vigil_contracts.device import ControlCommand

DEVICE = {"address": "10.0.0.9", "port": 8000, "username": "root", "password": "p@ss/w0rd"}
DESCRIBED = {
    "answers": True,
    "reason": "Streaming",
    "message": "it said p@ss/w0rd",
    "streams": [{"name": "main", "rtsp_url": "rtsp://10.0.0.9/live?pw=p%40ss%2Fw0rd"}],
}


def _complete(sender: Party, task: str, result: Any) -> int:
    fields = {"result": json.dumps(result)}
    return int(sender.client.post(f"/api/errands/{task}/answer/", fields, format="multipart").status_code)


def test_device_is_asked_and_its_password_deleted(anna: Party, prober: Party) -> None:
    begun = anna.client.post("/api/onvif-devices/", DEVICE)
    assert begun.status_code == 202, begun.content
    task = begun.json()["id"]
    assert begun["Location"] == f"/api/onvif-devices/{task}/"
    assert "w0rd" not in str(list(AuditEntry.objects.values()))
    claimed = prober.client.post(f"/api/errands/{task}/claim/").json()
    assert (claimed["device_url"], claimed["rtsp_url"]) == ("http://root:p%40ss%2Fw0rd@10.0.0.9:8000", None)
    assert _complete(prober, task, DESCRIBED) == 204
    found = anna.client.get(f"/api/onvif-devices/{task}/").json()
    assert (found["state"], found["result"]["message"]) == ("done", "it said ***")
    assert "w0rd" not in json.dumps(found)
    assert DetectorTask.objects.get().rtsp_url == ""


@pytest.mark.parametrize(
    ("changes", "field", "words"),
    [
        ({"address": "127.0.0.1"}, "address", "must not lead to this server itself"),
        ({"address": "169.254.169.254"}, "address", "must not lead to"),
        ({"address": "http://10.0.0.9/"}, "address", "must be a host name or IP address, such as 192.168.1.20"),
        ({"address": "10.0.0.9:80"}, "address", "the port has its own field"),
        ({"address": "root@10.0.0.9"}, "address", "must be a host name or IP address"),
        ({"port": 0}, "port", "greater than or equal to 1"),
        ({"password": "a\nb"}, "password", "must not contain control characters"),
    ],
)
def test_forbidden_devices_are_refused(anna: Party, changes: dict[str, Any], field: str, words: str) -> None:
    refused = anna.client.post("/api/onvif-devices/", {**DEVICE, **changes}, format="json")
    assert (refused.status_code, [*refused.json()]) == (400, [field])
    assert words in str(refused.json()[field])
    assert not DetectorTask.objects.exists()


def test_control_reaches_the_detector_and_the_audit_log(anna: Party, camera: Camera, detector: Party) -> None:
    camera.rtsp_url = "rtsp://root:p%40ss@10.0.0.9:554/1"
    camera.detection = {"onvif_port": 8080}
    camera.save()
    sent = {"action": "move", "pan": 0.5, "seconds": 1}
    begun = anna.client.post(f"/api/cameras/{camera.pk}/control/", sent, format="json")
    assert begun.status_code == 202, begun.content
    task = begun.json()["id"]
    claimed = detector.client.post(f"/api/errands/{task}/claim/").json()
    assert claimed["device_url"] == "http://root:p%40ss@10.0.0.9:8080"
    assert ControlCommand.model_validate(claimed["command"]) == ControlCommand(action="move", pan=0.5, seconds=1)
    entry = AuditEntry.objects.latest("pk")
    assert "move" in str(entry.changes)
    assert "p%40ss" not in str(list(AuditEntry.objects.values()))
    assert _complete(detector, task, {"answers": True, "reason": "Streaming"}) == 204
    assert anna.client.get(f"/api/controls/{task}/").json()["result"]["answers"] is True


def test_question_for_presets_is_not_audited(anna: Party, camera: Camera) -> None:
    before = AuditEntry.objects.count()
    answer = anna.client.post(f"/api/cameras/{camera.pk}/control/", {"action": "status"}, format="json")
    assert answer.status_code == 202
    assert AuditEntry.objects.count() == before


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ({"action": "preset"}, "preset must be the token or name of a preset"),
        ({"action": "relay"}, "relay must be the token of a relay output"),
        ({"action": "move"}, "pan, tilt or zoom must be other than 0"),
        ({"action": "move", "pan": 2}, "less than or equal to 1"),
        ({"action": "dance"}, "Input should be 'status', 'move', 'stop', 'preset' or 'relay'"),
        ({"action": "stop", "speed": 1}, "Extra inputs are not permitted"),
    ],
)
def test_incomplete_commands_say_what_is_missing(
    anna: Party, camera: Camera, command: dict[str, Any], words: str
) -> None:
    refused = anna.client.post(f"/api/cameras/{camera.pk}/control/", command, format="json")
    assert refused.status_code == 400
    assert words in refused.content.decode()


def test_late_command_is_not_carried_out(anna: Party, camera: Camera, detector: Party) -> None:
    task = anna.client.post(f"/api/cameras/{camera.pk}/control/", {"action": "stop"}, format="json").json()["id"]
    DetectorTask.objects.update(created_at=timezone.now() - timedelta(seconds=11))
    assert detector.client.post(f"/api/errands/{task}/claim/").status_code == 409
    result = anna.client.get(f"/api/controls/{task}/").json()["result"]
    assert (result["answers"], result["reason"]) == (False, "DetectorNotReporting")
