from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.operator.builders import NAMESPACE, PASSWORD, camera, camera_body, configuration

from vigil_contracts.camera import CameraConfiguration
from vigil_contracts.detection import Detection
from vigil_contracts.recording import RecordingMode, RecordingSettings
from vigil_operator.core import sync_plan
from vigil_operator.core.names import camera_resource_name, detector_object_name
from vigil_operator.core.observed import Camera, camera_from_body
from vigil_operator.core.specs import parse_camera_spec
from vigil_operator.core.sync_plan import Match, build_camera, plan_sync


def resource(camera_id: int, **changes: Any) -> Camera:
    """The API's camera as it comes back from the server, defaults filled in."""
    manifest = build_camera(configuration(camera_id), NAMESPACE, f"cam-{camera_id}")
    body = camera_body(
        f"cam-{camera_id}", uid=f"uid-{camera_id}", camera_id=camera_id, spec=manifest["spec"] | changes
    )
    return camera_from_body(body)


def test_new_cameras_are_created() -> None:
    plan = plan_sync([configuration(2), configuration(1)], [], NAMESPACE)
    assert [manifest["metadata"]["name"] for manifest in plan.apply] == ["cam-1", "cam-2"]
    assert plan.remove == ()


def test_matching_resources_are_unchanged() -> None:
    plan = plan_sync([configuration(1)], [resource(1)], NAMESPACE)
    assert (plan.apply, plan.remove) == ((), ())


def test_recording_is_in_the_resource_where_it_differs_from_the_default() -> None:
    settings = RecordingSettings(mode=RecordingMode.MOTION, seconds_before=3, days=9)
    wanted = configuration(1).model_copy(update={"recording": settings})
    (manifest,) = plan_sync([wanted], [resource(1)], NAMESPACE).apply
    assert manifest["spec"]["recording"] == {"mode": "motion", "secondsBefore": 3.0, "days": 9}
    assert parse_camera_spec("cam-1", manifest["spec"]).recording == settings
    assert "recording" not in build_camera(configuration(1), NAMESPACE, "cam-1")["spec"]
    stored = resource(1, recording={"mode": "off", "stream": "main", "secondsBefore": 5, "secondsAfter": 10})
    assert plan_sync([configuration(1)], [stored], NAMESPACE).apply == ()


DEFAULTS_OF_THE_API_SERVER = {
    "deletionPolicy": "Retain",
    "recording": {},
    "retention": {},
}
DETECTION_DEFAULTS = {"recordAudio": False, "tamper": True, "source": "model", "onvifPort": 80}


def with_defaults(**changes: Any) -> Camera:
    detection = DETECTION_DEFAULTS | resource(1).spec["detection"] | changes
    return resource(1, **DEFAULTS_OF_THE_API_SERVER, detection=detection)


def test_defaults_of_the_api_server_need_no_parsing(monkeypatch: pytest.MonkeyPatch) -> None:
    stored = with_defaults()

    def parse(*_: object) -> None:
        raise AssertionError

    monkeypatch.setattr(sync_plan, "parse_camera_spec", parse)
    assert plan_sync([configuration(1)], [stored], NAMESPACE).apply == ()


@pytest.mark.parametrize(
    "changes",
    [
        {"tamper": False},
        {"source": "onvif"},
        {"zones": [{"name": "a", "points": [[0, 0], [1, 0], [1, 1]]}]},
        {"onvifPort": 8080},
    ],
)
def test_another_value_than_the_default_is_put_back(changes: dict[str, Any]) -> None:
    assert len(plan_sync([configuration(1)], [with_defaults(**changes)], NAMESPACE).apply) == 1


def test_matching_pairs_are_compared_again_only_after_a_change(monkeypatch: pytest.MonkeyPatch) -> None:
    matches: Mapping[int, Match] = {}
    read: list[str] = []

    def reads(present: Camera, manifest: object) -> bool:
        read.append(present.key.name)
        return True

    monkeypatch.setattr(sync_plan, "is_same", reads)

    def look(present: Camera, wanted: CameraConfiguration) -> int:
        nonlocal matches
        read.clear()
        matches = plan_sync([wanted], [present], NAMESPACE, matches=matches).matches
        return len(read)

    one = configuration(1)
    assert look(resource(1), one) == 1
    assert look(resource(1), one) == 0
    assert look(resource(1), one.model_copy(update={"revision": "another"})) == 1
    edited = replace(resource(1).meta, generation=2)
    assert look(replace(resource(1), meta=edited), one) == 1
    unlabelled = replace(resource(1).meta, labels={**resource(1).meta.labels, "app.kubernetes.io/part-of": "x"})
    assert look(replace(resource(1), meta=unlabelled), one) == 1
    assert plan_sync([], [], NAMESPACE, matches=matches).matches == {}


def test_cameras_missing_from_the_api_are_deleted() -> None:
    gone = resource(1)
    assert plan_sync([], [gone], NAMESPACE).remove == (gone,)


def test_kubectl_cameras_are_never_changed() -> None:
    assert plan_sync([], [camera("gate", camera_id=None)], NAMESPACE).remove == ()


def test_taken_name_is_not_reassigned() -> None:
    plan = plan_sync([configuration(7)], [camera("cam-7", camera_id=None)], NAMESPACE)
    assert [manifest["metadata"]["name"] for manifest in plan.apply] == ["cam-7-api"]


