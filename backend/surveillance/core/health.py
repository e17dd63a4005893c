"""A camera's health as people see it, from what its detector said last and when."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from vigil_contracts.health import InferenceHealth, StreamHealth
from vigil_contracts.names import REASON_TEXTS, CameraPhase, Reason, is_whole_message

REPORT_VALID_FOR = timedelta(seconds=30)
"""A detector reports every 10 s; three reports missed in a row mean that nobody watches."""


ADDRESS_UNREADABLE = (
    "The camera's address cannot be read: the key that encrypted it is not in VIGIL_CREDENTIAL_KEYS. Restore the key,"
    " or enter the address again"
)


@dataclass(frozen=True, slots=True)
class Report:
    """The last heartbeat; `reported_at` by the server's clock."""

    phase: CameraPhase
    reason: Reason
    detail: str
    stream: StreamHealth
    reported_at: datetime
    inference: InferenceHealth = field(default_factory=InferenceHealth)


@dataclass(frozen=True, slots=True)
class Health:
    """What the API answers as `health`; `message` is one sentence for a person."""

    phase: CameraPhase
    reason: Reason
    message: str
    stream: StreamHealth = field(default_factory=StreamHealth)
    reported_at: datetime | None = None
    inference: InferenceHealth = field(default_factory=InferenceHealth)


def camera_health(*, is_active: bool, activated_at: datetime | None, report: Report | None, now: datetime) -> Health:
    """The health at `now`.

    An inactive camera is Inactive whatever was reported. A report from before the activation does not count. Until
    the first report a camera is Pending; when reports stop coming it is Failed, both for DetectorNotReporting.
    """
    reported_at = report.reported_at if report is not None else None
    if not is_active:
        return Health(CameraPhase.INACTIVE, Reason.INACTIVE, REASON_TEXTS[Reason.INACTIVE], reported_at=reported_at)
    if report is None or (activated_at is not None and report.reported_at < activated_at):
        return _not_reporting(CameraPhase.PENDING, reported_at)
    if now - report.reported_at > REPORT_VALID_FOR:
        return _not_reporting(CameraPhase.FAILED, reported_at)
    text = message(report.reason, report.detail)
    return Health(report.phase, report.reason, text, report.stream, reported_at, report.inference)


def address_unreadable(*, is_active: bool) -> Health:
    """The health of a camera whose address nobody can read, whatever its detector reports."""
    phase = CameraPhase.FAILED if is_active else CameraPhase.INACTIVE
    return Health(phase, Reason.INVALID_SPEC, ADDRESS_UNREADABLE)


def message(reason: Reason, reported: str) -> str:
    """Return what a person reads: what the detector reported, behind the reason's sentence where it is a detail."""
    text, reported = REASON_TEXTS[reason], reported.strip()
    if is_whole_message(reason, reported):
        return reported
    return f"{text} ({reported})" if reported else text


def _not_reporting(phase: CameraPhase, reported_at: datetime | None) -> Health:
    reason = Reason.DETECTOR_NOT_REPORTING
    return Health(phase, reason, REASON_TEXTS[reason], reported_at=reported_at)
