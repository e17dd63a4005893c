"""Rules that turn a report into a camera's health."""

from datetime import UTC, datetime, timedelta

import pytest

from surveillance.core.health import REPORT_VALID_FOR, Report, camera_health, message
from vigil_contracts.health import StreamHealth
from vigil_contracts.names import REASON_TEXTS, CameraPhase, Reason

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


def _report(age: timedelta = timedelta(seconds=5), reason: Reason = Reason.STREAMING) -> Report:
    return Report(CameraPhase.STREAMING, reason, "", StreamHealth(width=640), NOW - age)


def test_inactive_camera_is_inactive_regardless_of_reports() -> None:
    health = camera_health(is_active=False, activated_at=None, report=_report(), now=NOW)
    assert (health.phase, health.reason) == (CameraPhase.INACTIVE, Reason.INACTIVE)
    assert health.stream == StreamHealth()


def test_fresh_report_counts() -> None:
    health = camera_health(is_active=True, activated_at=None, report=_report(), now=NOW)
    assert (health.phase, health.reason, health.message) == (
        CameraPhase.STREAMING,
        Reason.STREAMING,
        REASON_TEXTS[Reason.STREAMING],
    )
    assert health.stream.width == 640


@pytest.mark.parametrize(
    ("age", "reason"),
    [
        (REPORT_VALID_FOR, Reason.STREAMING),
        (REPORT_VALID_FOR + timedelta(milliseconds=1), Reason.DETECTOR_NOT_REPORTING),
    ],
)
def test_report_is_valid_for_30_seconds(age: timedelta, reason: Reason) -> None:
    assert timedelta(seconds=30) == REPORT_VALID_FOR
    assert camera_health(is_active=True, activated_at=None, report=_report(age), now=NOW).reason == reason


def test_camera_without_a_report_is_pending() -> None:
    health = camera_health(is_active=True, activated_at=NOW, report=None, now=NOW)
    assert (health.phase, health.reason) == (CameraPhase.PENDING, Reason.DETECTOR_NOT_REPORTING)


def test_report_before_the_activation_is_ignored() -> None:
    health = camera_health(is_active=True, activated_at=NOW - timedelta(seconds=1), report=_report(), now=NOW)
    assert (health.phase, health.reason) == (CameraPhase.PENDING, Reason.DETECTOR_NOT_REPORTING)


def test_stale_report_means_failed() -> None:
    health = camera_health(is_active=True, activated_at=None, report=_report(timedelta(minutes=1)), now=NOW)
    assert health.phase == CameraPhase.FAILED


@pytest.mark.parametrize("reason", list(Reason))
def test_every_reason_has_a_text(reason: Reason) -> None:
    assert message(reason, "") == REASON_TEXTS[reason]
    assert message(reason, "401 from port 554") == f"{REASON_TEXTS[reason]} (401 from port 554)"


@pytest.mark.parametrize("reason", list(Reason))
def test_no_sentence_is_repeated(reason: Reason) -> None:
    text = REASON_TEXTS[reason]
    assert message(reason, text) == text
    assert message(reason, f"{text} (refused)") == f"{text} (refused)"


def test_specific_cause_replaces_the_reasons_text() -> None:
    busy = "The camera is busy (RTSP status 503). Close other viewers."
    assert message(Reason.STREAM_UNREACHABLE, busy) == busy
    assert message(Reason.MODEL_INVALID, "Wrong shape.").startswith(REASON_TEXTS[Reason.MODEL_INVALID])
