"""A kubectl camera from apply to delete, with an in-memory API server and a fake of the API."""

from __future__ import annotations

import asyncio
import json
from base64 import b64decode
from typing import Any

import pytest
from tests.unit.operator.builders import NAMESPACE, camera, camera_spec, encoded
from tests.unit.operator.test_flow import World

from vigil_contracts.api_client import TIMEOUT
from vigil_contracts.names import DeletionPolicy
from vigil_operator.core.observed import credentials_from_body
from vigil_operator.core.registration import RegistrationSettings, build_registration, credentials_of, is_registered
from vigil_operator.core.specs import InvalidSpecError, parse_camera_spec
from vigil_operator.kube.kinds import CAMERA, DEPLOYMENT, SECRET
from vigil_operator.kube.registrar import GIVE_UP_SECONDS, RETRY_SECONDS
from vigil_operator.sync.sweeper import ORPHAN_SECONDS

GATE = CAMERA.path(NAMESPACE, "gate")
CREDENTIALS = SECRET.path(NAMESPACE, "gate-credentials")
DETECTOR_SECRET = SECRET.path(NAMESPACE, "gate-detector")
PASSWORD = "marked-gate-password"
UID = "0f-gate"


def secret_body(password: str = PASSWORD, *, version: int = 11, **data: str) -> dict[str, Any]:
    return {
        "metadata": {
            "name": "gate-credentials",
            "namespace": NAMESPACE,
            "uid": "uid-credentials",
            "resourceVersion": str(version),
        },
        "type": "Opaque",
        "data": data or {"username": encoded("viewer"), "password": encoded(password), "other": encoded("kept out")},
    }


def gate_body(**spec: Any) -> dict[str, Any]:
    stream = {"url": "rtsp://10.0.0.9/s", "credentialsSecretRef": {"name": "gate-credentials"}}
    return {
        "metadata": {"name": "gate", "namespace": NAMESPACE, "uid": UID, "resourceVersion": "12", "generation": 1},
        "spec": camera_spec(displayName="Gate", stream=stream, **spec),
    }


def edit(world: World, path: str, **changes: Any) -> None:
    found = world.server.objects[path]
    world.server._version += 1
    metadata = {**found["metadata"], "resourceVersion": str(world.server._version)}
    metadata["generation"] = metadata.get("generation", 0) + 1
    metadata |= changes.pop("metadata", {})
    world.server.objects[path] = {**found, **changes, "metadata": metadata}


def condition(world: World, kind: str) -> dict[str, Any]:
    conditions: list[dict[str, Any]] = world.server.objects[GATE]["status"]["conditions"]
    return next(item for item in conditions if item["type"] == kind)


@pytest.fixture
def world() -> World:
    made = World()
    made.api.cameras = []
    made.server.objects[CREDENTIALS] = secret_body()
    made.server.objects[GATE] = gate_body()
    made.settle()
    return made


def test_applied_camera_is_registered_and_gets_a_detector(world: World) -> None:
    gate = world.server.objects[GATE]
    assert gate["metadata"]["finalizers"] == ["vigil.dev/api-row"]
    assert gate["metadata"]["labels"]["vigil.dev/managed-by"] == "kubectl"
    number, sent = world.api.rows[UID]
    assert (gate["status"]["cameraId"], sent.name, sent.resource, sent.is_active) == (number, "Gate", "gate", True)
    assert sent.rtsp_url.get_secret_value() == f"rtsp://viewer:{PASSWORD}@10.0.0.9/s"
    assert b64decode(world.server.objects[DETECTOR_SECRET]["data"]["password"]).decode() == PASSWORD
    assert condition(world, "Synced")["status"] == "True"
    assert DEPLOYMENT.path(NAMESPACE, "gate-detector") in world.server.objects
    assert world.quiet() == []
    assert (world.api.registrations, world.api.tokens) == (1, 1)


def test_only_secrets_contain_the_password(world: World) -> None:
    outside = {path: item for path, item in world.server.objects.items() if "/secrets/" not in path}
    assert PASSWORD not in json.dumps(outside)
    assert PASSWORD not in repr([world.store.credentials, world.api.rows[UID][1]])


