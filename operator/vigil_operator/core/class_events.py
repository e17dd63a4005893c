"""Which changes of a class's status are worth an Event of Kubernetes.

Pure: from the status before and after a write.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from vigil_contracts.names import ConditionStatus
from vigil_operator.core.class_status import ACCEPTED, DEFAULT, REQUESTS_SUFFICIENT
from vigil_operator.core.rollout_state import RolloutPhase

Body = Mapping[str, Any]

_ROLLOUT_TEXTS = {
    RolloutPhase.SHADOWING: "RolloutShadowing",
    RolloutPhase.HELD: "RolloutHeld",
    RolloutPhase.PROMOTING: "RolloutPromoting",
    RolloutPhase.PROMOTED: "RolloutPromoted",
    RolloutPhase.ABORTED: "RolloutAborted",
}

_COMPARED = {ACCEPTED: ("status", "reason", "message"), REQUESTS_SUFFICIENT: ("status",)}
"""What makes a condition another one. The second has figures of cameras in its message, which change often."""

_EXPECTED = frozenset({"AwaitingApproval", "AbortedByHand"})
"""Reasons for which a rollout is held or aborted although nothing is wrong."""


@dataclass(frozen=True, slots=True)
class ClassEvent:
    """An Event about a class. `is_warning`: it may require action."""

    reason: str
    message: str
    is_warning: bool
    occasion: str = ""
    """The trial of a rollout: a second one of the same model has the same events."""


def class_events(former: Body, status: Body) -> list[ClassEvent]:
    """Return the Events about the change from one `status` of a class to the next."""
    return [*_condition_events(former, status), *_rollout_events(former.get("rollout") or {}, status)]


def _condition_events(former: Body, status: Body) -> Iterator[ClassEvent]:
    before, after = _conditions(former), _conditions(status)
    for kind, compared in _COMPARED.items():
        old, new = before.get(kind), after.get(kind)
        if new is None:
            continue
        was_false, is_false = old is not None and _is_false(old), _is_false(new)
        is_same = old is not None and all(old.get(name) == new.get(name) for name in compared)
        if (is_false and not is_same) or (was_false and not is_false):
            yield ClassEvent(new["reason"], new["message"], is_warning=is_false)
    if DEFAULT in after and DEFAULT not in before:
        yield ClassEvent(after[DEFAULT]["reason"], after[DEFAULT]["message"], is_warning=True)


def _rollout_events(former: Body, status: Body) -> Iterator[ClassEvent]:
    found: Body = status.get("rollout") or {}
    identity = ("trial", "phase", "reason")
    if not found or all(found.get(name) == former.get(name) for name in identity):
        return
    phase = RolloutPhase(found["phase"])
    needs_action = phase in {RolloutPhase.HELD, RolloutPhase.ABORTED} and found["reason"] not in _EXPECTED
    message = f"Model {found['model']}: {found['reason']}: {found['message']}"
    yield ClassEvent(_ROLLOUT_TEXTS[phase], message, is_warning=needs_action, occasion=found["trial"])


def _conditions(status: Body) -> dict[str, Body]:
    return {each["type"]: each for each in status.get("conditions") or ()}


def _is_false(condition: Body) -> bool:
    return bool(condition["status"] == ConditionStatus.FALSE.value)
