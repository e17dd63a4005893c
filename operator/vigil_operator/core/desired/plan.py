"""What all manifests of one camera are made from, and what they have in common."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from vigil_operator.core.compare import desired_hash
from vigil_operator.core.names import ANNOTATION_DESIRED, API_VERSION, camera_labels, detector_object_name
from vigil_operator.core.observed import Key
from vigil_operator.core.specs import CameraSpec, DetectorClassSpec

Manifest = dict[str, Any]


@dataclass(frozen=True, slots=True)
class ManifestSettings:
    """The operator's settings that show in manifests. Changing one restarts detectors."""

    api_url: str
    detector_image: str
    network_policies: bool = True


@dataclass(frozen=True, slots=True)
class DetectorSecrets:
    """What a detector must know and nobody else may. `repr` shows none of it."""

    token: str = field(repr=False)
    username: str = field(default="", repr=False)
    password: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class DetectorPlan:
    """One camera's detector, decided: everything that a builder needs."""

    camera: Key
    camera_uid: str
    camera_id: int
    spec: CameraSpec
    class_name: str
    detector_class: DetectorClassSpec
    secrets: DetectorSecrets
    settings: ManifestSettings


def metadata(plan: DetectorPlan, annotations: Mapping[str, str] | None = None) -> Manifest:
    """Name, labels and the owner reference by which the garbage collector removes it with its camera."""
    result: Manifest = {
        "name": detector_object_name(plan.camera.name),
        "namespace": plan.camera.namespace,
        "labels": camera_labels(plan.camera.name),
        "ownerReferences": [
            {
                "apiVersion": API_VERSION,
                "kind": "Camera",
                "name": plan.camera.name,
                "uid": plan.camera_uid,
                "controller": True,
                "blockOwnerDeletion": True,
            }
        ],
    }
    if annotations:
        result["annotations"] = dict(annotations)
    return result


def with_hash(manifest: Manifest) -> Manifest:
    """`manifest` with the digest of itself as an annotation: tells that a field is no longer wanted."""
    described = dict(manifest)
    described["metadata"] = dict(manifest["metadata"])
    described["metadata"]["annotations"] = {
        **manifest["metadata"].get("annotations", {}),
        ANNOTATION_DESIRED: desired_hash(manifest),
    }
    return described
