"""The vocabularies are complete: every reason has a text."""

import re

from vigil_contracts.names import REASON_TEXTS, AlertType, Reason


def test_every_reason_has_one_sentence_or_two() -> None:
    assert set(REASON_TEXTS) == set(Reason)
    for text in REASON_TEXTS.values():
        assert text.endswith(".")
        assert len(text) <= 120


def test_reasons_are_camel_case() -> None:
    for reason in Reason:
        assert re.fullmatch(r"[A-Z][A-Za-z]*", reason.value)


def test_alert_types_are_those_of_the_api() -> None:
    assert {kind.value for kind in AlertType} == {
        *("person", "vehicle", "intrusion", "loitering", "line_crossing", "fire", "smoke", "violence"),
        *("weapon", "animal", "tamper", "camera_offline", "other"),
    }