def test_any_edit_is_reverted() -> None:
    edits: list[dict[str, Any]] = [
        {"active": False},
        {"detectorClassName": "gpu-shared"},
        {"detection": {"framesPerSecond": 30, "minimumConfidence": 0.5}},
        {"detection": {"zones": [{"name": "z", "points": [[0, 0], [1, 0], [1, 1]]}]}},
        {"stream": {"url": "rtsp://elsewhere/s", "transport": "tcp"}},
        {"stream": {"url": "not an url"}},
    ]
    for edit in edits:
        assert len(plan_sync([configuration(1)], [resource(1, **edit)], NAMESPACE).apply) == 1, edit


def test_detection_settings_round_trip_through_the_resource() -> None:
    detection = Detection.model_validate(
        {
            "classes": ["person"],
            "zones": [{"name": "yard", "points": [[0, 0], [1, 0], [1, 1]]}],
            "rules": [
                {"name": "stay", "type": "loitering", "zone": "yard", "seconds": 30, "cooldown_seconds": 60},
                {"name": "over", "type": "line_crossing", "line": [[0, 0.5], [1, 0.5]], "direction": "left_to_right"},
                {"name": "all", "type": "object", "minimum_size": 0.01},
            ],
            "schedule": {
                "time_zone": "Europe/Berlin",
                "windows": [{"days": ["mon", "sun"], "start": "22:00", "end": "06:00"}],
            },
            "motion_masks": [[[0, 0], [0.2, 0], [0.2, 0.1]]],
        }
    )
    spec = build_camera(configuration(1, detection=detection), NAMESPACE, "cam-1")["spec"]
    assert spec["detection"]["rules"][0]["cooldownSeconds"] == 60
    assert spec["detection"]["schedule"]["timeZone"] == "Europe/Berlin"
    assert parse_camera_spec("cam-1", spec).detection == detection


@pytest.mark.parametrize("name", ["copy", "cam-2", "cam-01", "cam-1-copy", "my-cam-1"])
def test_renamed_copy_leaves_the_original_alone(name: str) -> None:
    copied = camera_from_body(camera_body(name, uid="copy", camera_id=1))
    plan = plan_sync([configuration(1), configuration(2)], [copied, resource(1), resource(2)], NAMESPACE)
    assert [found.key.name for found in plan.remove if found.meta.uid != "copy"] == []
    assert plan.apply == ()


def test_duplicate_resources_of_a_camera_are_reduced_to_the_known_one() -> None:
    first = resource(1)
    spec = build_camera(configuration(1), NAMESPACE, "cam-1-api")["spec"]
    second = camera_from_body(camera_body("cam-1-api", uid="second", camera_id=1, spec=spec))
    for order in ([first, second], [second, first]):
        assert plan_sync([configuration(1)], order, NAMESPACE).remove == (second,)
        matches = plan_sync([configuration(1)], [second], NAMESPACE).matches
        assert plan_sync([configuration(1)], order, NAMESPACE, matches=matches).remove == (first,)


def test_labels_of_an_api_camera_are_restored() -> None:
    manifest = build_camera(configuration(1), NAMESPACE, "cam-1")
    body = camera_body("cam-1", uid="uid-1", spec=manifest["spec"])
    body["metadata"] |= {
        "labels": {"vigil.dev/camera-id": "2"},
        "managedFields": [{"manager": "vigil-operator", "operation": "Apply", "fieldsV1": {"f:spec": {}}}],
    }
    plan = plan_sync([configuration(1)], [camera_from_body(body)], NAMESPACE)
    assert plan.remove == ()
    assert [found["metadata"]["labels"] for found in plan.apply] == [manifest["metadata"]["labels"]]


def test_kubectl_cameras_are_not_created_again() -> None:
    assert plan_sync([configuration(1, managed_by="kubernetes")], [], NAMESPACE).apply == ()


def test_the_url_loses_credentials_and_query() -> None:
    found = configuration(
        url=f"rtsp://admin:{PASSWORD}@h:554/s?user=a&password={PASSWORD}#x".replace("s3cr3t-p@ss", "pw")
    )
    spec = build_camera(found, NAMESPACE, "cam-7")["spec"]
    assert spec["stream"]["url"] == "rtsp://h:554/s"
    assert spec["stream"]["credentialsSecretRef"] == {"name": detector_object_name("cam-7")}


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        (
            f"rtsp://10.0.0.8/user=admin_password={PASSWORD}_channel=1_stream=0.sdp?real_stream",
            "rtsp://10.0.0.8/user=***_password=***_channel=1_stream=0.sdp",
        ),
        (f"rtsp://10.0.0.8/live;pwd={PASSWORD}", "rtsp://10.0.0.8/live;pwd=***"),
        (f"rtsp://admin:12/{PASSWORD}@10.0.0.8/live", "rtsp://10.0.0.8/live"),
    ],
)
def test_password_in_the_path_stays_out_of_the_resource(url: str, shown: str) -> None:
    spec = build_camera(configuration(url=url), NAMESPACE, "cam-7")["spec"]
    assert spec["stream"]["url"] == shown == parse_camera_spec("cam-7", spec).stream.url


@given(st.integers(min_value=1, max_value=2**62), st.integers(min_value=1, max_value=2**62))
def test_names_are_dns_safe_stable_and_unique(first: int, second: int) -> None:
    names = [camera_resource_name(camera_id) for camera_id in (first, second)]
    assert all(len(name) <= 52 and name.replace("-", "").isalnum() and name == name.lower() for name in names)
    assert (names[0] == names[1]) is (first == second)
    assert len(detector_object_name(names[0])) <= 63