def test_restarted_operator_does_not_register_again(world: World) -> None:
    world.restart()
    assert world.quiet() == []
    assert (world.api.registrations, world.api.tokens) == (1, 1)


def test_edit_updates_the_row_and_deactivation_keeps_it(world: World) -> None:
    edit(world, GATE, spec=camera_spec(active=False, displayName="Hall"))
    world.settle()
    assert (world.api.rows[UID][1].name, world.api.rows[UID][1].is_active) == ("Hall", False)
    assert world.server.objects[GATE]["status"]["phase"] == "Inactive"
    assert DEPLOYMENT.path(NAMESPACE, "gate-detector") not in world.server.objects
    assert world.quiet() == []


def test_label_set_by_hand_is_reverted_and_keeps_the_row(world: World) -> None:
    rows = dict(world.api.rows)
    labels = {"vigil.dev/managed-by": "backend", "vigil.dev/camera-id": "1"}
    edit(world, GATE, metadata={"labels": labels})
    world.settle()
    assert world.server.objects[GATE]["metadata"]["labels"]["vigil.dev/managed-by"] == "kubectl"
    assert world.api.rows == rows
    events = [item for path, item in world.server.objects.items() if "/events/" in path]
    (reverted,) = [item for item in events if item["reason"] == "LabelReverted"]
    assert reverted["message"] == (
        "Only the operator sets the label vigil.dev/managed-by=backend: it was changed back to kubectl. This "
        "resource is a camera of its own, and the API camera keeps its own resource."
    )
    assert world.quiet() == []


def test_a_changed_secret_reaches_the_row_and_restarts_the_detector(world: World) -> None:
    deployment = DEPLOYMENT.path(NAMESPACE, "gate-detector")
    before = world.server.objects[deployment]["spec"]["template"]["metadata"]["annotations"]
    world.server.objects[CREDENTIALS] = secret_body("rotated", version=500)
    world.settle()
    assert world.api.rows[UID][1].rtsp_url.get_secret_value() == "rtsp://viewer:rotated@10.0.0.9/s"
    assert world.server.objects[deployment]["spec"]["template"]["metadata"]["annotations"] != before
    assert world.api.tokens == 1


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (None, "spec.stream.credentialsSecretRef.name: there is no Secret 'gate-credentials'"),
        ({"username": encoded("viewer")}, "Secret 'gate-credentials' lacks the key password"),
        ({"username": "/w==", "password": "/w=="}, "must hold text in UTF-8"),
        (
            {"username": encoded("view\ner"), "password": encoded(PASSWORD)},
            "Secret 'gate-credentials' is not usable: the user name must not contain control characters",
        ),
        (
            {"username": encoded("viewer"), "password": encoded("\x00" + PASSWORD)},
            "Secret 'gate-credentials' is not usable: the password must not contain control characters",
        ),
    ],
)
def test_missing_credentials_are_reported_without_stopping_the_detector(
    world: World, data: dict[str, str] | None, words: str
) -> None:
    if data is None:
        del world.server.objects[CREDENTIALS]
        world.server._version += 100
    else:
        world.server.objects[CREDENTIALS] = {**secret_body(version=500), "data": data}
    world.settle()
    assert condition(world, "Ready")["reason"] == "InvalidSpec"
    assert words in condition(world, "Ready")["message"]
    assert DEPLOYMENT.path(NAMESPACE, "gate-detector") in world.server.objects
    assert world.quiet() == []


@pytest.mark.parametrize("ending", ["\n", "\r\n", "\n\n"])
def test_trailing_line_break_of_a_secret_is_removed(world: World, ending: str) -> None:
    data = {"username": encoded(f"viewer{ending}"), "password": encoded(f"rotated{ending}")}
    world.server.objects[CREDENTIALS] = {**secret_body(version=500), "data": data}
    world.settle()
    assert world.api.rows[UID][1].rtsp_url.get_secret_value() == "rtsp://viewer:rotated@10.0.0.9/s"
    assert b64decode(world.server.objects[DETECTOR_SECRET]["data"]["password"]) == b"rotated"
    assert world.quiet() == []


