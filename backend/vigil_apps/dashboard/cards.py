"""View models of the templates: frozen values made from rows, so that rendering runs no query."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from surveillance.core.health import Health, message
from surveillance.core.rooms import RoomProblem
from surveillance.core.stored_detection import readable_detection
from surveillance.models import Alert, Camera, CameraHealth, CameraHealthChange, CameraResource, ManagedBy
from surveillance.selectors.cameras import recording_of
from surveillance.selectors.resources import policy_sources_of, resource_deleted_at
from vigil_apps.dashboard.reasons import in_own_words
from vigil_apps.dashboard.vocabulary import (
    ALERT_KINDS,
    LIMIT_SOURCE_TEXTS,
    LIMITED_RANK,
    PHASE_LOOKS,
    RECORDING_MODE_TEXTS,
    TRIAL_STYLES,
    TROUBLED_PHASES,
    AlertKind,
    Tone,
    TrialStyle,
    Words,
)
from vigil_apps.sites.recording_limits import Limit, LimitSource, limits_of
from vigil_contracts.cost import CameraCost
from vigil_contracts.health import InferenceHealth
from vigil_contracts.names import AlertType, CameraPhase, Reason
from vigil_contracts.resources import ReportedClass, ReportedResource
from vigil_contracts.shadow import ShadowCounts, ShadowReport


@dataclass(frozen=True, slots=True)
class AlertCard:
    """One alert."""

    id: int
    camera_id: int
    camera_name: str
    kind: AlertKind
    confidence_percent: int
    timestamp: datetime
    received_at: datetime
    has_image: bool
    has_clip: bool
    acknowledged: bool
    acknowledged_by: str
    acknowledged_at: datetime | None
    resolved: bool
    resolved_by: str
    resolved_at: datetime | None
    is_false_positive: bool
    may_handle: bool
    description: str
    label: str
    zone: str
    zone_seconds: float | None
    rule: str
    track: str
    event_id: str
    is_same: bool = False
    """Whether it is displayed below a newer alert of the same object."""
    same_count: int = 0
    """The number of alerts of its object, if it is the newest of several."""

    @property
    def image_text(self) -> str:
        """Return the image's description for screen readers."""
        return self.description or f"{self.kind.text}, {self.camera_name}"


@dataclass(frozen=True, slots=True)
class LastAlert:
    """The newest alert of a camera, for its tile."""

    id: int
    kind: AlertKind
    at: datetime
    acknowledged: bool


@dataclass(frozen=True, slots=True)
class Standing:
    """The part of a camera's state that the figures and the sort order need, for up to a thousand cameras."""

    id: int
    name: str
    site_id: int | None
    is_active: bool
    phase_text: Words
    tone: Tone
    trouble_rank: int
    is_trouble: bool
    is_limited: bool
    """Whether it streams and is analysed, but its video is not stored as its settings ask for: `message` says why."""
    message: str
    wake_time: datetime | None
    """When a camera that is asleep wakes up."""


@dataclass(frozen=True, slots=True)
class CameraCard(Standing):
    """One camera in a list."""

    site_name: str
    group: str
    is_editable: bool
    is_switchable: bool
    may_operate: bool
    is_kept_elsewhere: bool
    is_administered: bool
    picture_alert_id: int | None
    picture_at: datetime | None
    last_alert: LastAlert | None
    created_at: datetime

    @property
    def last_alert_at(self) -> datetime | None:
        """Return the time of its newest alert."""
        return self.last_alert.at if self.last_alert is not None else None

    @property
    def is_shown_live(self) -> bool:
        """Return whether a live view is available."""
        return self.is_active and not self.is_trouble and self.wake_time is None


@dataclass(frozen=True, slots=True)
class HealthChange:
    """One entry of a camera's history."""

    at: datetime
    phase_text: Words
    tone: Tone
    message: str


def health_change(change: CameraHealthChange) -> HealthChange:
    """Return one entry of a camera's history."""
    look = PHASE_LOOKS[CameraPhase(change.phase)]
    return HealthChange(change.at, look.text, look.tone, in_own_words(message(Reason(change.reason), change.message)))


@dataclass(frozen=True, slots=True)
class TokenLine:
    """One token of a camera's detector, without its text."""

    name: str
    created_at: datetime
    last_used_at: datetime | None
    expires_at: datetime | None


