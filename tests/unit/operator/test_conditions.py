from __future__ import annotations

from datetime import timedelta

from tests.unit.operator.builders import NOW

from vigil_contracts.names import REASON_TEXTS, ConditionStatus, Reason
from vigil_operator.core.conditions import Condition, ConditionType, render_conditions, rfc3339

READY = Condition(ConditionType.READY, ConditionStatus.FALSE, Reason.INSUFFICIENT_GPU, "0/1 nodes.")
LATER = NOW + timedelta(minutes=5)


def test_message_is_the_reasons_text_and_the_details() -> None:
    assert READY.message == f"{REASON_TEXTS[Reason.INSUFFICIENT_GPU]} 0/1 nodes."


def test_rendering_is_idempotent() -> None:
    once = render_conditions([READY], [], 1, NOW)
    assert render_conditions([READY], once, 1, LATER) == once


def test_new_reason_keeps_the_transition_time() -> None:
    once = render_conditions([READY], [], 1, NOW)
    other = Condition(ConditionType.READY, ConditionStatus.FALSE, Reason.STARTING)
    (changed,) = render_conditions([other], once, 1, LATER)
    assert changed["reason"] == "Starting"
    assert changed["lastTransitionTime"] == rfc3339(NOW)


def test_new_status_updates_the_transition_time() -> None:
    once = render_conditions([READY], [], 1, NOW)
    good = Condition(ConditionType.READY, ConditionStatus.TRUE, Reason.STREAMING)
    (changed,) = render_conditions([good], once, 2, LATER)
    assert changed["lastTransitionTime"] == rfc3339(LATER) == "2026-03-01T12:05:00Z"
    assert changed["observedGeneration"] == 2


def test_every_reason_has_a_sentence() -> None:
    assert set(REASON_TEXTS) == set(Reason)
