"""Map the state of a detector's pod to a shared reason."""

from collections.abc import Iterable
from dataclasses import dataclass

from vigil_contracts.names import CameraPhase, Reason
from vigil_operator.core.names import LABEL_DETECTOR_CLASS
from vigil_operator.core.observed import Pod
from vigil_operator.core.specs import GpuSpec

CRASHES_UNTIL_REPORTED = 2
"""A single restart is normal (a node reboots, a model is fetched late); two in a row are reported."""

MAX_DETAILS_LENGTH = 500

IMAGE_REASONS = frozenset(
    {"ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull", "RegistryUnavailable"}
)
CONFIGURATION_REASONS = frozenset({"CreateContainerConfigError", "CreateContainerError", "RunContainerError"})


@dataclass(frozen=True, slots=True)
class PodState:
    """The state of a detector's pod: scheduled or not, running or not, and the reason."""

    scheduled: bool | None
    scheduled_reason: Reason
    scheduled_details: str
    running: bool | None
    running_reason: Reason
    running_details: str
    running_message: str = ""
    """The API's complete message about the stream; it replaces the reason's sentence and the details."""
    phase: CameraPhase | None = None
    """As the detector reports it; None: derived from the other fields."""


NO_POD = PodState(None, Reason.STARTING, "", None, Reason.STARTING, "")


def newest(pods: Iterable[Pod]) -> Pod | None:
    """Return the pod that represents the camera: the newest that is not terminating, else the newest."""
    ordered = sorted(pods, key=lambda pod: (not pod.meta.deleting, pod.created, pod.key))
    return ordered[-1] if ordered else None


def classify(pod: Pod | None, gpu: GpuSpec | None, class_name: str = "") -> PodState:
    """Return the state of the pod. `gpu`: the GPU that its class requests, None for a CPU class.

    A pod that waits for a node with the requests of another class than `class_name` (before a fallback or an edit) is
    outdated and about to be replaced.
    """
    if pod is None:
        return NO_POD
    if pod.scheduled is not True and not pod.node:
        if class_name not in {"", pod.meta.labels.get(LABEL_DETECTOR_CLASS, class_name)}:
            return NO_POD
        reason, details = _unscheduled(pod, gpu)
        return PodState(False if pod.scheduled is False else None, reason, details, False, reason, details)
    if pod.phase == "Failed" and pod.reason == "UnexpectedAdmissionError":
        # The GPU was taken after the scheduler had assigned it; the ReplicaSet creates a new pod.
        details = _cut(pod.message)
        return PodState(False, Reason.INSUFFICIENT_GPU, details, False, Reason.INSUFFICIENT_GPU, details)
    running, reason, details = _running(pod)
    return PodState(True, Reason.SCHEDULED, f"Node {pod.node}.", running, reason, details)


def _unscheduled(pod: Pod, gpu: GpuSpec | None) -> tuple[Reason, str]:
    message = pod.unscheduled_message
    if pod.scheduled is None or pod.unscheduled_reason != "Unschedulable":
        return Reason.STARTING, _cut(message)
    if gpu is None:
        return Reason.INSUFFICIENT_RESOURCES, _cut(message)
    if gpu.resource_name is not None:
        short = f"Insufficient {gpu.resource_name}" in message
        asked = f"Asked for {gpu.count} x {gpu.resource_name}."
    else:
        # Dynamic resource allocation reports this as "cannot allocate all claims".
        short = "claim" in message
        asked = f"Asked for a claim from {gpu.resource_claim_template_name}."
    if short:
        return Reason.INSUFFICIENT_GPU, f"{asked} {_cut(message)}"
    return Reason.INSUFFICIENT_RESOURCES, _cut(message)


def _running(pod: Pod) -> tuple[bool | None, Reason, str]:
    container = pod.container
    if container.waiting_reason in IMAGE_REASONS:
        return False, Reason.IMAGE_PULL_FAILED, _cut(container.waiting_message)
    if container.waiting_reason in CONFIGURATION_REASONS:
        return False, Reason.DETECTOR_CRASHING, _cut(container.waiting_message)
    if pod.ready:
        return True, Reason.STREAMING, ""
    crashing = container.waiting_reason == "CrashLoopBackOff" or container.restarts >= CRASHES_UNTIL_REPORTED
    if crashing or pod.phase == "Failed":
        code = "" if container.last_exit_code is None else f"Exit code {container.last_exit_code}. "
        return False, Reason.DETECTOR_CRASHING, f"{code}{_cut(container.last_line or pod.message)}".strip()
    return None, Reason.STARTING, ""


def _cut(text: str) -> str:
    """Return the end of a long text: the last lines of a crash log are the relevant ones."""
    text = text.strip()
    return text if len(text) <= MAX_DETAILS_LENGTH else f"…{text[-MAX_DETAILS_LENGTH:]}"
