"""Display of enumerations: label, icon and tone of each alert type and phase.

A tone is one of the five of `components.css`: `ok, info, warn, danger, idle`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from django.contrib.auth.models import User
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from vigil_apps.audit.models import Action, Via
from vigil_apps.notifications.core.names import MessageKind, MessageState
from vigil_apps.second_factor.models import Change
from vigil_apps.second_factor.notices import text_of
from vigil_apps.second_factor.requirement import Holder
from vigil_apps.second_factor.selectors import notices_of
from vigil_apps.sites.recording_limits import LimitSource
from vigil_contracts.names import AlertType, CameraPhase
from vigil_contracts.recording import RecordingMode
from vigil_contracts.shadow import ShadowState

Tone = Literal["ok", "info", "warn", "danger", "idle"]
Words = str | Promise


@dataclass(frozen=True, slots=True)
class AlertKind:
    """Display of an alert type; `icon` is a symbol of `icons.svg`."""

    text: Words
    icon: str
    tone: Tone


RECORDING_MODE_TEXTS: Mapping[RecordingMode, Words] = {
    RecordingMode.OFF: _("Off"),
    RecordingMode.CONTINUOUS: _("Continuously"),
    RecordingMode.MOTION: _("On motion"),
    RecordingMode.ALERTS: _("On alerts"),
}
LIMIT_SOURCE_TEXTS: Mapping[LimitSource, Words] = {
    LimitSource.SITE: _("default of the site"),
    LimitSource.SERVER: _("default of this server"),
    LimitSource.SITE_CEILING: _("ceiling of the site"),
    LimitSource.SERVER_CEILING: _("ceiling of this server"),
}
"""Nothing for the camera's own value."""


@dataclass(frozen=True, slots=True)
class PhaseStyle:
    """Display of a phase; a smaller `trouble_rank` is more severe and sorts first."""

    text: Words
    tone: Tone
    trouble_rank: int


@dataclass(frozen=True, slots=True)
class TrialStyle:
    """Display of the state of a new model that is compared with the one in use."""

    text: Words
    tone: Tone


ALERT_KINDS: dict[AlertType, AlertKind] = {
    AlertType.PERSON: AlertKind(_("Person"), "person", "info"),
    AlertType.VEHICLE: AlertKind(_("Vehicle"), "vehicle", "info"),
    AlertType.INTRUSION: AlertKind(_("Intrusion"), "intrusion", "danger"),
    AlertType.LOITERING: AlertKind(_("Loitering"), "loitering", "warn"),
    AlertType.LINE_CROSSING: AlertKind(_("Line crossing"), "line", "warn"),
    AlertType.FIRE: AlertKind(_("Fire"), "fire", "danger"),
    AlertType.SMOKE: AlertKind(_("Smoke"), "smoke", "danger"),
    AlertType.VIOLENCE: AlertKind(_("Violence"), "warning", "danger"),
    AlertType.WEAPON: AlertKind(_("Weapon"), "weapon", "danger"),
    AlertType.ANIMAL: AlertKind(_("Animal"), "animal", "ok"),
    AlertType.TAMPER: AlertKind(_("Tampering"), "camera-off", "warn"),
    AlertType.CAMERA_OFFLINE: AlertKind(_("Camera offline"), "camera-off", "warn"),
    AlertType.OTHER: AlertKind(_("Other"), "bell", "idle"),
}

PHASE_LOOKS: dict[CameraPhase, PhaseStyle] = {
    CameraPhase.FAILED: PhaseStyle(_("Failed"), "danger", 0),
    CameraPhase.DEGRADED: PhaseStyle(_("Degraded"), "warn", 1),
    CameraPhase.PENDING: PhaseStyle(_("Waiting"), "warn", 2),
    CameraPhase.STARTING: PhaseStyle(_("Starting"), "info", 3),
    CameraPhase.STREAMING: PhaseStyle(_("Streaming"), "ok", 5),
    CameraPhase.ASLEEP: PhaseStyle(_("Asleep"), "idle", 6),
    CameraPhase.INACTIVE: PhaseStyle(_("Inactive"), "idle", 7),
}

LIMITED_RANK = 4
"""The `trouble_rank` of a camera that streams, but whose video is not stored as its settings ask for."""

TRIAL_STYLES: dict[ShadowState, TrialStyle] = {
    ShadowState.LOADING: TrialStyle(_("Starting"), "info"),
    ShadowState.RUNNING: TrialStyle(_("Comparing"), "ok"),
    ShadowState.FAILED: TrialStyle(_("Failed"), "danger"),
}

TROUBLED_PHASES = frozenset({CameraPhase.FAILED, CameraPhase.DEGRADED, CameraPhase.PENDING})
"""Phases in which a camera should deliver frames but does not, so that its reason is displayed."""

CHOICES: dict[str, Words] = {
    MessageKind.ALERTS: _("Alerts"),
    MessageKind.TEST: _("Test"),
    MessageKind.EVENT: _("Event"),
    MessageState.PENDING: _("Waiting"),
    MessageState.SENT: _("Sent"),
    MessageState.FAILED: _("Delivery failed"),
    MessageState.DROPPED: _("Discarded"),
    Action.CREATED: _("Created"),
    Action.CHANGED: _("Changed"),
    Action.DELETED: _("Deleted"),
    Via.SESSION: _("Browser session"),
    Via.TOKEN: _("Token"),
    Via.SYSTEM: _("Command line or backend"),
}
"""Labels of stored values of messages and audit log entries; no value occurs in two of the enumerations."""

HOLDER_TEXTS: dict[Holder, Words] = {
    Holder.SUPERUSER: _("System administrators"),
    Holder.STAFF: _("Staff (users of the admin pages)"),
    Holder.SITE_ADMIN: _("Admins of a site"),
    Holder.SITE_OPERATOR: _("Operators of a site"),
    Holder.SITE_VIEWER: _("Viewers of a site"),
}
"""Roles for which a second factor can be required."""


@dataclass(frozen=True, slots=True)
class NoticeLine:
    """A notice about a changed factor, as `factor_notices.html` shows it. `name`: of the passkey, or empty."""

    text: str
    name: str
    at: datetime


def notice_lines(user: User) -> list[NoticeLine]:
    """Return the notices that the user has not dismissed."""
    return [NoticeLine(text_of(Change(one.change)), one.name, one.at) for one in notices_of(user)]
