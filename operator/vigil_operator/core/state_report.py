"""Build the reports about Camera resources and DetectorClasses for the API from their status: both show the same."""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from pydantic import ValidationError

from vigil_contracts.names import CameraPhase, ConditionStatus, Reason
from vigil_contracts.resources import (
    CLASSES_AT_ONCE,
    ClassCost,
    ClassRequests,
    ReportedClass,
    ResourceCondition,
    ResourceState,
)
from vigil_operator.core.class_status import REQUESTS_SUFFICIENT
from vigil_operator.core.classes import default_class_name
from vigil_operator.core.conditions import ConditionType
from vigil_operator.core.names import id_in_resource_name
from vigil_operator.core.observed import Camera, DetectorClass
from vigil_operator.core.quantities import quantity_value
from vigil_operator.core.sleep import is_asleep

Read = TypeVar("Read")

REPEATING = frozenset({ConditionType.STALLED.value, ConditionType.RECONCILING.value})
"""They repeat the reason of `Ready`, for tools of Kubernetes only."""

REFUSES_RESOURCE = "The cluster refuses to create the Camera resource. Its answer:"

MESSAGE_LENGTH = 2000
"""The API's limit; Kubernetes permits 32 kB."""


def state_of(camera: Camera) -> ResourceState | None:
    """Return the resource's state; None without a status or without a camera id."""
    status = camera.status
    detector = status.get("detector") or {}
    try:
        return ResourceState.model_validate(
            {
                "camera": camera.camera_id,
                "resource": camera.key.name,
                "phase": status.get("phase"),
                "conditions": [
                    _condition(condition)
                    for condition in status.get("conditions") or ()
                    if condition.get("type") not in REPEATING
                ],
                "node": detector.get("node", ""),
                "detector_class": detector.get("class", ""),
                "wake_time": status.get("wakeTime") if is_asleep(status) else None,
                "arm_time": status.get("armTime") if is_asleep(status) else None,
            }
        )
    except ValidationError:
        return None


def refused_state(name: str, answer: str) -> ResourceState | None:
    """Return the state of a Camera resource that the API server refuses to create; None for another name.

    `answer`: its words, such as those about an exceeded quota.
    """
    camera_id = id_in_resource_name(name)
    if camera_id is None:
        return None
    return ResourceState(
        camera=camera_id,
        resource=name,
        phase=CameraPhase.PENDING,
        conditions=(
            ResourceCondition(
                type=ConditionType.READY.value,
                status=ConditionStatus.FALSE,
                reason=Reason.DETECTOR_REFUSED.value,
                message=f"{REFUSES_RESOURCE} {answer}"[:MESSAGE_LENGTH],
            ),
        ),
    )


def classes_of(classes: Mapping[str, DetectorClass]) -> tuple[ReportedClass, ...]:
    """Return the classes with what their status says, sorted by name."""
    default = default_class_name(classes)
    return tuple(
        _reported_class(name, found.status, is_default=name == default)
        for name, found in sorted(classes.items())[:CLASSES_AT_ONCE]
    )


def _reported_class(name: str, status: Mapping[str, Any], *, is_default: bool) -> ReportedClass:
    verdicts = [
        each.get("status") for each in status.get("conditions") or () if each.get("type") == REQUESTS_SUFFICIENT
    ]
    capacity = status.get("capacity") or {}
    return ReportedClass(
        name=name,
        is_default=is_default,
        room=_room(status),
        requests=_readable(_requests, capacity.get("requests")),
        cost=_readable(_cost, capacity.get("perCamera")),
        requests_sufficient=verdicts[0] == ConditionStatus.TRUE.value if verdicts else None,
    )


def _readable(read: Callable[[Mapping[str, Any]], Read], found: Mapping[str, Any] | None) -> Read | None:
    """Return None also for what another program has written in another form."""
    try:
        return read(found) if found else None
    except (ValueError, TypeError, KeyError, AttributeError):
        return None


def _requests(found: Mapping[str, Any]) -> ClassRequests:
    return ClassRequests(
        cpu_cores=float(quantity_value(found["cpu"])) if "cpu" in found else None,
        memory_bytes=int(quantity_value(found["memory"])) if "memory" in found else None,
        devices={name: int(quantity_value(amount)) for name, amount in found.items() if "/" in name},
    )


def _cost(found: Mapping[str, Any]) -> ClassCost:
    def percentiles(name: str) -> dict[str, float]:
        return {key: float(quantity_value(found[name][key])) for key in ("p50", "p95")}

    return ClassCost.model_validate(
        {
            "cameras": found["cameras"],
            "cpu_cores": percentiles("cpu"),
            "memory_bytes": percentiles("memory") if "memory" in found else None,
            "inference_share": percentiles("inferenceShare"),
        }
    )


def _room(status: Mapping[str, Any]) -> int | None:
    room = (status.get("capacity") or {}).get("room")
    return room if isinstance(room, int) and room >= 0 else None


def _condition(condition: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "type": condition.get("type"),
        "status": condition.get("status"),
        "reason": condition.get("reason", ""),
        "message": condition.get("message", "")[:MESSAGE_LENGTH],
        "last_transition_time": condition.get("lastTransitionTime"),
    }
