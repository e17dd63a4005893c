"""The Deployment of a camera's detector: one replica, never two at once.

`strategy: Recreate` ends the old pod before the new one starts: two detectors of one camera would both alert. A
Deployment rather than a bare pod, because a pod on a lost node stays `Terminating` until the node object goes, and
its name with it.
"""

from math import ceil
from typing import Any

from vigil_contracts.names import DEFAULT_MODEL
from vigil_operator.core.desired.plan import DetectorPlan, Manifest, metadata, with_hash
from vigil_operator.core.desired.secret import TOKEN_KEY, credentials_checksum
from vigil_operator.core.desired.strategic_merge import strategic_merge
from vigil_operator.core.devices import CUDA
from vigil_operator.core.names import (
    ANNOTATION_CREDENTIALS,
    APP_NAME,
    LABEL_DETECTOR_CLASS,
    LABEL_NAME,
    camera_labels,
    detector_object_name,
    selector_labels,
)
from vigil_operator.core.quantities import canonical_quantity, quantity_bytes, quantity_value
from vigil_operator.core.shadow_choice import ShadowModel
from vigil_operator.core.specs import DetectorClassSpec, Quantity, Variable

USER_ID = 10001
"""The image's unprivileged user."""

METRICS_PORT = 9464
TOKEN_DIRECTORY = "/var/run/secrets/vigil.dev/detector"  # noqa: S105 - a path
SPOOL_DIRECTORY = "/var/lib/vigil/spool"
SCRATCH_DIRECTORY = "/tmp"  # noqa: S108 - a mount in the container

TERMINATION_GRACE_PERIOD_SECONDS = 30
"""Long enough to send what the spool holds when the API answers."""

UNREACHABLE_SECONDS = 30
"""A detector on a lost node is replaced after this instead of Kubernetes' 300 s."""

SHARED_MEMORY_DIRECTORY = "/dev/shm"  # noqa: S108 - a mount in the container

_VISIBLE_GPUS = "NVIDIA_VISIBLE_DEVICES"

CUDA_VARIABLES = {
    # What NVIDIA's container runtime mounts: `video` is NVDEC, `utility` nvidia-smi.
    "NVIDIA_DRIVER_CAPABILITIES": "compute,utility,video",
    # Code that the driver compiles for a GPU newer than the image. The cache must fit into the scratch volume:
    # a full emptyDir would evict the pod.
    "CUDA_CACHE_PATH": f"{SCRATCH_DIRECTORY}/cuda-cache",
    "CUDA_CACHE_MAXSIZE": str(32 * 1024 * 1024),
}
"""Defaults for detectors that use an NVIDIA GPU; `env` of the class can override them."""

DEFAULT_REQUESTS: dict[str, Quantity] = {"cpu": "500m", "memory": "512Mi"}
DEFAULT_MEMORY_LIMIT = "2Gi"
MEBIBYTE = 2**20
STORAGE_BESIDE_SPOOL_MEBIBYTES = 1024
"""For the log and the scratch volume."""


def build_deployment(plan: DetectorPlan) -> Manifest:
    """Return the Deployment. Plans that are equal for the detector give the same pod template."""
    added = plan.detector_class.pod_template
    return with_hash(
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": metadata(plan),
            "spec": {
                "replicas": 1,
                "revisionHistoryLimit": 1,
                "strategy": {"type": "Recreate"},
                "selector": {"matchLabels": selector_labels(plan.camera.name)},
                "template": {
                    "metadata": {
                        "labels": {
                            **added.metadata.labels,
                            **camera_labels(plan.camera.name),
                            LABEL_DETECTOR_CLASS: plan.class_name,
                        },
                        "annotations": {
                            **added.metadata.annotations,
                            ANNOTATION_CREDENTIALS: credentials_checksum(plan.secrets),
                        },
                    },
                    "spec": strategic_merge(_pod_spec(plan), added.spec_overlay()),
                },
            },
        }
    )


def _pod_spec(plan: DetectorPlan) -> Manifest:
    chosen = plan.detector_class
    spec: Manifest = {
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": TERMINATION_GRACE_PERIOD_SECONDS,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": USER_ID,
            "runAsGroup": USER_ID,
            "fsGroup": USER_ID,
            "fsGroupChangePolicy": "OnRootMismatch",
            "seccompProfile": {"type": "RuntimeDefault"},
            **({"supplementalGroups": list(chosen.supplemental_groups)} if chosen.supplemental_groups else {}),
        },
        "tolerations": _tolerations(chosen),
        "topologySpreadConstraints": [
            {
                "maxSkew": 1,
                "topologyKey": "kubernetes.io/hostname",
                "whenUnsatisfiable": "ScheduleAnyway",
                "labelSelector": {"matchLabels": {LABEL_NAME: APP_NAME}},
            }
        ],
        "containers": [_container(plan)],
        "volumes": _volumes(plan),
    }
    optional = {
        "nodeSelector": chosen.node_selector,
        "runtimeClassName": chosen.runtime_class_name,
        "priorityClassName": chosen.priority_class_name,
        "imagePullSecrets": [secret.to_resource() for secret in chosen.image_pull_secrets],
        "resourceClaims": _resource_claims(chosen),
    }
    return spec | {name: value for name, value in optional.items() if value}


