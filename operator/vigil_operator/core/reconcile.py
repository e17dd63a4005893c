"""One camera, decided: from everything known about it to what is to be written, deleted and said.

`decide` is pure and total: called again with what it led to, it wants nothing more. The caller carries the decision
out in order: first what goes, then what is applied, then the status.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from vigil_contracts.camera import AlertTotals, CameraConfiguration
from vigil_contracts.health import HealthReport
from vigil_contracts.names import CameraPhase, Reason
from vigil_contracts.resources import RegisteredResource, ResourceRegistration
from vigil_contracts.stream_url import split_credentials
from vigil_operator.core.classes import ChosenClass, NoClass, choose_class
from vigil_operator.core.compare import covers
from vigil_operator.core.desired.deployment import build_deployment
from vigil_operator.core.desired.network_policy import build_network_policy
from vigil_operator.core.desired.plan import DetectorPlan, DetectorSecrets, Manifest, ManifestSettings
from vigil_operator.core.desired.secret import PASSWORD_KEY, TOKEN_KEY, USERNAME_KEY, build_secret
from vigil_operator.core.desired.volume import build_volume_claim
from vigil_operator.core.fallback import seconds_to_fallback, with_fallback
from vigil_operator.core.observed import Camera, Deployment, DetectorClass, Pod, StoredObject, secret_values
from vigil_operator.core.pods import classify, newest
from vigil_operator.core.registration import (
    RegistrationSettings,
    build_registration,
    credentials_of,
    is_claimed,
    is_registered,
)
from vigil_operator.core.rollout import is_roll
from vigil_operator.core.specs import CameraSpec, InvalidSpecError, parse_camera_spec
from vigil_operator.core.status import Verdict, render_status, stopped, synced, watched
from vigil_operator.core.streams import heard, joined, stream_status
from vigil_operator.core.totals import alerts_status

REFUSED_AGAIN_SECONDS = 60.0
"""What the API refuses may be put right there, such as an owner that does not exist yet."""


@dataclass(frozen=True, slots=True)
class Children:
    """What exists of a camera's objects, by kind."""

    deployment: Deployment | None = None
    secret: StoredObject | None = None
    network_policy: StoredObject | None = None
    volume_claim: StoredObject | None = None
    pods: tuple[Pod, ...] = ()

    def owned(self) -> tuple[tuple[str, StoredObject], ...]:
        """Those that we make ourselves (pods are the Deployment's), with their kinds; dependants first."""
        found = (
            ("Deployment", self.deployment),
            ("Secret", self.secret),
            ("NetworkPolicy", self.network_policy),
            ("PersistentVolumeClaim", self.volume_claim),
        )
        return tuple((kind, existing) for kind, existing in found if existing is not None)


@dataclass(frozen=True, slots=True)
class ApiView:
    """What the API says about the camera. `configuration`: as it was last answered, None if the API has not yet."""

    configuration: CameraConfiguration | None = None
    health: HealthReport | None = None
    alerts: AlertTotals | None = None
    problem: str = ""
    row: RegisteredResource | None = None
    """The row of a camera of kubectl."""
    are_rows_known: bool = False
    refusal: str = ""
    """Why the API has just not taken the camera's registration."""
    is_refused_for_good: bool = False
    """It will not take the same one later either."""
    issued_token: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Situation:
    """All that a decision about one camera rests on."""

    camera: Camera
    children: Children
    classes: Mapping[str, DetectorClass]
    api: ApiView
    settings: ManifestSettings
    now: datetime
    credentials: StoredObject | None = None
    """The Secret that a camera of kubectl names."""
    may_roll: bool = True
    """Whether the detector may be restarted for a reason that is not its camera's; see `core.rollout`."""
    registration: RegistrationSettings = field(default_factory=RegistrationSettings)

    @property
    def camera_id(self) -> int | None:
        """The camera's id in the API. What a status says is believed only while the API has said nothing else."""
        if self.camera.managed_by_backend or not self.api.are_rows_known:
            return self.api.row.id if self.api.row is not None else self.camera.camera_id
        return self.api.row.id if self.api.row is not None else None


@dataclass(frozen=True, slots=True)
class Removal:
    """An object to delete; only this very one, should another of the same name have taken its place."""

    kind: str
    namespace: str
    name: str
    uid: str