def test_credentials_are_inserted_into_path_placeholders(world: World) -> None:
    url = "rtsp://10.0.0.9/user={username}_password={password}_channel=1_stream=0.sdp"
    stream = {"url": url, "credentialsSecretRef": {"name": "gate-credentials"}}
    edit(world, GATE, spec=camera_spec(stream=stream))
    world.settle()
    registered = world.api.rows[UID][1].rtsp_url.get_secret_value()
    path = f"user=viewer_password={PASSWORD}_channel=1_stream=0.sdp"
    assert registered == f"rtsp://viewer:{PASSWORD}@10.0.0.9/{path}"
    assert PASSWORD not in json.dumps(world.server.objects[GATE])


def test_secret_of_another_cameras_detector_is_rejected(world: World) -> None:
    stream = {"url": "rtsp://10.0.0.66/s", "credentialsSecretRef": {"name": "gate-detector"}}
    thief = gate_body()
    thief["metadata"] = {**thief["metadata"], "name": "thief", "uid": "thief"}
    thief["spec"] = camera_spec(stream=stream)
    world.server.objects[CAMERA.path(NAMESPACE, "thief")] = thief
    world.settle()
    assert "thief" not in world.api.rows
    status = world.server.objects[CAMERA.path(NAMESPACE, "thief")]["status"]
    assert "there is no Secret 'gate-detector'" in status["conditions"][0]["message"]


def test_new_camera_reports_an_api_outage_and_recovers() -> None:
    world = World()
    world.api.cameras = []
    world.settle()
    world.api.away = True
    world.server.objects[CREDENTIALS], world.server.objects[GATE] = secret_body(), gate_body()
    world.settle(1)
    assert condition(world, "Synced")["reason"] == "NotRegistered"
    assert "ConnectError" in condition(world, "Synced")["message"]
    assert DEPLOYMENT.path(NAMESPACE, "gate-detector") not in world.server.objects
    world.api.away = False
    world.settle()
    assert condition(world, "Synced")["reason"] == "Synced"


def test_api_rejection_is_shown_with_its_text() -> None:
    world = World()
    world.api.cameras = []
    world.api.refusal = json.dumps({"owner": ["must be the name of an active user"]})
    world.server.objects[CREDENTIALS], world.server.objects[GATE] = secret_body(), gate_body()
    world.settle()
    assert condition(world, "Ready")["reason"] == "InvalidSpec"
    assert "owner: must be the name of an active user" in condition(world, "Ready")["message"]
    assert world.quiet() == []
    world.api.refusal = ""
    world.settle()
    assert condition(world, "Synced")["reason"] == "Synced"


def test_deleted_row_is_recreated_with_a_new_token(world: World) -> None:
    world.api.rows.clear()
    world.now += 61
    world.settle()
    assert world.server.objects[GATE]["status"]["cameraId"] == world.api.rows[UID][0] != 101
    assert world.api.tokens == 2
    assert world.quiet() == []


def test_id_from_the_status_alone_gets_no_token() -> None:
    world = World()
    world.api.away = True
    gate = gate_body()
    gate["spec"] = camera_spec()
    gate["status"] = {"cameraId": 7}
    world.server.objects[GATE] = gate
    world.settle(1)
    assert world.api.tokens == 0
    assert DEPLOYMENT.path(NAMESPACE, "gate-detector") not in world.server.objects


def test_deletion_removes_the_row_before_the_resource(world: World) -> None:
    edit(world, GATE, metadata={"deletionTimestamp": "2026-03-01T12:00:00Z"})
    world.settle()
    assert world.api.rows == {}
    assert [path for path in world.server.objects if "gate" in path and "/events/" not in path] == [CREDENTIALS]


