"""Refusals that no pod tells about: pods that the API server does not create, and claims that nobody creates.

The Deployment repeats what the API server answers to its pod (an unknown PriorityClass or RuntimeClass, a quota). A
missing ResourceClaimTemplate shows in no condition, only in an event: the pod waits without its claim and without the
scheduler's verdict.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from vigil_contracts.names import Reason
from vigil_operator.core.observed import Deployment, Pod
from vigil_operator.core.pods import MAX_DETAILS_LENGTH, PodState

CLAIM_SECONDS = 15.0
"""How long a pod may wait for its claim: normally it exists within a second."""


def pod_refusal(deployment: Deployment | None, pod: Pod | None) -> str:
    """Return why the Deployment has no pod, in the API server's words; empty if it has one or does not say why."""
    has_pod = pod is not None and not pod.meta.deleting
    return "" if deployment is None or has_pod else deployment.failure[:MAX_DETAILS_LENGTH]


def seconds_to_claim_refusal(pod: Pod | None, status: Mapping[str, Any], now: datetime) -> float | None:
    """Return how long the pod may still wait for its claim; None if it waits for none.

    Counted from when this operator noted that the pod is not scheduled: the API server's clock may differ.
    """
    if pod is None or not pod.missing_claim or pod.scheduled is not None:
        return None
    for condition in status.get("conditions") or ():
        if condition.get("type") != "Scheduled":
            continue
        if condition.get("reason") == Reason.DETECTOR_REFUSED:
            return 0.0
        if condition.get("status") == "Unknown":
            waited = now - datetime.fromisoformat(condition["lastTransitionTime"])
            return max(0.0, CLAIM_SECONDS - waited.total_seconds())
    return CLAIM_SECONDS


def claim_text(pod: Pod) -> str:
    """Return what is wrong with the pod's claim."""
    return (
        f"The resource claim of the pod has not been created. Check that the ResourceClaimTemplate "
        f"{pod.missing_claim!r} exists in namespace {pod.key.namespace}."
    )


def refused_state(details: str) -> PodState:
    """Return the state of a pod that cannot be created or cannot get its claim."""
    reason = Reason.DETECTOR_REFUSED
    return PodState(False, reason, details, False, reason, "")
