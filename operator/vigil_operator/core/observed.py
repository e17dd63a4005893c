"""What was observed in the cluster, reduced to what decisions need: parsing ends at the edge, and memory stays small.

Every `…from_body` takes an object as the API server gives it and never fails on one that is half-filled.
"""

import json
from base64 import b64decode
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from vigil_operator.core.names import (
    ANNOTATION_DEFAULT_CLASS,
    LABEL_CAMERA,
    LABEL_CAMERA_ID,
    LABEL_MANAGED_BY,
    MANAGED_BY_BACKEND,
)

Body = Mapping[str, Any]
CREDENTIAL_KEYS = ("username", "password")


@dataclass(frozen=True, slots=True, order=True)
class Key:
    """Namespace and name; the namespace of cluster-scoped objects is empty."""

    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}" if self.namespace else self.name


@dataclass(frozen=True, slots=True)
class Meta:
    """What all objects have."""

    key: Key
    uid: str
    resource_version: str
    generation: int
    deleting: bool
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    owner_uid: str
    finalizers: tuple[str, ...] = ()

    @property
    def camera(self) -> str:
        """Name of the camera that the object belongs to, by its label."""
        return self.labels.get(LABEL_CAMERA, "")


@dataclass(frozen=True, slots=True)
class Camera:
    """A Camera. `spec` and `status` are JSON texts: the former is checked later, the latter only compared."""

    meta: Meta
    spec_json: str
    status_json: str
    credentials_secret: str = ""
    """Name of the Secret that `spec.stream.credentialsSecretRef` names; a change of it concerns the camera."""

    @property
    def key(self) -> Key:
        return self.meta.key

    @property
    def spec(self) -> Any:
        """`spec` as the API server gave it."""
        return json.loads(self.spec_json)

    @property
    def status(self) -> dict[str, Any]:
        """`status` as the API server gave it."""
        status: dict[str, Any] = json.loads(self.status_json)
        return status

    @property
    def phase(self) -> str:
        """The phase that was last written; empty before the first."""
        return str(self.status.get("phase", ""))

    @property
    def not_ready_reason(self) -> str:
        """Why it gives no alerts, by the `Ready` condition last written; empty when it does, or none stands."""
        for condition in self.status.get("conditions") or ():
            if condition.get("type") == "Ready" and condition.get("status") != "True":
                return str(condition.get("reason", ""))
        return ""

    @property
    def managed_by_backend(self) -> bool:
        """Whether the API owns the spec."""
        return self.meta.labels.get(LABEL_MANAGED_BY) == MANAGED_BY_BACKEND

    @property
    def camera_id(self) -> int | None:
        """The camera's id in the API, where it has one: by label (cameras of the API) or by status (of kubectl)."""
        text = self.meta.labels.get(LABEL_CAMERA_ID, "") if self.managed_by_backend else ""
        if text.isdigit():
            return int(text)
        recorded = self.status.get("cameraId")
        return recorded if isinstance(recorded, int) else None


@dataclass(frozen=True, slots=True)
class DetectorClass:
    """A DetectorClass, unchecked."""

    meta: Meta
    spec_json: str

    @property
    def key(self) -> Key:
        return self.meta.key

    @property
    def spec(self) -> Any:
        """`spec` as the API server gave it."""
        return json.loads(self.spec_json)

    @property
    def is_default(self) -> bool:
        """Whether cameras that name no class get this one."""
        return self.meta.annotations.get(ANNOTATION_DEFAULT_CLASS) == "true"


@dataclass(frozen=True, slots=True)
class StoredObject:
    """An object of which only the content matters. `content_json` is the object without what the server adds."""

    meta: Meta
    content_json: str

    @property
    def key(self) -> Key:
        return self.meta.key

    @property
    def content(self) -> dict[str, Any]:
        """The object itself, to compare with the desired one."""
        content: dict[str, Any] = json.loads(self.content_json)
        return content


@dataclass(frozen=True, slots=True)
class Deployment(StoredObject):
    """A detector's Deployment."""

    is_running: bool
    """Whether its newest template runs and is ready."""


@dataclass(frozen=True, slots=True)
class ContainerState:
    """The detector's container as the kubelet reports it."""

    waiting_reason: str = ""
    waiting_message: str = ""
    restarts: int = 0
    last_exit_code: int | None = None
    last_words: str = ""


@dataclass(frozen=True, slots=True)
class Pod:
    """A detector's pod."""

    meta: Meta
    created: str
    phase: str
    reason: str
    message: str
    node: str
    scheduled: bool | None
    unscheduled_reason: str
    unscheduled_message: str
    ready: bool
    container: ContainerState

    @property
    def key(self) -> Key:
        return self.meta.key


