"""Build the report about a Camera resource for the API from its status, so that both show the same."""

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from vigil_contracts.names import CameraPhase, ConditionStatus, Reason
from vigil_contracts.resources import CLASSES_AT_ONCE, ClassRoom, ResourceCondition, ResourceState
from vigil_operator.core.classes import default_class_name
from vigil_operator.core.conditions import ConditionType
from vigil_operator.core.names import id_in_resource_name
from vigil_operator.core.observed import Camera, DetectorClass
from vigil_operator.core.sleep import is_asleep

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


def rooms_of(classes: Mapping[str, DetectorClass]) -> tuple[ClassRoom, ...]:
    """Return the classes with their room, sorted by name."""
    default = default_class_name(classes)
    return tuple(
        ClassRoom(name=name, is_default=name == default, room=_room(found.status))
        for name, found in sorted(classes.items())[:CLASSES_AT_ONCE]
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