@dataclass(frozen=True, slots=True)
class Decision:
    """What is to be done. `needs_token`: nothing else, before the API has issued a token for the detector."""

    verdict: Verdict
    status: Mapping[str, Any] | None
    apply: tuple[Manifest, ...] = ()
    remove: tuple[Removal, ...] = ()
    needs_claim: bool = False
    """Nothing else, before the resource carries our finalizer."""
    register: ResourceRegistration | None = None
    """Nothing else, before the API has been told this."""
    needs_token: bool = False
    is_roll: bool = False
    """The Deployment's change is one that waits for its turn: it is in `apply` only if `may_roll`."""
    look_again_seconds: float | None = None
    """When the passing of time alone will change the decision."""


def decide(situation: Situation) -> Decision:
    """What the camera needs now."""
    camera = situation.camera
    try:
        spec = parse_camera_spec(camera.key.name, camera.spec)
        before = None if camera.managed_by_backend else _before_all_else(situation, spec)
    except InvalidSpecError as error:
        # What runs goes on running: a slip in an edit must not blind a camera.
        return _settle(situation, stopped(Reason.INVALID_SPEC, str(error), _sync(situation), situation.camera_id))
    if before is not None:
        return before
    if not spec.active:
        verdict = stopped(Reason.INACTIVE, "", _sync(situation), situation.camera_id)
        return _settle(situation, verdict, remove=_removals(situation.children))
    strays = _strays(situation)
    if strays:
        # Objects of a former camera of this name: gone first, or they would be adopted while being collected.
        return _settle(situation, _waiting(situation), remove=strays)
    return _decide_watched(situation, spec)


def _before_all_else(situation: Situation, spec: CameraSpec) -> Decision | None:
    """What a camera of kubectl needs before its detector: our finalizer, then its row in the API."""
    camera, api = situation.camera, situation.api
    credentials = credentials_of(spec, situation.credentials)
    registration = build_registration(camera, spec, credentials, situation.registration)
    if is_registered(api.row, registration) and is_claimed(camera):
        return None
    if api.refusal:
        if not api.is_refused_for_good:
            return None
        verdict = stopped(Reason.INVALID_SPEC, api.refusal, _sync(situation), situation.camera_id)
        return _again_after(_settle(situation, verdict), REFUSED_AGAIN_SECONDS)
    if not is_claimed(camera):
        return Decision(_waiting(situation), None, needs_claim=True)
    return Decision(_waiting(situation), None, register=registration)


def removals_without_camera(children: Children) -> tuple[Removal, ...]:
    """What to delete when the camera is gone; the garbage collector would do it too, but later."""
    return _removals(children)


def _decide_watched(situation: Situation, spec: CameraSpec) -> Decision:
    chosen = choose_class(spec.detector_class_name, situation.classes)
    if isinstance(chosen, NoClass):
        return _settle(situation, stopped(chosen.reason, chosen.details, _sync(situation), situation.camera_id))
    chosen = with_fallback(chosen, situation.camera, situation.classes, situation.now)
    camera_id = situation.camera_id
    if camera_id is None:
        why = situation.api.refusal or situation.api.problem
        return _settle(situation, stopped(Reason.NOT_REGISTERED, why, _sync(situation), None))
    secrets = _secrets(situation, spec)
    if secrets is None:
        if not situation.camera.managed_by_backend and situation.api.row is None:
            # A token is asked for by the id that the API gave, never by one that only a status says.
            return _settle(situation, stopped(Reason.NOT_REGISTERED, "", _sync(situation), camera_id))
        return Decision(_waiting(situation), None, needs_token=True)
    plan = DetectorPlan(
        camera=situation.camera.key,
        camera_uid=situation.camera.meta.uid,
        camera_id=camera_id,
        spec=spec,
        class_name=chosen.name,
        detector_class=chosen.spec,
        secrets=secrets,
        settings=situation.settings,
    )
    changes = _changes(plan, situation.children)
    rolls = [manifest for manifest in changes if _rolls(situation.children.deployment, manifest)]
    if not situation.may_roll:
        changes = tuple(manifest for manifest in changes if manifest not in rolls)
    decision = _settle(situation, _observe(situation, chosen, camera_id), apply=changes)
    decision = replace(decision, is_roll=bool(rolls))
    status = situation.camera.status if decision.status is None else decision.status
    return _again_after(decision, seconds_to_fallback(chosen, status, situation.now))


def _observe(situation: Situation, chosen: ChosenClass, camera_id: int) -> Verdict:
    pod = newest(situation.children.pods)
    report = heard(situation.api.health)
    return watched(
        joined(classify(pod, chosen.spec.gpu, chosen.name), report),
        _sync(situation),
        camera_id=camera_id,
        class_name=chosen.name,
        pod=pod.key.name if pod else "",
        node=pod.node if pod else "",
        stream=stream_status(report, situation.camera.status.get("stream") or {}),
    )