def _container(plan: DetectorPlan) -> Manifest:
    chosen = plan.detector_class
    container: Manifest = {
        "name": "detector",
        "image": chosen.image or plan.settings.detector_image,
        "command": ["cctv"],
        "args": ["--camera", str(plan.camera_id)],
        "env": _environment(plan),
        "ports": [{"name": "metrics", "containerPort": METRICS_PORT, "protocol": "TCP"}],
        "resources": _resources(chosen),
        # Loading a model on a cold node takes its time: five minutes to come up, then five seconds to be found dead.
        "startupProbe": _probe("/healthz", period_seconds=5, failure_threshold=60),
        "livenessProbe": _probe("/healthz", period_seconds=10, failure_threshold=3),
        "readinessProbe": _probe("/readyz", period_seconds=5, failure_threshold=2),
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": [
            {"name": "token", "mountPath": TOKEN_DIRECTORY, "readOnly": True},
            {"name": "spool", "mountPath": SPOOL_DIRECTORY},
            {"name": "scratch", "mountPath": SCRATCH_DIRECTORY},
        ],
    }
    if chosen.shared_memory is not None:
        container["volumeMounts"].append({"name": "shared-memory", "mountPath": SHARED_MEMORY_DIRECTORY})
    if chosen.image_pull_policy is not None:
        container["imagePullPolicy"] = chosen.image_pull_policy
    return container