def meta_from_body(body: Body) -> Meta:
    """The metadata; of several owners, the controlling one."""
    metadata = body.get("metadata") or {}
    owners = metadata.get("ownerReferences") or []
    return Meta(
        key=Key(metadata.get("namespace", ""), metadata.get("name", "")),
        uid=metadata.get("uid", ""),
        resource_version=metadata.get("resourceVersion", ""),
        generation=metadata.get("generation", 0),
        deleting="deletionTimestamp" in metadata,
        labels=dict(metadata.get("labels") or {}),
        annotations=_kept_annotations(metadata.get("annotations") or {}),
        owner_uid=next((owner.get("uid", "") for owner in owners if owner.get("controller")), ""),
        finalizers=tuple(metadata.get("finalizers") or ()),
    )


def camera_from_body(body: Body) -> Camera:
    """A Camera."""
    spec = body.get("spec")
    return Camera(meta_from_body(body), _text(spec), _text(body.get("status") or {}), _credentials_secret(spec))


def credentials_from_body(body: Body) -> StoredObject:
    """A Secret of somebody else's, for cameras that name it: of its data, only what a camera may use is kept."""
    data = body.get("data") or {}
    kept = {name: data[name] for name in CREDENTIAL_KEYS if name in data}
    return StoredObject(meta_from_body(body), _text({"data": kept}))


def class_from_body(body: Body) -> DetectorClass:
    """A DetectorClass."""
    return DetectorClass(meta_from_body(body), _text(body.get("spec")))


def object_from_body(body: Body) -> StoredObject:
    """Return a Secret, NetworkPolicy or PersistentVolumeClaim of ours."""
    return StoredObject(meta_from_body(body), _content_json(body))


def deployment_from_body(body: Body) -> Deployment:
    """Return a Deployment of ours."""
    return Deployment(meta_from_body(body), _content_json(body), _is_running(body))


def pod_from_body(body: Body) -> Pod:
    """A pod with one container."""
    status = body.get("status") or {}
    conditions = {condition.get("type"): condition for condition in status.get("conditions") or []}
    scheduled = conditions.get("PodScheduled", {})
    return Pod(
        meta=meta_from_body(body),
        created=(body.get("metadata") or {}).get("creationTimestamp") or "",
        phase=status.get("phase", ""),
        reason=status.get("reason", ""),
        message=status.get("message", ""),
        node=(body.get("spec") or {}).get("nodeName") or "",
        scheduled={"True": True, "False": False}.get(scheduled.get("status", "")),
        unscheduled_reason=scheduled.get("reason", ""),
        unscheduled_message=scheduled.get("message", ""),
        ready=conditions.get("Ready", {}).get("status") == "True",
        container=_container(status),
    )


def secret_values(secret: StoredObject) -> dict[str, str]:
    """A Secret's data, decoded. The caller must not let it out."""
    data = secret.content.get("data") or {}
    return {name: b64decode(value).decode() for name, value in data.items()}


def _content_json(body: Body) -> str:
    metadata = body.get("metadata") or {}
    # Items of a list do not say their kind, those of a watch do: without it they compare alike.
    content = {
        name: value for name, value in body.items() if name not in {"status", "metadata", "apiVersion", "kind"}
    }
    kept = ("name", "namespace", "labels", "annotations", "ownerReferences")
    content["metadata"] = {name: metadata[name] for name in kept if metadata.get(name)}
    return _text(content)


def _container(status: Body) -> ContainerState:
    reported: Body = next(iter(status.get("containerStatuses") or []), {})
    waiting = (reported.get("state") or {}).get("waiting") or {}
    ended = (
        (reported.get("state") or {}).get("terminated") or (reported.get("lastState") or {}).get("terminated") or {}
    )
    return ContainerState(
        waiting_reason=waiting.get("reason", ""),
        waiting_message=waiting.get("message", ""),
        restarts=reported.get("restartCount", 0),
        last_exit_code=ended.get("exitCode"),
        last_words=(ended.get("message") or "").strip(),
    )


def _is_running(body: Body) -> bool:
    status = body.get("status") or {}
    generation = (body.get("metadata") or {}).get("generation", 0)
    if not isinstance(status, Mapping) or status.get("observedGeneration", -1) < generation:
        return False
    updated = status.get("updatedReplicas") or 0
    # Ready ones of an older template may be counted yet, while the newest has none.
    return bool(updated and status.get("replicas") == updated and status.get("readyReplicas"))


def _credentials_secret(spec: Any) -> str:
    """Looked for in a spec that nobody has checked yet."""
    for name in ("stream", "credentialsSecretRef", "name"):
        spec = spec.get(name) if isinstance(spec, Mapping) else None
    return spec if isinstance(spec, str) else ""


def _kept_annotations(annotations: Mapping[str, str]) -> dict[str, str]:
    """Only ours: `last-applied-configuration` alone would double the memory of a thousand cameras."""
    return {name: value for name, value in annotations.items() if "vigil.dev/" in name}


def _text(value: object) -> str:
    return json.dumps(value, separators=(",", ":"), sort_keys=True, default=str)