def _settle(
    situation: Situation,
    verdict: Verdict,
    *,
    apply: tuple[Manifest, ...] = (),
    remove: tuple[Removal, ...] = (),
) -> Decision:
    previous = situation.camera.status
    alerts, again_seconds = alerts_status(situation.api.alerts, previous.get("alerts") or {}, situation.now)
    verdict = replace(verdict, alerts=alerts)
    status = render_status(verdict, previous=previous, generation=situation.camera.meta.generation, now=situation.now)
    return Decision(verdict, None if status == previous else status, apply, remove, look_again_seconds=again_seconds)


def _again_after(decision: Decision, seconds: float | None) -> Decision:
    """The sooner of the two."""
    due = [found for found in (decision.look_again_seconds, seconds) if found is not None]
    return replace(decision, look_again_seconds=min(due, default=None))


def _changes(plan: DetectorPlan, children: Children) -> tuple[Manifest, ...]:
    """The manifests that differ from what is there; the Deployment last, since its pod needs the others."""
    wanted = [(build_secret(plan), children.secret)]
    claim = build_volume_claim(plan)
    if claim is not None and children.volume_claim is None:
        # A claim cannot be changed once it is bound: a new size or class is for new cameras.
        wanted.append((claim, None))
    if plan.settings.network_policies:
        wanted.append((build_network_policy(plan), children.network_policy))
    wanted.append((build_deployment(plan), children.deployment))
    return tuple(manifest for manifest, existing in wanted if existing is None or not _is_covered(existing, manifest))


def _rolls(deployment: Deployment | None, manifest: Manifest) -> bool:
    if deployment is None or manifest["kind"] != "Deployment":
        return False
    return is_roll(deployment.content, manifest)


def _is_covered(existing: StoredObject, manifest: Manifest) -> bool:
    content = {name: value for name, value in manifest.items() if name not in {"apiVersion", "kind"}}
    return covers(existing.content, content)


def _secrets(situation: Situation, spec: CameraSpec) -> DetectorSecrets | None:
    """Token and credentials, or None where a token must be issued first.

    While the API is away, what the Secret holds stays as it is: nothing is restarted for want of an answer.
    """
    held = secret_values(situation.children.secret) if situation.children.secret else {}
    token = situation.api.issued_token or (held.get(TOKEN_KEY, "") if _is_of_this_row(situation) else "")
    if not token:
        return None
    if not situation.camera.managed_by_backend:
        own = credentials_of(spec, situation.credentials)
        return DetectorSecrets(token) if own is None else DetectorSecrets(token, own.username, own.password)
    if situation.api.configuration is None:
        return DetectorSecrets(token, held.get(USERNAME_KEY, ""), held.get(PASSWORD_KEY, ""))
    _, credentials = split_credentials(situation.api.configuration.rtsp_url.get_secret_value())
    if credentials is None:
        return DetectorSecrets(token)
    return DetectorSecrets(token, credentials.username, credentials.password)


def _is_of_this_row(situation: Situation) -> bool:
    """Whether the token that the Secret holds is for the row that the camera has now: a new row needs a new one."""
    return situation.camera.status.get("cameraId") in (None, situation.camera_id)


def _sync(situation: Situation) -> Any:
    if situation.api.problem:
        return synced(Reason.BACKEND_UNREACHABLE, situation.api.problem)
    if situation.camera_id is None:
        return synced(Reason.NOT_REGISTERED, situation.api.refusal)
    if situation.api.refusal:
        reason = Reason.INVALID_SPEC if situation.api.is_refused_for_good else Reason.BACKEND_UNREACHABLE
        return synced(reason, situation.api.refusal)
    return synced(Reason.SYNCED)


def _waiting(situation: Situation) -> Verdict:
    verdict = stopped(Reason.STARTING, "", _sync(situation), situation.camera_id)
    return Verdict(CameraPhase.PENDING, verdict.conditions, verdict.camera_id)


def _strays(situation: Situation) -> tuple[Removal, ...]:
    """Children whose owner is another object than this camera, though of its name."""
    uid = situation.camera.meta.uid
    return tuple(
        removal
        for removal, (_, existing) in zip(_removals(situation.children), situation.children.owned(), strict=True)
        if existing.meta.owner_uid not in {uid, ""}
    )


def _removals(children: Children) -> tuple[Removal, ...]:
    return tuple(
        Removal(kind, existing.key.namespace, existing.key.name, existing.meta.uid)
        for kind, existing in children.owned()
    )