@pytest.mark.parametrize(
    ("spec", "policy"),
    [
        ({"deletionPolicy": "Delete"}, DeletionPolicy.DELETE),
        ({"deletionPolicy": "Retain"}, DeletionPolicy.RETAIN),
        ({"deletionPolicy": "delete"}, DeletionPolicy.RETAIN),
        ({}, DeletionPolicy.RETAIN),
    ],
)
def test_deletion_states_the_policy_of_the_resource(
    world: World, spec: dict[str, Any], policy: DeletionPolicy
) -> None:
    """Of the resource as it is deleted: an edit just before may not be registered yet."""
    changed = {**world.server.objects[GATE]["spec"], **spec}
    edit(world, GATE, metadata={"deletionTimestamp": "2026-03-01T12:00:00Z"}, spec=changed)
    world.settle()
    assert world.api.unregistered == [policy]


def test_default_policy_is_not_sent_to_an_api_that_may_not_know_it() -> None:
    for policy, is_sent in (("Retain", False), ("Delete", True)):
        seen = camera("gate", camera_id=None, spec=camera_spec(deletionPolicy=policy))
        spec = parse_camera_spec("gate", seen.spec)
        sent = build_registration(seen, spec, None, RegistrationSettings()).to_json()
        assert ("deletion_policy" in sent) is is_sent


def test_deletion_without_the_api_completes_after_a_while(world: World) -> None:
    world.api.away = True
    edit(world, GATE, metadata={"deletionTimestamp": "2026-03-01T12:00:00Z"})
    world.settle()
    assert GATE in world.server.objects
    assert DEPLOYMENT.path(NAMESPACE, "gate-detector") not in world.server.objects
    world.now += GIVE_UP_SECONDS - 1
    edit(world, GATE)
    world.settle()
    assert GATE in world.server.objects
    world.now += 1
    edit(world, GATE)
    world.settle()
    assert GATE not in world.server.objects
    assert UID in world.api.rows
    # The row that was left over goes once the API is back, though not at the first sight.
    world.api.away = False
    world.settle()
    assert UID in world.api.rows
    world.now += ORPHAN_SECONDS
    world.settle()
    assert world.api.rows == {}


def test_deletion_without_the_api_takes_at_most_a_minute() -> None:
    assert TIMEOUT.read is not None
    assert GIVE_UP_SECONDS + RETRY_SECONDS + TIMEOUT.read < 60


def test_name_is_requested_again_once_a_stale_row_is_deleted(world: World) -> None:
    world.api.rows = {"former": world.api.rows[UID]}
    world.api.refusal = json.dumps({"name": ["You have a camera with this name already."]})
    world.restart()
    world.settle()
    assert condition(world, "Ready")["reason"] == "InvalidSpec"
    assert "former" in world.api.rows
    world.api.refusal = ""
    world.now += ORPHAN_SECONDS
    asyncio.run(world.poller.poll_once())
    assert world.api.rows == {}
    assert len(world.queue) == 1, "it need not wait until it would be looked at anyway"
    world.settle()
    assert world.api.rows.keys() == {UID}


def test_digest_depends_on_the_content_and_needs_the_key() -> None:
    seen = camera("gate", camera_id=None, spec=camera_spec(displayName="x" * 100))
    spec = parse_camera_spec("gate", seen.spec)
    one = build_registration(seen, spec, None, RegistrationSettings(key=b"one"))
    assert one.name == "x" * 100
    assert one.digest == build_registration(seen, spec, None, RegistrationSettings(key=b"one")).digest
    assert one.digest != build_registration(seen, spec, None, RegistrationSettings(key=b"two")).digest
    assert one.digest != build_registration(seen, spec, None, RegistrationSettings(key=b"one", owner="anna")).digest
    assert not is_registered(None, one)


def test_special_characters_of_a_password_survive() -> None:
    spec = parse_camera_spec("gate", gate_body()["spec"])
    found = credentials_of(spec, credentials_from_body(secret_body("p@ss:w/rd %")))
    registration = build_registration(camera("gate", camera_id=None), spec, found, RegistrationSettings())
    assert registration.rtsp_url.get_secret_value() == "rtsp://viewer:p%40ss%3Aw%2Frd%20%25@10.0.0.9/s"
    with pytest.raises(InvalidSpecError):
        credentials_of(spec, None)
