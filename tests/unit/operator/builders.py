"""Builders of API objects for the operator's tests; arguments are the fields under test."""

from __future__ import annotations

from base64 import b64encode
from datetime import UTC, datetime
from typing import Any

from pydantic import SecretStr

from vigil_contracts.camera import CameraConfiguration
from vigil_contracts.detection import Detection
from vigil_operator.core.desired.plan import DetectorPlan, DetectorSecrets, ManifestSettings
from vigil_operator.core.observed import (
    Camera,
    Deployment,
    DetectorClass,
    Key,
    Pod,
    StoredObject,
    camera_from_body,
    class_from_body,
    deployment_from_body,
    object_from_body,
    pod_from_body,
)
from vigil_operator.core.specs import parse_camera_spec, parse_class_spec

NOW = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
NAMESPACE = "vigil-cameras"
SETTINGS = ManifestSettings(api_url="http://vigil-backend:8000", detector_image="vigil-detector:1")
PASSWORD = "s3cr3t-p@ss"
GPU_CLASS: dict[str, Any] = {
    "gpu": {"resourceName": "nvidia.com/gpu", "count": 1},
    "runtime": "ultralytics",
    "model": "yolov8n",
}


def camera_body(
    name: str = "cam-7",
    *,
    uid: str = "uid-7",
    camera_id: int | None = 7,
    spec: dict[str, Any] | None = None,
    status: dict[str, Any] | None = None,
    version: int = 10,
    generation: int = 1,
) -> dict[str, Any]:
    labels = {} if camera_id is None else {"vigil.dev/managed-by": "backend", "vigil.dev/camera-id": str(camera_id)}
    labels |= {} if camera_id is None else {"app.kubernetes.io/managed-by": "vigil-operator"}
    labels |= {} if camera_id is None else {"app.kubernetes.io/part-of": "vigil"}
    body: dict[str, Any] = {
        "apiVersion": "vigil.dev/v1alpha1",
        "kind": "Camera",
        "metadata": {
            "name": name,
            "namespace": NAMESPACE,
            "uid": uid,
            "resourceVersion": str(version),
            "generation": generation,
            "labels": labels,
        },
        "spec": spec if spec is not None else camera_spec(),
    }
    if status is not None:
        body["status"] = status
    return body


def camera_spec(**changes: Any) -> dict[str, Any]:
    return {"active": True, "stream": {"url": "rtsp://10.0.0.7:554/s", "transport": "tcp"}} | changes


def camera(name: str = "cam-7", **options: Any) -> Camera:
    return camera_from_body(camera_body(name, **options))


def detector_class(name: str = "gpu", *, default: bool = True, **spec: Any) -> DetectorClass:
    if not spec:
        spec = GPU_CLASS
    annotations = {"detectorclass.vigil.dev/is-default-class": "true"} if default else {}
    return class_from_body(
        {
            "metadata": {"name": name, "uid": f"class-{name}", "resourceVersion": "5", "annotations": annotations},
            "spec": spec,
        }
    )


def stored(manifest: dict[str, Any], *, version: int = 20) -> StoredObject:
    """A manifest of ours as it comes back from the server: with what the server adds."""
    return object_from_body(_as_stored(manifest, version))


def stored_deployment(manifest: dict[str, Any], *, version: int = 20) -> Deployment:
    """A Deployment of ours as it comes back from the server."""
    return deployment_from_body(_as_stored(manifest, version))


def _as_stored(manifest: dict[str, Any], version: int) -> dict[str, Any]:
    metadata = {**manifest["metadata"], "uid": f"uid-{manifest['kind']}", "resourceVersion": str(version)}
    return {**manifest, "metadata": metadata, "status": {"replicas": 1}}


def pod(
    *,
    name: str = "cam-7-detector-abc",
    node: str = "node-1",
    phase: str = "Running",
    ready: bool = True,
    scheduled: str = "True",
    unschedulable: str = "",
    reason: str = "",
    message: str = "",
    container: dict[str, Any] | None = None,
    created: str = "2026-03-01T11:00:00Z",
    deleting: bool = False,
    labels: dict[str, str] | None = None,
    version: int = 30,
) -> Pod:
    condition = {"type": "PodScheduled", "status": scheduled}
    if unschedulable:
        condition |= {"status": "False", "reason": "Unschedulable", "message": unschedulable}
        node, phase, ready = "", "Pending", False
    metadata: dict[str, Any] = {
        "name": name,
        "namespace": NAMESPACE,
        "uid": f"uid-{name}",
        "resourceVersion": str(version),
        "creationTimestamp": created,
        "labels": {"vigil.dev/camera": "cam-7", **(labels or {})},
    }
    if deleting:
        metadata["deletionTimestamp"] = created
    return pod_from_body(
        {
            "metadata": metadata,
            "spec": {"nodeName": node},
            "status": {
                "phase": phase,
                "reason": reason,
                "message": message,
                "conditions": [condition, {"type": "Ready", "status": "True" if ready else "False"}],
                "containerStatuses": [container or {}],
            },
        }
    )


def configuration(
    camera_id: int = 7, *, url: str = f"rtsp://admin:{PASSWORD.replace('@', '%40')}@10.0.0.7:554/s", **changes: Any
) -> CameraConfiguration:
    values: dict[str, Any] = {
        "id": camera_id,
        "name": f"Camera {camera_id}",
        "rtsp_url": SecretStr(url),
        "detection": Detection(),
        "revision": "r1",
    }
    return CameraConfiguration(**(values | changes))


def plan(
    *,
    spec: dict[str, Any] | None = None,
    class_name: str = "gpu",
    secrets: DetectorSecrets | None = None,
    **class_spec: Any,
) -> DetectorPlan:
    return DetectorPlan(
        camera=Key(NAMESPACE, "cam-7"),
        camera_uid="uid-7",
        camera_id=7,
        spec=parse_camera_spec("cam-7", spec or camera_spec()),
        class_name=class_name,
        detector_class=parse_class_spec(class_spec or GPU_CLASS),
        secrets=secrets or DetectorSecrets("token-of-cam-7", "admin", PASSWORD),
        settings=SETTINGS,
    )


def encoded(text: str) -> str:
    return b64encode(text.encode()).decode()
