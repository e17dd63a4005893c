"""A camera's health for users, derived from the last heartbeat and its age."""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from vigil_contracts.cost import CameraCost
from vigil_contracts.health import InferenceHealth, StreamHealth
from vigil_contracts.names import REASON_TEXTS, CameraPhase, Reason, is_whole_message
from vigil_contracts.shadow import ShadowReport

REPORT_VALID_FOR = timedelta(seconds=30)
"""A detector reports every 10 s; after three missed reports the camera counts as not analysed."""


ADDRESS_UNREADABLE = (
    "The camera's address cannot be read: the key that encrypted it is not in VIGIL_CREDENTIAL_KEYS. Restore the key,"
    " or enter the address again"
)


@dataclass(frozen=True, slots=True)
class Report:
    """The last heartbeat; `reported_at` is on the server's clock."""

    phase: CameraPhase
    reason: Reason
    detail: str
    stream: StreamHealth
    reported_at: datetime
    inference: InferenceHealth = field(default_factory=InferenceHealth)
    spooled_alerts: int = 0
    shadow: ShadowReport | None = None
    cost: CameraCost | None = None


@dataclass(frozen=True, slots=True)
class Health:
    """The API's `health`; `message` is one sentence for users."""

    phase: CameraPhase
    reason: Reason
    message: str
    stream: StreamHealth = field(default_factory=StreamHealth)
    reported_at: datetime | None = None
    inference: InferenceHealth = field(default_factory=InferenceHealth)
    spooled_alerts: int = 0
    wake_time: datetime | None = None
    """When a camera that is asleep wakes up."""
    shadow: ShadowReport | None = None
    """The comparison with a new model, summed up since its trial began."""
    cost: CameraCost | None = None
    """What the camera costs its detector; None: not measured, or no current report."""


def camera_health(
    *,
    is_active: bool,
    activated_at: datetime | None,
    report: Report | None,
    now: datetime,
    asleep_until: datetime | None = None,
) -> Health:
    """Return the health at `now`.

    An inactive camera is Inactive whatever was reported. Reports from before the activation are ignored. Until the
    first report a camera is Pending; when reports stop it is Failed, in both cases with DetectorNotReporting. Without
    reports it is Asleep until `asleep_until`, and Pending from then on.
    """
    reported_at = report.reported_at if report is not None else None
    if not is_active:
        return Health(CameraPhase.INACTIVE, Reason.INACTIVE, REASON_TEXTS[Reason.INACTIVE], reported_at=reported_at)
    if report is not None and not _is_before(report, activated_at) and now - report.reported_at <= REPORT_VALID_FOR:
        return _reported(report)
    if asleep_until is not None and now < asleep_until:
        text = REASON_TEXTS[Reason.ASLEEP]
        return Health(CameraPhase.ASLEEP, Reason.ASLEEP, text, reported_at=reported_at, wake_time=asleep_until)
    is_first_awaited = report is None or _is_before(report, activated_at) or _is_before(report, asleep_until)
    health = _not_reporting(CameraPhase.PENDING if is_first_awaited else CameraPhase.FAILED, reported_at)
    if report is None:
        return health
    # A restart of the detector interrupts reports, but not a trial.
    return replace(health, spooled_alerts=report.spooled_alerts, shadow=report.shadow)


def address_unreadable(*, is_active: bool) -> Health:
    """Return the health of a camera whose URL cannot be decrypted, whatever its detector reports."""
    phase = CameraPhase.FAILED if is_active else CameraPhase.INACTIVE
    return Health(phase, Reason.INVALID_SPEC, ADDRESS_UNREADABLE)


def message(reason: Reason, reported: str) -> str:
    """Return the text for users: the detector's message, preceded by the reason's text if it is only a detail."""
    text, reported = REASON_TEXTS[reason], reported.strip()
    if is_whole_message(reason, reported):
        return reported
    return f"{text} ({reported})" if reported else text


def _reported(report: Report) -> Health:
    return Health(
        report.phase,
        report.reason,
        message(report.reason, report.detail),
        report.stream,
        report.reported_at,
        report.inference,
        report.spooled_alerts,
        shadow=report.shadow,
        cost=report.cost,
    )


def _is_before(report: Report, moment: datetime | None) -> bool:
    return moment is not None and report.reported_at < moment


def _not_reporting(phase: CameraPhase, reported_at: datetime | None) -> Health:
    reason = Reason.DETECTOR_NOT_REPORTING
    return Health(phase, reason, REASON_TEXTS[reason], reported_at=reported_at)
