"""Decide what one camera needs: an ordered chain of steps over everything that is known about it.

`decide` asks the steps of `CHAIN` in order. The first step that returns a decision wins; a step that returns None has
no objection. A step may rely on the steps before it, so their order matters. All steps are pure. `decide` converges:
once its decision is carried out, it returns `Settle` with nothing left to do.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from vigil_contracts.names import CameraPhase, Reason
from vigil_operator.core.admission import claim_text, pod_refusal, refused_state, seconds_to_claim_refusal
from vigil_operator.core.changes import changed_manifests
from vigil_operator.core.classes import ChosenClass, NoClass, choose_class
from vigil_operator.core.decision import Claim, Decision, Register, Removal, RequestToken, Settle
from vigil_operator.core.desired.plan import DetectorPlan, DetectorSecrets, Manifest
from vigil_operator.core.devices import CPU
from vigil_operator.core.fallback import seconds_to_fallback
from vigil_operator.core.observed import Pod
from vigil_operator.core.pods import PodState, classify, newest
from vigil_operator.core.registration import is_claimed, is_registered
from vigil_operator.core.rollout import is_roll
from vigil_operator.core.shadow_choice import shadow_of
from vigil_operator.core.situation import Case, Situation
from vigil_operator.core.specs import InvalidSpecError
from vigil_operator.core.status import Verdict, ready_of, refused, render_status, stopped, watched
from vigil_operator.core.streams import heartbeat_report, inference_status, stream_status, with_heartbeat
from vigil_operator.core.totals import alerts_status

REFUSED_AGAIN_SECONDS = 60.0
"""A refusal by the API may be resolved there, for example by creating the missing owner."""

POLICIES_NOT_APPLIED = frozenset(
    {Reason.INVALID_SPEC, Reason.DETECTOR_REFUSED, Reason.DETECTOR_CLASS_NOT_FOUND, Reason.NOT_REGISTERED}
)
"""With these reasons the camera has its former values, or none."""

DELIVERED_AGAIN_SECONDS = 30.0
"""A camera that could sleep stays awake until its detector has delivered all alerts; checked this often."""

Step = Callable[[Case], Decision | None]


def reject_invalid_spec(case: Case) -> Decision | None:
    """Report a spec that cannot run. Existing objects stay: a typo in an edit must not stop a running detector."""
    try:
        # Reading both properties is the check: they raise if the spec or the Secret that it names is invalid.
        _ = case.spec, case.registration
    except InvalidSpecError as error:
        return _settle(case, _stopped(case, Reason.INVALID_SPEC, str(error)))
    return None


def report_refused_registration(case: Case) -> Decision | None:
    """Report a registration that the API refuses for good; a temporary refusal changes nothing for the detector."""
    if not (_must_register(case) and case.api.is_refused_for_good):
        return None
    settled = _settle(case, _stopped(case, Reason.INVALID_SPEC, case.api.refusal))
    return _retry_after(settled, REFUSED_AGAIN_SECONDS)


def report_refused_writes(case: Case) -> Decision | None:
    """Report that the API server keeps refusing what the camera needs. Existing objects stay."""
    details = case.situation.refused
    if not details:
        return None
    if isinstance(case.detector_class, NoClass) or case.camera_id is None or not case.spec.active:
        return _settle(case, _stopped(case, Reason.DETECTOR_REFUSED, details))
    return _settle(case, refused(_observe(case, case.detector_class, case.camera_id), details))


def claim_resource(case: Case) -> Decision | None:
    """Add our finalizer to a kubectl camera before it gets a row, so that the row never outlives the resource."""
    if not _must_register(case) or case.api.refusal or is_claimed(case.camera):
        return None
    return Claim()


def register_resource(case: Case) -> Decision | None:
    """Register a kubectl camera in the API, or update its row after an edit."""
    if case.registration is None or not _must_register(case) or case.api.refusal:
        return None
    return Register(case.registration)


def stop_inactive_camera(case: Case) -> Decision | None:
    """Remove the detector of a camera that is switched off."""
    if case.spec.active:
        return None
    return _settle(case, _stopped(case, Reason.INACTIVE), remove=case.children.removals())


def remove_objects_of_former_camera(case: Case) -> Decision | None:
    """Remove objects whose owner is a deleted camera of the same name.

    This comes before anything is applied: otherwise we would adopt objects that are being garbage-collected.
    """
    owners = {case.camera.meta.uid, ""}
    strays = tuple(
        removal
        for removal, (_, existing) in zip(case.children.removals(), case.children.owned(), strict=True)
        if existing.meta.owner_uid not in owners
    )
    return _settle(case, _pending(case), remove=strays) if strays else None


def require_detector_class(case: Case) -> Decision | None:
    """Report a class that is missing or invalid. Existing objects stay."""
    found = case.detector_class
    if isinstance(found, NoClass):
        return _settle(case, _stopped(case, found.reason, found.details))
    return None


def require_camera_id(case: Case) -> Decision | None:
    """Wait for the camera's row: without an id no detector can report for it."""
    if case.camera_id is not None:
        return None
    return _settle(case, _stopped(case, Reason.NOT_REGISTERED, case.api.refusal or case.api.problem))