@dataclass(frozen=True, slots=True)
class ModelTrial:
    """The comparison of a new model with the one in use, on one camera."""

    model: str
    """The new one."""
    style: TrialStyle
    failure: str
    """Why the new model does not run; empty if it does."""
    counts: ShadowCounts


@dataclass(frozen=True, slots=True)
class ShownLimit:
    """How much of the recordings is kept."""

    value: int
    is_own: bool
    """Whether it is the camera's own value, which may come from a policy."""
    source_text: Words


@dataclass(frozen=True, slots=True)
class CameraPage(CameraCard):
    """The page of one camera; `masked_rtsp_url` contains no credentials."""

    masked_rtsp_url: str
    width: int | None
    height: int | None
    codec: str
    frames_per_second: float | None
    last_frame_time: datetime | None
    inference: InferenceHealth
    """What its detector uses."""
    trial: ModelTrial | None
    detector: str
    classes: tuple[str, ...]
    minimum_confidence_percent: int
    analysed_per_second: float
    zones: int
    rules: int
    masks: int
    is_scheduled: bool
    spooled_alerts: int
    reported_at: datetime | None
    detector_class_name: str
    resource_name: str
    resource_source: str
    resource_deleted_at: datetime | None
    """When the resource was deleted; its camera stays with its alerts."""
    policies: Mapping[str, str]
    """The CameraPolicy of each value that comes from one, by field: `detection_rules`, `recording_mode`, ..."""
    recording_mode: Words
    recording_days: ShownLimit | None
    recording_gigabytes: ShownLimit | None
    retention_days: int | None
    kubernetes: ReportedResource | None
    """The state of its resource; None if no cluster runs it."""
    cluster: str
    """The cluster to which it is assigned; empty for the default one."""
    watched_by: str
    """The cluster that runs its detector now; empty without one."""
    room_problem: RoomProblem | None
    """Why its detector waits, or would wait."""
    cost: CameraCost | None
    """What it costs, as its detector measures; None before that."""
    reported_class: ReportedClass | None
    """The class of its detector, as its cluster reports it."""
    media_url: str
    hls_url: str
    """The camera's WHEP URL on the media server; empty without one, or if the camera is inactive."""

    @property
    def is_on_gpu(self) -> bool:
        """Return whether its model runs on a GPU."""
        return self.inference.device.startswith(("cuda", "intel-gpu"))


def alert_card(alert: Alert) -> AlertCard:
    """Return the card of `alert`, which has `camera`, `acknowledged_by`, `resolved_by` and `may_handle` loaded."""
    return AlertCard(
        id=alert.pk,
        camera_id=alert.camera_id,
        camera_name=alert.camera.name,
        kind=ALERT_KINDS[AlertType(alert.alert_type)],
        confidence_percent=round(alert.confidence * 100),
        timestamp=alert.timestamp,
        received_at=alert.received_at,
        has_image=bool(alert.image),
        has_clip=alert.has_clip,
        acknowledged=alert.acknowledged,
        acknowledged_by=alert.acknowledged_by.get_username() if alert.acknowledged_by else "",
        acknowledged_at=alert.acknowledged_at,
        resolved=alert.resolved,
        resolved_by=alert.resolved_by.get_username() if alert.resolved_by else "",
        resolved_at=alert.resolved_at,
        is_false_positive=alert.is_false_positive,
        may_handle=bool(getattr(alert, "may_handle", False)),
        description=in_own_words(alert.description),
        label=alert.label,
        zone=alert.zone,
        zone_seconds=alert.zone_seconds,
        rule=alert.rule,
        track=alert.track,
        event_id=alert.event_id,
    )


def standing(camera_id: int, name: str, health: Health, *, site_id: int | None, is_active: bool) -> Standing:
    """Return the camera's state for its `health`."""
    look = PHASE_LOOKS[health.phase]
    is_limited = health.phase is CameraPhase.STREAMING and health.reason is not Reason.STREAMING
    return Standing(
        id=camera_id,
        name=name,
        site_id=site_id,
        is_active=is_active,
        phase_text=look.text,
        tone=look.tone,
        trouble_rank=LIMITED_RANK if is_limited else look.trouble_rank,
        is_trouble=health.phase in TROUBLED_PHASES,
        is_limited=is_limited,
        message=in_own_words(health.message),
        wake_time=health.wake_time,
    )


