"""Compare the API's active cameras with the Camera resources: what to create, change and delete.

The API lists active cameras only, and each of them has a resource. An inactive or deleted camera loses its resource,
and with it its detector. Resources that were created with kubectl are never changed here.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from vigil_contracts.camera import CameraConfiguration
from vigil_contracts.stream_url import public_stream_url, split_credentials
from vigil_operator.core.compare import covers
from vigil_operator.core.keys import camel_case_keys, resource_fields
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
from vigil_operator.core.specs import CameraSpec, InvalidSpecError, StreamSpec, parse_camera_spec

Manifest = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Match:
    """A resource (uid and generation) and a configuration (revision) that were compared and match."""

    uid: str
    generation: int
    revision: str


@dataclass(frozen=True, slots=True)
class SyncPlan:
    """The changes that make the resources match the API's cameras."""

    apply: tuple[Manifest, ...]
    remove: tuple[Camera, ...]
    matches: Mapping[int, Match]
    """The pairs that match already; the caller passes them to the next call."""


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
    if recording := resource_fields(configuration.recording):
        spec["recording"] = recording
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


def plan_sync(
    configurations: Iterable[CameraConfiguration],
    existing: Iterable[Camera],
    namespace: str,
    unreadable: frozenset[int] = frozenset(),
    matches: Mapping[int, Match] | None = None,
) -> SyncPlan:
    """Compare the API's cameras with `existing`, every Camera of `namespace`, regardless of its owner.

    Resources of cameras in `unreadable` stay as they are. `matches`, from the previous plan, saves comparing those
    pairs again: to compare ten thousand takes seconds, and each change to one of them calls this.
    """
    matches = matches or {}
    existing = list(existing)
    ours = _representatives(existing, matches)
    foreign = {camera.key.name for camera in existing if not camera.managed_by_backend}
    wanted = {found.id: found for found in configurations if found.managed_by == MANAGED_BY_BACKEND}
    apply: list[Manifest] = []
    matching: dict[int, Match] = {}
    for camera_id, configuration in sorted(wanted.items()):
        present = ours.get(camera_id)
        if present is None:
            apply.append(build_camera(configuration, namespace, camera_resource_name(camera_id, foreign)))
            continue
        match = Match(present.meta.uid, present.meta.generation, configuration.revision)
        if matches.get(camera_id) == match and covers(present.meta.labels, _labels(configuration)):
            matching[camera_id] = match
            continue
        manifest = build_camera(configuration, namespace, present.key.name)
        if is_same(present, manifest):
            matching[camera_id] = match
        elif not present.meta.deleting:
            apply.append(manifest)
    remove = tuple(
        camera
        for camera in existing
        if camera.managed_by_backend
        and not camera.meta.deleting
        and camera.camera_id not in unreadable
        and _is_gone(camera, wanted, ours)
    )
    return SyncPlan(tuple(apply), remove, matching)


def _representatives(existing: Iterable[Camera], matches: Mapping[int, Match]) -> dict[int | None, Camera]:
    """Return the resource of each API camera by id; of several, the known one, else that with the shortest name."""

    def rank(camera: Camera) -> tuple[bool, int]:
        known = matches.get(camera.camera_id or 0)
        return (known is None or known.uid != camera.meta.uid, len(camera.key.name))

    ours = sorted((camera for camera in existing if camera.managed_by_backend), key=rank, reverse=True)
    return {camera.camera_id: camera for camera in ours}


def _is_gone(camera: Camera, wanted: Mapping[int, object], ours: Mapping[int | None, Camera]) -> bool:
    """Return whether the camera is inactive in the API, or another resource represents it."""
    return camera.camera_id not in wanted or ours[camera.camera_id] is not camera


def is_same(present: Camera, manifest: Mapping[str, Any]) -> bool:
    """Return whether resource and API agree, with defaults filled in."""
    if not covers(present.meta.labels, manifest["metadata"]["labels"]):
        return False
    if _adds_only_defaults(present.spec, manifest["spec"], _default_spec()):
        return True  # as in most cases, and without parsing both
    name = present.key.name
    try:
        return parse_camera_spec(name, present.spec) == parse_camera_spec(name, manifest["spec"])
    except InvalidSpecError:
        return covers(present.spec, manifest["spec"])


def _adds_only_defaults(present: object, wanted: object, default: object) -> bool:
    """Return whether `present` is `wanted`, apart from fields with their defaults, which the API server adds."""
    if present == wanted:
        return True
    if not isinstance(present, dict) or not isinstance(wanted, dict) or not wanted.keys() <= present.keys():
        return False
    defaults = default if isinstance(default, dict) else {}
    return all(
        _adds_only_defaults(value, wanted[name], defaults.get(name))
        if name in wanted
        else name in defaults and _adds_only_defaults(defaults[name], value, defaults[name])
        for name, value in present.items()
    )


@cache
def _default_spec() -> dict[str, Any]:
    """Return a spec with all defaults, in the spelling of a resource. Without `stream`, which is never left out."""
    spec = CameraSpec(stream=StreamSpec(url="rtsp://camera/"))
    defaults: dict[str, Any] = camel_case_keys(spec.model_dump(mode="json", exclude={"stream"}))
    return defaults


def _labels(configuration: CameraConfiguration) -> dict[str, str]:
    return {
        LABEL_MANAGED_BY: MANAGED_BY_BACKEND,
        LABEL_CAMERA_ID: str(configuration.id),
        LABEL_APP_MANAGED_BY: FIELD_MANAGER,
        LABEL_PART_OF: "vigil",
    }


def _detection(configuration: CameraConfiguration) -> Manifest:
    """Return `spec.detection` without default values: server-side apply then removes an earlier value."""
    detection = configuration.detection
    always: Manifest = {
        "framesPerSecond": detection.frames_per_second,
        "minimumConfidence": detection.minimum_confidence,
    }
    return always | resource_fields(detection)