def require_row_before_token(case: Case) -> Decision | None:
    """Wait for the API's own answer before requesting a token: the id in a status may belong to another camera."""
    if case.secrets is not None or case.camera.managed_by_backend or case.api.row is not None:
        return None
    return _settle(case, _stopped(case, Reason.NOT_REGISTERED))


def let_camera_sleep(case: Case) -> Decision | None:
    """Remove the Deployment of a camera whose schedule stays disarmed, so that its GPU is free.

    Its Secret and its spool stay, so that it wakes up quickly and without the API.
    """
    sleep = case.sleep
    if sleep is None or (_may_hold_alerts(case) and case.children.deployment is not None):
        return None
    verdict = replace(
        _stopped(case, Reason.ASLEEP, sleep.details),
        class_name=sleep.class_name,
        wake_time=sleep.wake_time,
        arm_time=sleep.arm_time,
    )
    remove = tuple(removal for removal in case.children.removals() if removal.kind == "Deployment")
    settled = _settle(case, verdict, remove=remove)
    return _retry_after(settled, (sleep.wake_time - case.situation.now).total_seconds())


def request_token(case: Case) -> Decision | None:
    """Request the detector's token before its objects are created."""
    if case.secrets is not None or case.camera_id is None:
        return None
    return RequestToken(case.camera_id)


CHAIN: tuple[Step, ...] = (
    # What the user must correct, before anything is written.
    reject_invalid_spec,
    report_refused_registration,
    # What an administrator must correct. The caller states it only after the writes have failed.
    report_refused_writes,
    # A kubectl camera needs its row in the API, whether it is active or not.
    claim_resource,
    register_resource,
    # What must be deleted.
    stop_inactive_camera,
    remove_objects_of_former_camera,
    # What a detector needs before it can run.
    require_detector_class,
    require_camera_id,
    let_camera_sleep,
    require_row_before_token,
    request_token,
)
"""The steps before `run_detector`, in order."""


def decide(situation: Situation) -> Decision:
    """Return what the camera needs now: the decision of the first step that has one, else to run its detector."""
    case = Case(situation)
    for step in CHAIN:
        decision = step(case)
        if decision is not None:
            return decision
    return run_detector(case)


def run_detector(case: Case) -> Settle:
    """Bring the detector's objects to the desired state and report how the detector is.

    Raises `ValueError` if a step of `CHAIN` was left out.
    """
    chosen, camera_id, secrets = case.detector_class, case.camera_id, case.secrets
    if isinstance(chosen, NoClass) or camera_id is None or secrets is None:
        raise ValueError("the class, the id and the token of a camera must be known before its detector can run")
    plan = _detector_plan(case, chosen, camera_id, secrets)
    changes = changed_manifests(plan, case.children)
    roll = next((manifest for manifest in changes if _must_wait_for_turn(case, manifest)), None)
    apply = tuple(manifest for manifest in changes if manifest is not roll)
    settled = replace(_settle(case, _observe(case, chosen, camera_id), apply=apply), roll=roll)
    status = case.camera.status if settled.status is None else settled.status
    settled = _retry_after(settled, seconds_to_fallback(chosen, status, case.situation.now))
    if case.sleep is not None:
        settled = _retry_after(settled, DELIVERED_AGAIN_SECONDS)
    # No event ends the wait for a claim; once it is reported, there is nothing to wait for.
    claim_seconds = seconds_to_claim_refusal(newest(case.children.pods), status, case.situation.now)
    return _retry_after(settled, claim_seconds or None)


def _may_hold_alerts(case: Case) -> bool:
    """Return whether the detector may have alerts that it could not deliver yet."""
    report = case.api.health
    return bool(case.api.problem) or (report is not None and report.spooled_alerts > 0)


