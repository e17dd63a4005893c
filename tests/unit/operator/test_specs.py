from __future__ import annotations

from typing import Any

import pytest
from tests.unit.operator.builders import camera_spec

from vigil_operator.core.specs import InvalidSpecError, parse_camera_spec, parse_class_spec

SECRET = "hunter2"


def test_defaults_are_filled_in() -> None:
    spec = parse_camera_spec("a", {"stream": {"url": "rtsp://h/s"}})
    assert (spec.active, spec.stream.transport, spec.detection.frames_per_second) == (True, "tcp", 5.0)


@pytest.mark.parametrize(
    ("spec", "field"),
    [
        (None, "spec"),
        ({}, "spec.stream"),
        ({"stream": {"url": "http://h/s"}}, "spec.stream.url: must begin with rtsp://"),
        ({"stream": {"url": f"rtsp://u:{SECRET}@h/s"}}, "spec.stream.url: must hold no credentials"),
        ({"stream": {"url": f"rtsp://h/s?Password={SECRET}"}}, "spec.stream.url: must hold no credentials"),
        (
            {"stream": {"url": f"rtsp://h/user=a_password={SECRET}_channel=1"}},
            "spec.stream.url: must hold no credentials",
        ),
        (
            {"stream": {"url": f"rtsp://u:12/{SECRET}@10.0.0.8/s"}},
            "spec.stream.url: must not contain an unescaped / in the user name or password: write / as %2F",
        ),
        (
            {"stream": {"url": "rtsp://h/user={username}_password={password}_channel=1"}},
            "spec.stream: credentialsSecretRef must be given when url has {username} or {password}",
        ),
        (
            camera_spec(detection={"streamPath": f"/live;pwd={SECRET}"}),
            "spec.detection.streamPath: must not contain credentials",
        ),
        (
            camera_spec(detection={"displayAspectRatio": "16/9"}),
            "spec.detection.displayAspectRatio: must be width:height of the frame as it is shown, such as 16:9",
        ),
        (camera_spec(detection={"framesPerSecond": 0}), "spec.detection.framesPerSecond"),
        (camera_spec(detection={"minimumConfidence": 1.5}), "spec.detection.minimumConfidence"),
        (
            camera_spec(detection={"zones": [{"name": "a", "points": [[0, 0], [1, 1]]}]}),
            "spec.detection.zones[0].points",
        ),
        (
            camera_spec(detection={"rules": [{"name": "r", "type": "intrusion", "zone": "nowhere"}]}),
            "spec.detection.rules: the zone 'nowhere' of rule 'r' must be the name of one of zones",
        ),
        (
            camera_spec(detection={"rules": [{"name": "r", "type": "line_crossing"}]}),
            "spec.detection.rules[0].line: field required",
        ),
    ],
)
def test_an_error_names_the_field_and_repeats_no_value(spec: Any, field: str) -> None:
    with pytest.raises(InvalidSpecError) as caught:
        parse_camera_spec("a", spec)
    assert str(caught.value).startswith(field)
    assert SECRET not in str(caught.value)


def test_a_name_that_leaves_no_room_is_refused() -> None:
    with pytest.raises(InvalidSpecError, match=r"metadata\.name"):
        parse_camera_spec("c" * 53, camera_spec())


def test_fields_of_a_newer_definition_are_passed_over() -> None:
    assert parse_camera_spec("a", camera_spec(somethingNew=1)).active


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"gpu": {}}, "spec.gpu: give resourceName or resourceClaimTemplateName"),
        ({"gpu": {"resourceName": "nvidia.com/gpu", "count": 0}}, "spec.gpu.count"),
        ({"runtime": "caffe"}, "spec.runtime"),
        ({"runtime": "triton"}, "spec: triton must be given"),
        (
            {"runtime": "triton", "triton": {"url": "http://t:8000"}},
            "spec: model must be given when runtime is triton",
        ),
        ({"runtime": "triton", "model": "m", "triton": {"url": "grpc://t:8001"}}, "spec.triton.url"),
        ({"runtime": "triton", "model": "m", "triton": {"url": "http://user:pw@t:8000"}}, "spec.triton.url"),
    ],
)
def test_a_class_is_checked_likewise(spec: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidSpecError) as caught:
        parse_class_spec(spec)
    assert str(caught.value).startswith(message)