def _environment(plan: DetectorPlan) -> list[Manifest]:
    chosen = plan.detector_class
    values = {
        "VIGIL_API_URL": plan.settings.api_url,
        "VIGIL_TOKEN_FILE": f"{TOKEN_DIRECTORY}/{TOKEN_KEY}",
        "VIGIL_SPOOL_DIR": SPOOL_DIRECTORY,
        "VIGIL_SPOOL_MAX_BYTES": str(spool_bytes(chosen)),
        "VIGIL_METRICS_ADDRESS": "0.0.0.0",  # noqa: S104 - within the pod; the NetworkPolicy says who gets there
        "VIGIL_METRICS_PORT": str(METRICS_PORT),
        "VIGIL_LOG_FORMAT": "json",
    }
    # A model that the camera itself names comes with its configuration, and changes without a restart.
    values["VIGIL_MODEL"] = chosen.model or DEFAULT_MODEL
    values |= _runtime_values(chosen) | _shadow_values(plan.shadow)
    own = {variable.name for variable in chosen.env}
    if _uses_nvidia(chosen):
        values |= {name: value for name, value in CUDA_VARIABLES.items() if name not in own}
    if chosen.gpu is None and not chosen.hardware.device.startswith(CUDA) and _VISIBLE_GPUS not in own:
        # NVIDIA's container runtime shows every GPU to a pod that asked for none, unless it is told otherwise.
        values[_VISIBLE_GPUS] = "void"
    pod_name = {"name": "VIGIL_DETECTOR_NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}
    return [
        *({"name": name, "value": value} for name, value in values.items()),
        pod_name,
        *(_variable(variable) for variable in chosen.env),
    ]


def _uses_nvidia(chosen: DetectorClassSpec) -> bool:
    """Return whether the model or the decoder runs on an NVIDIA GPU. `cuda` on another vendor's GPU is ROCm."""
    resource = (chosen.gpu.resource_name or "") if chosen.gpu is not None else ""
    if chosen.hardware.decoder == "nvdec":
        return True
    return chosen.hardware.device.startswith(CUDA) and (not resource or resource.startswith("nvidia.com/"))


def _runtime_values(chosen: DetectorClassSpec) -> dict[str, str]:
    """Return the variables that decide how the model runs. All are set, so that the detector guesses none."""
    values = {"VIGIL_RUNTIME": chosen.runtime, "VIGIL_HARDWARE_DECODER": chosen.hardware.decoder}
    if chosen.model_sha256:
        values["VIGIL_MODEL_SHA256"] = chosen.model_sha256.lower()
    if chosen.runtime == "triton" and chosen.triton is not None:
        return values | {"VIGIL_TRITON_URL": chosen.triton.url}
    return values | {"VIGIL_MODEL_DEVICE": chosen.hardware.device, "VIGIL_MODEL_PRECISION": chosen.precision}


def _shadow_values(shadow: ShadowModel | None) -> dict[str, str]:
    if shadow is None:
        return {}
    values = {"VIGIL_SHADOW_MODEL": shadow.model, "VIGIL_SHADOW_TRIAL": shadow.trial}
    return values | ({"VIGIL_SHADOW_MODEL_SHA256": shadow.model_sha256} if shadow.model_sha256 else {})


def _variable(variable: Variable) -> Manifest:
    if variable.value_from is None:
        # An empty value is what Kubernetes leaves out: written, it would differ from what is stored for ever.
        return {"name": variable.name} | ({"value": variable.value} if variable.value else {})
    return {"name": variable.name, "valueFrom": variable.value_from.to_resource()}


def spool_bytes(chosen: DetectorClassSpec) -> int:
    """Return the spool limit: less than the volume's size, since a full emptyDir evicts the pod."""
    return quantity_bytes(chosen.spool.size_limit) * 9 // 10


def _resources(chosen: DetectorClassSpec) -> Manifest:
    requests, limits = _with_defaults(chosen)
    if chosen.gpu is not None and chosen.gpu.resource_name is not None:
        # Extended resources cannot be overcommitted: the API server requires request and limit to be equal.
        gpu = {chosen.gpu.resource_name: chosen.gpu.count}
        requests, limits = {**requests, **gpu}, {**limits, **gpu}
    resources: Manifest = {
        "requests": {name: canonical_quantity(value) for name, value in requests.items()},
        "limits": {name: canonical_quantity(value) for name, value in limits.items()},
    }
    if chosen.gpu is not None and chosen.gpu.resource_claim_template_name is not None:
        resources["claims"] = [{"name": "gpu"}]
    return resources


def _with_defaults(chosen: DetectorClassSpec) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return requests and limits. Each resource that one of them leaves out has the default there.

    A default gives way to the value beside it: a request is never above its limit.
    """
    given = chosen.resources
    requests: dict[str, Any] = {**DEFAULT_REQUESTS, **given.requests}
    limits: dict[str, Any] = {**_default_limits(chosen), **given.limits}
    for name in requests.keys() & limits.keys():
        if quantity_value(requests[name]) <= quantity_value(limits[name]):
            continue
        if name in given.requests:
            limits[name] = requests[name]
        else:
            requests[name] = limits[name]
    return requests, limits


def _default_limits(chosen: DetectorClassSpec) -> dict[str, Quantity]:
    """Return the limits that a class can leave out. A spool in an emptyDir counts towards ephemeral storage."""
    spool = chosen.spool
    size = quantity_bytes(spool.size_limit) if spool.persistent_volume_claim is None else 0
    storage = STORAGE_BESIDE_SPOOL_MEBIBYTES + ceil(size / MEBIBYTE)
    return {"memory": DEFAULT_MEMORY_LIMIT, "ephemeral-storage": f"{storage}Mi"}


def _resource_claims(chosen: DetectorClassSpec) -> list[Manifest]:
    if chosen.gpu is None or chosen.gpu.resource_claim_template_name is None:
        return []
    return [{"name": "gpu", "resourceClaimTemplateName": chosen.gpu.resource_claim_template_name}]


def _tolerations(chosen: DetectorClassSpec) -> list[Manifest]:
    lost_node = [
        {
            "key": f"node.kubernetes.io/{state}",
            "operator": "Exists",
            "effect": "NoExecute",
            "tolerationSeconds": UNREACHABLE_SECONDS,
        }
        for state in ("not-ready", "unreachable")
    ]
    return [*lost_node, *(toleration.to_resource() for toleration in chosen.tolerations)]


def _volumes(plan: DetectorPlan) -> list[Manifest]:
    name = detector_object_name(plan.camera.name)
    spool = plan.detector_class.spool
    if spool.persistent_volume_claim is not None:
        spool_source: Manifest = {"persistentVolumeClaim": {"claimName": name}}
    else:
        spool_source = {"emptyDir": {"sizeLimit": canonical_quantity(spool.size_limit)}}
    shared_memory = plan.detector_class.shared_memory
    memory: Manifest = {"medium": "Memory", "sizeLimit": canonical_quantity(shared_memory or 0)}
    return [
        {
            "name": "token",
            # The token alone: the camera's credentials reach the detector with its configuration.
            "secret": {"secretName": name, "defaultMode": 0o440, "items": [{"key": TOKEN_KEY, "path": TOKEN_KEY}]},
        },
        {"name": "spool", **spool_source},
        {"name": "scratch", "emptyDir": {"sizeLimit": "64Mi"}},
        *([{"name": "shared-memory", "emptyDir": memory}] if shared_memory is not None else []),
    ]


def _probe(path: str, *, period_seconds: int, failure_threshold: int) -> Manifest:
    return {
        "httpGet": {"path": path, "port": "metrics", "scheme": "HTTP"},
        "periodSeconds": period_seconds,
        "failureThreshold": failure_threshold,
        "timeoutSeconds": 3,
        "successThreshold": 1,
    }