def camera_card(
    camera: Camera,
    health: Health,
    *,
    picture_alert_id: int | None,
    picture_at: datetime | None,
    last_alert: LastAlert | None,
    may_change: bool,
    may_operate: bool,
) -> CameraCard:
    """Return the card of `camera`, with its `site` loaded, in the state `health`; the image is that of an alert.

    `may_…`: what the viewer's role permits.
    """
    stands = standing(camera.pk, camera.name, health, site_id=camera.site_id, is_active=camera.is_active)
    is_ours = camera.managed_by == ManagedBy.BACKEND
    return CameraCard(
        **{name: getattr(stands, name) for name in Standing.__dataclass_fields__},
        site_name=camera.site.name if camera.site is not None else "",
        group=camera.group,
        is_editable=is_ours and may_change,
        is_switchable=is_ours and may_operate,
        may_operate=may_operate,
        is_kept_elsewhere=not is_ours,
        is_administered=may_change,
        picture_alert_id=picture_alert_id,
        picture_at=picture_at,
        last_alert=last_alert,
        created_at=camera.created_at,
    )


def _shown(limit: Limit | None) -> ShownLimit | None:
    if limit is None:
        return None
    return ShownLimit(limit.value, limit.source == LimitSource.CAMERA, LIMIT_SOURCE_TEXTS.get(limit.source, ""))


def camera_page(
    card: CameraCard,
    camera: Camera,
    health: Health,
    report: CameraHealth | None,
    resource: CameraResource | None,
    *,
    kubernetes: ReportedResource | None,
    cluster: str,
    watched_by: str,
    media_url: str,
    hls_url: str,
    room_problem: RoomProblem | None,
    reported_class: ReportedClass | None,
) -> CameraPage:
    """Return the page: `card` with the stream's properties, the detection settings, and its resource."""
    detection = readable_detection(camera.detection)
    recording = recording_of(camera)
    limits = limits_of(recording, camera.site)
    stream = health.stream
    common = {name: getattr(card, name) for name in CameraCard.__dataclass_fields__}
    return CameraPage(
        **common,
        masked_rtsp_url=camera.masked_rtsp_url,
        width=stream.width,
        height=stream.height,
        codec=stream.codec or "",
        frames_per_second=stream.frames_per_second,
        last_frame_time=stream.last_frame_time,
        inference=health.inference,
        trial=_model_trial(health.shadow) if health.shadow is not None else None,
        detector=report.detector if report is not None else "",
        classes=detection.classes,
        minimum_confidence_percent=round(detection.minimum_confidence * 100),
        analysed_per_second=detection.frames_per_second,
        zones=len(detection.zones),
        rules=len(detection.rules),
        masks=len(detection.motion_masks) + len(detection.privacy_masks),
        is_scheduled=detection.schedule is not None,
        spooled_alerts=report.spooled_alerts if report is not None else 0,
        reported_at=health.reported_at,
        detector_class_name=camera.detector_class_name,
        resource_name=resource.name if resource is not None else "",
        resource_source=resource.source if resource is not None else "",
        resource_deleted_at=resource_deleted_at(camera),
        policies={field.replace(".", "_"): policy for field, policy in policy_sources_of(camera).items()},
        recording_mode=RECORDING_MODE_TEXTS[recording.mode],
        recording_days=_shown(limits.days),
        recording_gigabytes=_shown(limits.gigabytes),
        retention_days=camera.retention_days,
        kubernetes=kubernetes,
        cluster=cluster,
        watched_by=watched_by,
        media_url=media_url if camera.is_active else "",
        hls_url=hls_url if camera.is_active else "",
        room_problem=room_problem,
        cost=health.cost,
        reported_class=reported_class,
    )


def _model_trial(report: ShadowReport) -> ModelTrial:
    return ModelTrial(report.model, TRIAL_STYLES[report.state], report.failure, report.counts)


Ranked = TypeVar("Ranked", bound=Standing)


def in_order_of_trouble(cards: list[Ranked]) -> list[Ranked]:
    """Return the cards sorted by severity, then by name."""
    return sorted(cards, key=lambda card: (card.trouble_rank, card.name.casefold(), card.id))
