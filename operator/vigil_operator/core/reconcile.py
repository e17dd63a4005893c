"""One camera, decided: from everything known about it to what is to be written, deleted and said.

`decide` is pure and total: called again with what it led to, it wants nothing more. The caller carries the decision
out in order: first what goes, then what is applied, then the status.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from vigil_contracts.camera import CameraConfiguration, HealthReport
from vigil_contracts.names import CameraPhase, Reason
from vigil_contracts.stream_url import split_credentials
from vigil_operator.core.classes import ChosenClass, NoClass, choose_class
from vigil_operator.core.compare import covers
from vigil_operator.core.desired.deployment import build_deployment
from vigil_operator.core.desired.network_policy import build_network_policy
from vigil_operator.core.desired.secret import PASSWORD_KEY, TOKEN_KEY, USERNAME_KEY, build_secret
from vigil_operator.core.desired.volume import build_volume_claim
from vigil_operator.core.desired.workload import DetectorPlan, DetectorSecrets, Manifest, WorkloadSettings
from vigil_operator.core.fallback import seconds_to_fallback, with_fallback
from vigil_operator.core.observed import Camera, DetectorClass, Pod, Workload, secret_values
from vigil_operator.core.pods import classify, newest
from vigil_operator.core.specs import CameraSpec, InvalidSpecError, parse_camera_spec
from vigil_operator.core.status import Verdict, render_status, stopped, synced, watched
from vigil_operator.core.streams import heard, joined, stream_status


@dataclass(frozen=True, slots=True)
class Children:
    """What exists of a camera's objects, by kind."""

    deployment: Workload | None = None
    secret: Workload | None = None
    network_policy: Workload | None = None
    volume_claim: Workload | None = None
    pods: tuple[Pod, ...] = ()

    def owned(self) -> tuple[tuple[str, Workload], ...]:
        """Those that we make ourselves (pods are the Deployment's), with their kinds; dependants first."""
        found = (
            ("Deployment", self.deployment),
            ("Secret", self.secret),
            ("NetworkPolicy", self.network_policy),
            ("PersistentVolumeClaim", self.volume_claim),
        )
        return tuple((kind, workload) for kind, workload in found if workload is not None)


@dataclass(frozen=True, slots=True)
class ApiView:
    """What the API says about the camera. `configuration`: as it was last answered, None if the API has not yet."""

    configuration: CameraConfiguration | None = None
    health: HealthReport | None = None
    problem: str = ""
    issued_token: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Situation:
    """All that a decision about one camera rests on."""

    camera: Camera
    children: Children
    classes: Mapping[str, DetectorClass]
    api: ApiView
    settings: WorkloadSettings
    now: datetime


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
    needs_token: bool = False
    look_again_seconds: float | None = None
    """When the passing of time alone will change the decision."""


def decide(situation: Situation) -> Decision:
    """What the camera needs now."""
    camera = situation.camera
    try:
        spec = parse_camera_spec(camera.key.name, camera.spec)
    except InvalidSpecError as error:
        # What runs goes on running: a slip in an edit must not blind a camera.
        return _settle(situation, stopped(Reason.INVALID_SPEC, str(error), _sync(situation), camera.camera_id))
    if not spec.active:
        verdict = stopped(Reason.INACTIVE, "", _sync(situation), camera.camera_id)
        return _settle(situation, verdict, remove=_removals(situation.children))
    strays = _strays(situation)
    if strays:
        # Objects of a former camera of this name: gone first, or they would be adopted while being collected.
        return _settle(situation, _waiting(situation), remove=strays)
    return _decide_watched(situation, spec)


def removals_without_camera(children: Children) -> tuple[Removal, ...]:
    """What to delete when the camera is gone; the garbage collector would do it too, but later."""
    return _removals(children)


def _decide_watched(situation: Situation, spec: CameraSpec) -> Decision:
    chosen = choose_class(spec.detector_class_name, situation.classes)
    if isinstance(chosen, NoClass):
        return _settle(
            situation, stopped(chosen.reason, chosen.details, _sync(situation), situation.camera.camera_id)
        )
    chosen = with_fallback(chosen, situation.camera, situation.classes, situation.now)
    camera_id = situation.camera.camera_id
    if camera_id is None:
        return _settle(situation, stopped(Reason.NOT_REGISTERED, situation.api.problem, _sync(situation), None))
    secrets = _secrets(situation)
    if secrets is None:
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
    decision = _settle(situation, _observe(situation, chosen, camera_id), apply=_changes(plan, situation.children))
    status = situation.camera.status if decision.status is None else decision.status
    return replace(decision, look_again_seconds=seconds_to_fallback(chosen, status, situation.now))


def _observe(situation: Situation, chosen: ChosenClass, camera_id: int) -> Verdict:
    pod = newest(situation.children.pods)
    report = heard(situation.api.health)
    return watched(
        joined(classify(pod, chosen.spec.gpu), report),
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
    status = render_status(verdict, previous=previous, generation=situation.camera.meta.generation, now=situation.now)
    return Decision(verdict, None if status == previous else status, apply, remove)


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


def _is_covered(existing: Workload, manifest: Manifest) -> bool:
    content = {name: value for name, value in manifest.items() if name not in {"apiVersion", "kind"}}
    return covers(existing.content, content)


def _secrets(situation: Situation) -> DetectorSecrets | None:
    """Token and credentials, or None where a token must be issued first.

    While the API is away, what the Secret holds stays as it is: nothing is restarted for want of an answer.
    """
    held = secret_values(situation.children.secret) if situation.children.secret else {}
    token = situation.api.issued_token or held.get(TOKEN_KEY, "")
    if not token:
        return None
    if situation.api.configuration is None:
        return DetectorSecrets(token, held.get(USERNAME_KEY, ""), held.get(PASSWORD_KEY, ""))
    _, credentials = split_credentials(situation.api.configuration.rtsp_url.get_secret_value())
    if credentials is None:
        return DetectorSecrets(token)
    return DetectorSecrets(token, credentials.username, credentials.password)


def _sync(situation: Situation) -> Any:
    if situation.api.problem:
        return synced(Reason.BACKEND_UNREACHABLE, situation.api.problem)
    if situation.camera.camera_id is None:
        return synced(Reason.NOT_REGISTERED)
    return synced(Reason.SYNCED)


def _waiting(situation: Situation) -> Verdict:
    verdict = stopped(Reason.STARTING, "", _sync(situation), situation.camera.camera_id)
    return Verdict(CameraPhase.PENDING, verdict.conditions, verdict.camera_id)


def _strays(situation: Situation) -> tuple[Removal, ...]:
    """Children whose owner is another object than this camera, though of its name."""
    uid = situation.camera.meta.uid
    return tuple(
        removal
        for removal, (_, workload) in zip(_removals(situation.children), situation.children.owned(), strict=True)
        if workload.meta.owner_uid not in {uid, ""}
    )


def _removals(children: Children) -> tuple[Removal, ...]:
    return tuple(
        Removal(kind, workload.key.namespace, workload.key.name, workload.meta.uid)
        for kind, workload in children.owned()
    )
