"""The input of all manifest builders, and what all manifests have in common."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from vigil_operator.core.compare import desired_hash
from vigil_operator.core.names import ANNOTATION_DESIRED, API_VERSION, camera_labels, detector_object_name
from vigil_operator.core.observed import Key
from vigil_operator.core.shadow_choice import ShadowModel
from vigil_operator.core.specs import CameraSpec, DetectorClassSpec

Manifest = dict[str, Any]


@dataclass(frozen=True, slots=True)
class ManifestSettings:
    """The operator's settings that appear in manifests. A change restarts detectors."""

    api_url: str
    detector_image: str
    network_policies: bool = True


@dataclass(frozen=True, slots=True)
class DetectorSecrets:
    """The secrets of one detector. `repr` shows none of them."""

    token: str = field(repr=False)
    username: str = field(default="", repr=False)
    password: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class DetectorPlan:
    """Everything that a builder needs to know about one camera's detector."""

    camera: Key
    camera_uid: str
    camera_id: int
    spec: CameraSpec
    class_name: str
    detector_class: DetectorClassSpec
    secrets: DetectorSecrets
    settings: ManifestSettings
    shadow: ShadowModel | None = None
    """A new model to compare with that of the class."""


def metadata(plan: DetectorPlan, annotations: Mapping[str, str] | None = None) -> Manifest:
    """Return name, labels and the owner reference by which the garbage collector deletes it with its camera."""
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
    """Return `manifest` annotated with its own digest, which shows that a field is no longer set."""
    described = dict(manifest)
    described["metadata"] = dict(manifest["metadata"])
    described["metadata"]["annotations"] = {
        **manifest["metadata"].get("annotations", {}),
        ANNOTATION_DESIRED: desired_hash(manifest),
    }
    return described