def _must_register(case: Case) -> bool:
    """Return whether the resource is not claimed yet or its current content not registered in the API."""
    registration = case.registration
    if registration is None:
        return False
    return not (is_registered(case.api.row, registration) and is_claimed(case.camera))


def _detector_plan(case: Case, chosen: ChosenClass, camera_id: int, secrets: DetectorSecrets) -> DetectorPlan:
    return DetectorPlan(
        camera=case.camera.key,
        camera_uid=case.camera.meta.uid,
        camera_id=camera_id,
        spec=case.spec,
        class_name=chosen.name,
        detector_class=chosen.spec,
        secrets=secrets,
        settings=case.situation.settings,
        shadow=shadow_of(chosen.spec, chosen.rollout, case.camera.meta.uid, case.spec.detection),
    )


def _must_wait_for_turn(case: Case, manifest: Manifest) -> bool:
    deployment = case.children.deployment
    return deployment is not None and manifest["kind"] == "Deployment" and is_roll(deployment.content, manifest)


def _observe(case: Case, chosen: ChosenClass, camera_id: int) -> Verdict:
    pod = newest(case.children.pods)
    report = heartbeat_report(case.api.health)
    state = with_heartbeat(_pod_state(case, pod, chosen), report)
    requested = choose_class(case.spec.detector_class_name, case.situation.classes)
    fallback_of = "" if isinstance(requested, NoClass) or requested.name == chosen.name else requested.name
    if fallback_of and state.scheduled:
        details = f"{state.scheduled_details} This class is the fallback of {fallback_of}, which had no usable GPU."
        state = replace(state, scheduled_details=details.strip())
    inference = inference_status(report, case.camera.status.get("detector") or {})
    return watched(
        state,
        case.sync,
        camera_id=camera_id,
        class_name=chosen.name,
        pod=pod.key.name if pod else "",
        node=pod.node if pod else "",
        stream=stream_status(report, case.camera.status.get("stream") or {}),
        inference=inference,
        fallback_of=fallback_of,
        gpu_unused=_is_gpu_unused(requested, chosen, inference.get("device", "")),
    )


def _pod_state(case: Case, pod: Pod | None, chosen: ChosenClass) -> PodState:
    if details := pod_refusal(case.children.deployment, pod):
        return refused_state(details)
    if pod is not None and seconds_to_claim_refusal(pod, case.camera.status, case.situation.now) == 0:
        return refused_state(claim_text(pod))
    return classify(pod, chosen.spec.gpu, chosen.name)


def _is_gpu_unused(requested: ChosenClass | NoClass, chosen: ChosenClass, device: str) -> bool:
    """Return whether the class that the camera names requests a GPU, but the model runs without one."""
    if isinstance(requested, NoClass) or requested.spec.gpu is None or requested.spec.hardware.device == CPU:
        return False
    return device == CPU or (chosen.name != requested.name and chosen.spec.gpu is None)


def _stopped(case: Case, reason: Reason, details: str = "") -> Verdict:
    return stopped(reason, details, case.sync, case.camera_id)


def _pending(case: Case) -> Verdict:
    return replace(_stopped(case, Reason.STARTING), phase=CameraPhase.PENDING)


def _settle(
    case: Case, verdict: Verdict, *, apply: tuple[Manifest, ...] = (), remove: tuple[Removal, ...] = ()
) -> Settle:
    previous, now = case.camera.status, case.situation.now
    alerts, again_seconds = alerts_status(case.api.alerts, previous.get("alerts") or {}, now)
    verdict = replace(verdict, alerts=alerts, policies=_policies_in_use(case, verdict))
    status = render_status(verdict, previous=previous, generation=case.camera.meta.generation, now=now)
    return Settle(verdict, None if status == previous else status, apply, remove, look_again_seconds=again_seconds)


def _policies_in_use(case: Case, verdict: Verdict) -> tuple[Mapping[str, Any], ...]:
    """Return `status.policies`: the versions whose values the API and the detector have; until then, the former ones.

    The rollout of a policy counts a camera as updated by this.
    """
    if ready_of(verdict).reason in POLICIES_NOT_APPLIED or _must_register(case):
        return tuple(case.camera.status.get("policies") or ())
    return tuple(
        {"name": name, "generation": case.merged.generations[name], "fields": list(fields)}
        for name, fields in case.merged.fields.items()
    )


def _retry_after(settled: Settle, seconds: float | None) -> Settle:
    """Return `settled`, due again after `seconds` if that is sooner."""
    due = [found for found in (settled.look_again_seconds, seconds) if found is not None]
    return replace(settled, look_again_seconds=min(due, default=None))
