"""Names that the operator gives and reads: group, labels, annotations, and what the objects of a camera are called.

All are part of the contract with the cluster: renaming one strands the objects of running installations.
"""

import re
from collections.abc import Container

GROUP = "vigil.dev"
VERSION = "v1alpha1"
API_VERSION = f"{GROUP}/{VERSION}"

FIELD_MANAGER = "vigil-operator"
STATUS_MANAGER = "vigil-operator-status"
"""Servers before 1.22 keep one set of fields a manager, whatever the subresource: an apply of the status under the
same name would forget which fields of the spec are ours."""

CLAIM_MANAGER = "vigil-operator-claim"
"""For the finalizer and the label of kubectl's cameras: applying their spec is none of our business."""

REQUEST_MANAGER = "vigil-operator-rollout"
"""For `status.rolloutRequest` of a DetectorClass. `vigil-operator rollout` writes it, the operator only reads it."""

FINALIZER = "vigil.dev/api-row"
"""On kubectl's cameras only: their row in the API goes before them."""

LABEL_CAMERA = "vigil.dev/camera"
LABEL_CAMERA_ID = "vigil.dev/camera-id"
LABEL_MANAGED_BY = "vigil.dev/managed-by"
LABEL_DETECTOR_CLASS = "vigil.dev/detector-class"
LABEL_NAME = "app.kubernetes.io/name"
LABEL_INSTANCE = "app.kubernetes.io/instance"
LABEL_COMPONENT = "app.kubernetes.io/component"
LABEL_PART_OF = "app.kubernetes.io/part-of"
LABEL_APP_MANAGED_BY = "app.kubernetes.io/managed-by"

MANAGED_BY_BACKEND = "backend"
MANAGED_BY_KUBECTL = "kubectl"
APP_NAME = "vigil-detector"

ANNOTATION_DEFAULT_CLASS = "detectorclass.vigil.dev/is-default-class"
ANNOTATION_DESIRED = "vigil.dev/desired-hash"
ANNOTATION_CREDENTIALS = "vigil.dev/credentials-checksum"

OUR_OBJECTS = f"{LABEL_APP_MANAGED_BY}={FIELD_MANAGER}"
"""Label selector of all that the operator makes for cameras."""

MAX_CAMERA_NAME_LENGTH = 52
"""A Deployment's name ends up in labels of its pods (63 characters at most): camera + `-detector` must fit."""

_API_CAMERA_NAME = re.compile("cam-([1-9][0-9]{0,17})(?:-api)*")


def camera_resource_name(camera_id: int, taken: Container[str] = ()) -> str:
    """Return the name of the resource of the API camera `camera_id`.

    Ids are never used twice, so `cam-<id>` is stable and free of collisions among the API's cameras. If
    kubectl has created a camera of the same name (`taken`), the resource becomes `cam-<id>-api`, ….
    """
    name = f"cam-{camera_id}"
    suffix = ""
    while f"{name}{suffix}" in taken:
        suffix += "-api"
    return f"{name}{suffix}"


def id_in_resource_name(name: str) -> int | None:
    """Return the id of the API camera for which `camera_resource_name` makes this name; None for other names."""
    found = _API_CAMERA_NAME.fullmatch(name)
    return int(found[1]) if found else None


def detector_object_name(camera: str) -> str:
    """Return the name of the camera's Deployment, Secret and NetworkPolicy."""
    return f"{camera}-detector"


def camera_labels(camera: str) -> dict[str, str]:
    """Labels of all that belongs to one camera's detector."""
    return {
        LABEL_NAME: APP_NAME,
        LABEL_INSTANCE: camera,
        LABEL_COMPONENT: "detector",
        LABEL_PART_OF: "vigil",
        LABEL_APP_MANAGED_BY: FIELD_MANAGER,
        LABEL_CAMERA: camera,
    }


def selector_labels(camera: str) -> dict[str, str]:
    """Return the pod selector of a camera's Deployment. Immutable in Kubernetes: never change this."""
    return {LABEL_NAME: APP_NAME, LABEL_CAMERA: camera}
