"""Conditions as Kubernetes defines them (API conventions, "Typical status properties").

A condition changes only when something changed, and `lastTransitionTime` only when its status did.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from vigil_contracts.names import REASON_TEXTS, ConditionStatus, Reason


class ConditionType(StrEnum):
    """The types of a camera's conditions, in the order in which they are listed.

    The last two follow the convention of kstatus (Flux, Helm, Argo CD).
    """

    READY = "Ready"
    SYNCED = "Synced"
    SCHEDULED = "Scheduled"
    STREAMING = "Streaming"
    STALLED = "Stalled"
    RECONCILING = "Reconciling"


@dataclass(frozen=True, slots=True)
class Condition:
    """One aspect of a camera."""

    type: ConditionType
    status: ConditionStatus
    reason: Reason
    details: str = ""
    """What exactly was found; it follows the reason's sentence."""
    complete_message: str = ""
    """A message that replaces the reason's sentence and the details."""

    @property
    def message(self) -> str:
        """Return the remedy, followed by the details."""
        return self.complete_message or reason_text(self.reason, self.details)


def reason_text(reason: Reason, details: str) -> str:
    """Return the reason's sentence, followed by the details."""
    return f"{REASON_TEXTS[reason]} {details}".strip()


def rfc3339(moment: datetime) -> str:
    """Return `moment` in Kubernetes' time format: UTC, whole seconds."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def render_conditions(
    wanted: Iterable[Condition], previous: Iterable[Mapping[str, Any]], generation: int, now: datetime
) -> list[dict[str, Any]]:
    """Return the new `status.conditions`, based on the existing ones. Conditions of others stay unchanged."""
    before = {condition.get("type"): condition for condition in previous}
    rendered = []
    for condition in wanted:
        former = before.get(condition.type.value, {})
        unchanged = former.get("status") == condition.status.value and former.get("lastTransitionTime")
        rendered.append(
            {
                "type": condition.type.value,
                "status": condition.status.value,
                "reason": condition.reason.value,
                "message": condition.message,
                "observedGeneration": generation,
                "lastTransitionTime": former["lastTransitionTime"] if unchanged else rfc3339(now),
            }
        )
    return rendered
