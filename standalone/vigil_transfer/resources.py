"""Cameras as Kubernetes resources: a Camera and, if it has credentials, a Secret for each."""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from pydantic.alias_generators import to_camel

from vigil_contracts.detection import Detection
from vigil_contracts.recording import RecordingSettings
from vigil_contracts.retention import RetentionSettings
from vigil_contracts.stream_url import MASK, Credentials, credentials_in, split_credentials
from vigil_contracts.url_secrets import PLACEHOLDERS, find_secrets, holds_secret
from vigil_transfer.own import without_defaults

MAX_NAME_LENGTH = 50
"""The operator's limit for the name of a Camera is 52; a number may follow."""
NOT_IN_RESOURCES = ("site", "group", "cluster")
"""Settings of the API that a Camera resource does not have."""


@dataclass(frozen=True, slots=True)
class Resources:
    """`problems`: cameras that are left out, with the reason."""

    cameras: list[dict[str, Any]]
    secrets: list[dict[str, Any]]
    problems: list[str]


def resources_of(cameras: Sequence[Mapping[str, Any]], urls: Mapping[str, str], namespace: str) -> Resources:
    """Return the resources. `urls`: stream URLs with credentials, by camera name, as far as they are known."""
    made = Resources([], [], [])
    taken: set[str] = set()
    for camera in cameras:
        url = urls.get(camera["name"], camera["rtsp_url"])
        bare, credentials = _without_credentials(url)
        if MASK in bare or holds_secret(re.sub("^[^/]*//[^/?#]*", "", bare)):
            made.problems.append(
                f"{camera['name']}: its URL has credentials in the path or query, which a resource must not contain"
            )
            continue
        name = _resource_name(camera["name"], taken)
        taken.add(name)
        stream: dict[str, Any] = {"url": bare}
        if credentials is not None:
            stream["credentialsSecretRef"] = {"name": f"{name}-credentials"}
        if camera.get("transport", "tcp") != "tcp":
            stream["transport"] = camera["transport"]
        made.cameras.append(_camera(name, namespace, camera, stream))
        if credentials is not None and camera["name"] in urls:
            made.secrets.append(_secret(f"{name}-credentials", namespace, credentials))
    return made


def _camera(name: str, namespace: str, camera: Mapping[str, Any], stream: Mapping[str, Any]) -> dict[str, Any]:
    spec: dict[str, Any] = {"displayName": camera["name"], "active": bool(camera.get("is_active")), "stream": stream}
    if detection := _camel_case(without_defaults(camera.get("detection", {}), Detection())):
        spec["detection"] = detection
    if recording := _camel_case(without_defaults(camera.get("recording", {}), RecordingSettings())):
        spec["recording"] = recording
    limits = {name: camera.get(f"retention_{name}") for name in RetentionSettings.model_fields}
    if retention := {name: value for name, value in limits.items() if value is not None}:
        spec["retention"] = retention
    if camera.get("detector_class_name"):
        spec["detectorClassName"] = camera["detector_class_name"]
    return {
        "apiVersion": "vigil.dev/v1alpha1",
        "kind": "Camera",
        "metadata": {"name": name, "namespace": namespace},
        "spec": spec,
    }


def _secret(name: str, namespace: str, credentials: Credentials) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name, "namespace": namespace},
        "type": "Opaque",
        "stringData": {"username": credentials.username, "password": credentials.password},
    }


def _without_credentials(url: str) -> tuple[str, Credentials | None]:
    """Return the URL with `{username}` and `{password}` in place of credentials in its path, and the credentials."""
    credentials = credentials_in(url)
    bare, _ = split_credentials(url)
    host = re.match("^[^/]*//[^/?#]*", bare)
    start = host.end() if host else 0
    path = bare[start:]
    if credentials is not None:
        user, password = PLACEHOLDERS
        known = {
            credentials.username: user,
            credentials.password: password,
            f"{credentials.username}:{credentials.password}": f"{user}:{password}",
        }
        for found in reversed(find_secrets(path)):
            value = path[found.start : found.end]
            path = path[: found.start] + known.get(unquote(value), value) + path[found.end :]
    return bare[:start] + path, credentials


def _resource_name(name: str, taken: Collection[str]) -> str:
    """Return a DNS label (RFC 1123) for a camera's name that no other camera has."""
    label = re.sub("[^a-z0-9]+", "-", name.lower()).strip("-")[:MAX_NAME_LENGTH].strip("-") or "camera"
    number, unique = 1, label
    while unique in taken:
        number += 1
        end = f"-{number}"
        unique = label[: MAX_NAME_LENGTH - len(end)] + end
    return unique


def _camel_case(value: Any) -> Any:
    """Return `value` in the key style of resources; null stands for an unset field, which resources leave out."""
    if isinstance(value, Mapping):
        return {to_camel(key): _camel_case(inner) for key, inner in value.items() if inner is not None}
    if isinstance(value, list):
        return [_camel_case(inner) for inner in value]
    return value
