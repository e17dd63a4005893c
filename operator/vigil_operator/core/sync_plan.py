"""From the API's active cameras to Camera resources: what to create, change and delete.

The API answers with its active cameras only, so the resources that it owns are exactly those: a camera that is
switched off or deleted loses its resource, and with it its detector. A resource that came from kubectl is never
touched here.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from vigil_contracts.camera import CameraConfiguration
from vigil_contracts.stream_url import public_stream_url, split_credentials
from vigil_operator.core.compare import covers
from vigil_operator.core.keys import resource_fields
from vigil_operator.core.names import (
    API_VERSION,
    FIELD_MANAGER,
    LABEL_APP_MANAGED_BY,
    LABEL_CAMERA_ID,
    LABEL_MANAGED_BY,
    LABEL_PART_OF,
    MANAGED_BY_BACKEND,
    camera_resource_name,
    detector_object_name,
)
from vigil_operator.core.observed import Camera
from vigil_operator.core.specs import InvalidSpecError, parse_camera_spec

Manifest = dict[str, Any]


@dataclass(frozen=True, slots=True)
class SyncPlan:
    """What makes the cluster say what the API says."""

    apply: tuple[Manifest, ...]
    remove: tuple[Camera, ...]
    reverted: tuple[str, ...]
    """Names of existing resources among `apply`: somebody edited them here, or the API's camera has changed."""


def build_camera(configuration: CameraConfiguration, namespace: str, name: str) -> Manifest:
    """Return the Camera resource of one camera of the API. Its URL shows no credentials and no query.

    The detector gets the whole URL from the API; this one is for people.
    """
    url = configuration.rtsp_url.get_secret_value()
    _, credentials = split_credentials(url)
    stream: Manifest = {
        "url": public_stream_url(url),
        "transport": configuration.transport.value,
    }
    if credentials is not None:
        stream["credentialsSecretRef"] = {"name": detector_object_name(name)}
    spec: Manifest = {
        "displayName": configuration.name,
        "active": True,
        "stream": stream,
        "detection": _detection(configuration),
    }
    if configuration.detector_class_name:
        spec["detectorClassName"] = configuration.detector_class_name
    return {
        "apiVersion": API_VERSION,
        "kind": "Camera",
        "metadata": {
            "name": name,
            "namespace": namespace,
            "labels": _labels(configuration),
        },
        "spec": spec,
    }


Agreed = dict[int, tuple[str, int, str]]
"""By a camera's id: the uid and generation of its resource, and the revision of its configuration."""


def plan_sync(
    configurations: Iterable[CameraConfiguration],
    existing: Iterable[Camera],
    namespace: str,
    unreadable: frozenset[int] = frozenset(),
    agreed: Agreed | None = None,
) -> SyncPlan:
    """`existing`: every Camera of `namespace`, whoever owns it. Those of `unreadable` stay as they are.

    `agreed` holds, from one call to the next, which pairs were found to say the same: they are not read again. To
    read ten thousand takes seconds, and each change to one of them asks for it.
    """
    agreed = {} if agreed is None else agreed
    existing = list(existing)
    ours = {camera.camera_id: camera for camera in existing if camera.managed_by_backend}
    foreign = {camera.key.name for camera in existing if not camera.managed_by_backend}
    wanted = {found.id: found for found in configurations if found.managed_by == MANAGED_BY_BACKEND}
    apply = []
    reverted = []
    for camera_id, configuration in sorted(wanted.items()):
        present = ours.get(camera_id)
        pair = (present.meta.uid, present.meta.generation, configuration.revision) if present else None
        if present and agreed.get(camera_id) == pair and covers(present.meta.labels, _labels(configuration)):
            continue
        name = present.key.name if present else camera_resource_name(camera_id, foreign)
        manifest = build_camera(configuration, namespace, name)
        if present is None:
            apply.append(manifest)
        elif not present.meta.deleting and not is_same(present, manifest):
            apply.append(manifest)
            reverted.append(name)
        elif pair:
            agreed[camera_id] = pair
    for camera_id in agreed.keys() - wanted.keys():
        del agreed[camera_id]
    gone = [
        camera
        for camera in existing
        if camera.managed_by_backend and camera.camera_id not in unreadable and _is_gone(camera, wanted, ours)
    ]
    return SyncPlan(tuple(apply), tuple(camera for camera in gone if not camera.meta.deleting), tuple(reverted))


def _is_gone(camera: Camera, wanted: Mapping[int, object], ours: Mapping[int | None, Camera]) -> bool:
    """Not active in the API, or one of two resources that claim the same camera."""
    return camera.camera_id not in wanted or ours[camera.camera_id] is not camera


def is_same(present: Camera, manifest: Mapping[str, Any]) -> bool:
    """Whether the resource says what the API says and nothing beside it, defaults filled in."""
    if not covers(present.meta.labels, manifest["metadata"]["labels"]):
        return False
    name = present.key.name
    try:
        return parse_camera_spec(name, present.spec) == parse_camera_spec(name, manifest["spec"])
    except InvalidSpecError:
        return covers(present.spec, manifest["spec"])


def _labels(configuration: CameraConfiguration) -> dict[str, str]:
    return {
        LABEL_MANAGED_BY: MANAGED_BY_BACKEND,
        LABEL_CAMERA_ID: str(configuration.id),
        LABEL_APP_MANAGED_BY: FIELD_MANAGER,
        LABEL_PART_OF: "vigil",
    }


def _detection(configuration: CameraConfiguration) -> Manifest:
    """`spec.detection`. A default is left out: by server-side apply, that takes an earlier value back."""
    detection = configuration.detection
    always: Manifest = {
        "framesPerSecond": detection.frames_per_second,
        "minimumConfidence": detection.minimum_confidence,
    }
    return always | resource_fields(detection)
