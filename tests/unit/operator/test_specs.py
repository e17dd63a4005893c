from __future__ import annotations

from typing import Any

import pytest
from tests.unit.operator.builders import camera_spec

from vigil_operator.core.specs import InvalidSpecError, parse_camera_spec, parse_class_spec

SECRET = "hunter2"

TORCH = {"runtime": "ultralytics", "model": "yolov8n"}
SERVED = {"runtime": "triton", "model": "yolov8n", "triton": {"url": "http://triton:8000"}}


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
def test_error_names_the_field_without_its_value(spec: Any, field: str) -> None:
    with pytest.raises(InvalidSpecError) as caught:
        parse_camera_spec("a", spec)
    assert str(caught.value).startswith(field)
    assert SECRET not in str(caught.value)


def test_too_long_name_is_rejected() -> None:
    with pytest.raises(InvalidSpecError, match=r"metadata\.name"):
        parse_camera_spec("c" * 53, camera_spec())


def test_fields_of_a_newer_definition_are_ignored() -> None:
    assert parse_camera_spec("a", camera_spec(somethingNew=1)).active


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"gpu": {}}, "spec.gpu: give resourceName or resourceClaimTemplateName"),
        ({"gpu": {"resourceName": "nvidia.com/gpu", "count": 0}}, "spec.gpu.count"),
        ({"runtime": "caffe"}, "spec.runtime"),
        ({"runtime": "ultralytics"}, "spec: model must be given when runtime is ultralytics, such as yolov8n"),
        (
            {"runtime": "ultralytics", "model": "a.pt"},
            "spec: modelSHA256 must be given for a .pt file when runtime is ultralytics",
        ),
        ({"modelSHA256": "abc"}, "spec.modelSHA256"),
        *(
            ({"device": device}, "spec.device: must be cpu, cuda, cuda:1, intel-gpu, npu or auto")
            for device in ("GPU", "0", "xpu", "CUDA:0", "rocm", "cuda:")
        ),
        ({"device": "cuda"}, "spec: runtime must be ultralytics for device cuda, and is openvino"),
        (
            {"gpu": {"resourceName": "nvidia.com/gpu"}},
            "spec: runtime must be ultralytics for gpu.resourceName nvidia.com/gpu, and is openvino",
        ),
        ({"gpu": {"resourceName": "amd.com/gpu"}}, "spec: gpu.resourceName: Vigil's images cannot use AMD GPUs"),
        (
            {"gpu": {"resourceName": "example.com/card"}},
            "spec: device must be given for gpu.resourceName example.com/card",
        ),
        ({"precision": "float16"}, "spec: precision float16 needs a GPU"),
        ({"decoder": "cuda"}, "spec.decoder"),
        ({"sharedMemory": "lots"}, "spec.sharedMemory: must be a quantity such as 500Mi or 1Gi"),
        ({"supplementalGroups": [44, 0]}, "spec.supplementalGroups[1]: input should be greater than or equal to 1"),
        ({"env": [{"name": "VIGIL_MODEL"}]}, "spec.env[0].name: the operator itself sets VIGIL_MODEL"),
        ({"env": [{"name": "A", "valueFrom": {}}]}, "spec.env[0].valueFrom: give secretKeyRef or configMapKeyRef"),
        ({"runtime": "triton"}, "spec: triton must be given"),
        (
            {"runtime": "triton", "triton": {"url": "http://t:8000"}},
            "spec: model must be given when runtime is triton",
        ),
        ({"runtime": "triton", "model": "m", "triton": {"url": "grpc://t:8001"}}, "spec.triton.url"),
        ({"runtime": "triton", "model": "m", "triton": {"url": "http://user:pw@t:8000"}}, "spec.triton.url"),
    ],
)
def test_class_is_validated(spec: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidSpecError) as caught:
        parse_class_spec(spec)
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize(
    ("spec", "device", "decoder"),
    [
        ({}, "cpu", "software"),
        ({"gpu": {"resourceName": "nvidia.com/gpu"}, **TORCH}, "cuda", "nvdec"),
        ({"gpu": {"resourceName": "nvidia.com/gpu.shared"}, **TORCH}, "cuda", "nvdec"),
        ({"gpu": {"resourceName": "nvidia.com/mig-1g.10gb"}, **TORCH, "decoder": "software"}, "cuda", "software"),
        ({"gpu": {"resourceName": "gpu.intel.com/xe"}}, "intel-gpu", "software"),
        ({"gpu": {"resourceName": "npu.intel.com/accel"}}, "npu", "software"),
        ({"gpu": {"resourceName": "amd.com/gpu"}, **TORCH, "device": "cuda"}, "cuda", "software"),
        ({"gpu": {"resourceClaimTemplateName": "slice"}, **TORCH}, "cuda", "nvdec"),
        ({"gpu": {"resourceClaimTemplateName": "slice"}}, "intel-gpu", "software"),
        ({**TORCH, "device": "cuda:1"}, "cuda:1", "nvdec"),
        (TORCH, "cpu", "software"),
        ({**SERVED, "gpu": {"resourceName": "nvidia.com/gpu"}}, "", "nvdec"),
        (SERVED, "", "software"),
    ],
)
def test_gpu_determines_omitted_class_fields(spec: dict[str, Any], device: str, decoder: str) -> None:
    hardware = parse_class_spec(spec).hardware
    assert (hardware.device, hardware.decoder) == (device, decoder)
