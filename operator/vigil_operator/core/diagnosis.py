"""Why does this camera give no alerts? One answer for each step of the way from the API's row to the last frame."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from vigil_contracts.camera import CameraSummary
from vigil_contracts.names import REASON_TEXTS, CameraPhase, Reason
from vigil_operator.core.classes import NoClass, choose_class
from vigil_operator.core.observed import Camera, DetectorClass, Key
from vigil_operator.core.pods import classify, newest
from vigil_operator.core.reconcile import Children
from vigil_operator.core.specs import CameraSpec, InvalidSpecError, parse_camera_spec


class StepState(StrEnum):
    """How a step stands."""

    OK = "ok"
    WAITING = "waiting"
    FAILED = "failed"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Step:
    """One step, and what was found there."""

    name: str
    state: StepState
    text: str


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything that was found about one camera. `row` None with `row_problem` empty: the API does not know it."""

    wanted: str
    camera: Camera | None
    children: Children
    classes: Mapping[str, DetectorClass]
    row: CameraSummary | None
    row_problem: str
    lease_holder: str
    now: datetime


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """All steps, and the first that is not right in one sentence."""

    camera: str
    verdict: str
    steps: tuple[Step, ...]

    def to_json(self) -> dict[str, Any]:
        """For programs."""
        steps = [{"step": step.name, "state": step.state.value, "text": step.text} for step in self.steps]
        return {"camera": self.camera, "verdict": self.verdict, "steps": steps}


def diagnose(facts: Facts) -> Diagnosis:
    """The diagnosis; later steps are given although an earlier one failed, since they may tell why."""
    steps = [_operator(facts), _row(facts), _resource(facts)]
    if facts.camera is not None:
        steps += [_spec(facts.camera), _class(facts, facts.camera), _secret(facts), *_pod(facts, facts.camera)]
    steps.append(_heartbeat(facts))
    wrong = next((step for step in steps if step.state is not StepState.OK), None)
    verdict = (
        "Nothing is wrong: pictures arrive and are analysed." if wrong is None else f"{wrong.name}: {wrong.text}"
    )
    return Diagnosis(facts.wanted, verdict, tuple(steps))


def find_camera(wanted: str, cameras: Mapping[Key, Camera]) -> Camera | None:
    """By the resource's name, else by the API's id."""
    by_name = [camera for key, camera in cameras.items() if key.name == wanted]
    by_id = [camera for camera in cameras.values() if wanted.isdigit() and camera.camera_id == int(wanted)]
    return next(iter(by_name + by_id), None)


def _operator(facts: Facts) -> Step:
    if facts.lease_holder:
        return Step("Operator", StepState.OK, f"{facts.lease_holder} is the active replica.")
    return Step("Operator", StepState.FAILED, "No replica is active. Start the operator; see its log.")


def _row(facts: Facts) -> Step:
    if facts.row is not None:
        if facts.row.is_active:
            return Step("API", StepState.OK, f"Camera {facts.row.id} is active.")
        return Step(
            "API", StepState.FAILED, f"Camera {facts.row.id} is switched off. {REASON_TEXTS[Reason.INACTIVE]}"
        )
    if facts.row_problem:
        return Step("API", StepState.UNKNOWN, facts.row_problem)
    return Step("API", StepState.FAILED, "The API knows no such camera.")


def _resource(facts: Facts) -> Step:
    if facts.camera is None:
        return Step(
            "Resource", StepState.FAILED, "There is no Camera resource. The operator makes one within seconds."
        )
    owner = "the API" if facts.camera.managed_by_backend else "kubectl"
    return Step("Resource", StepState.OK, f"Camera {facts.camera.key}, owned by {owner}.")


def _spec(camera: Camera) -> Step:
    spec = _parsed(camera)
    if isinstance(spec, InvalidSpecError):
        return Step("Spec", StepState.FAILED, str(spec))
    if not spec.active:
        return Step("Spec", StepState.FAILED, f"spec.active is false. {REASON_TEXTS[Reason.INACTIVE]}")
    return Step("Spec", StepState.OK, f"{spec.stream.url} over {spec.stream.transport.value}.")


def _class(facts: Facts, camera: Camera) -> Step:
    spec = _parsed(camera)
    wanted = "" if isinstance(spec, InvalidSpecError) else spec.detector_class_name
    chosen = choose_class(wanted, facts.classes)
    if isinstance(chosen, NoClass):
        return Step("Class", StepState.FAILED, f"{REASON_TEXTS[chosen.reason]} {chosen.details}")
    gpu = chosen.spec.gpu
    asked = "no GPU" if gpu is None else f"{gpu.count} x {gpu.resource_name or gpu.resource_claim_template_name}"
    return Step("Class", StepState.OK, f"{chosen.name}: {chosen.spec.runtime}, {asked}.")


def _secret(facts: Facts) -> Step:
    if facts.children.secret is None:
        return Step("Token", StepState.WAITING, "The detector has no Secret yet: the API has issued no token.")
    return Step("Token", StepState.OK, f"In Secret {facts.children.secret.key.name}.")


def _pod(facts: Facts, camera: Camera) -> list[Step]:
    if facts.children.deployment is None:
        return [Step("Detector", StepState.WAITING, "There is no Deployment yet.")]
    spec = _parsed(camera)
    chosen = choose_class("" if isinstance(spec, InvalidSpecError) else spec.detector_class_name, facts.classes)
    pod = newest(facts.children.pods)
    if pod is None:
        return [Step("Detector", StepState.WAITING, "The Deployment has no pod: see `kubectl describe` of it.")]
    state = classify(pod, None if isinstance(chosen, NoClass) else chosen.spec.gpu)
    scheduled = Step(
        "Scheduling",
        StepState.OK if state.scheduled else StepState.FAILED,
        f"{REASON_TEXTS[state.scheduled_reason]} {state.scheduled_details}".strip(),
    )
    if not state.scheduled:
        return [scheduled]
    states = {True: StepState.OK, False: StepState.FAILED, None: StepState.WAITING}
    text = f"{pod.key.name}, {pod.container.restarts} restarts. {REASON_TEXTS[state.running_reason]}"
    return [scheduled, Step("Detector", states[state.running], f"{text} {state.running_details}".strip())]


def _heartbeat(facts: Facts) -> Step:
    if facts.row is None:
        return Step("Stream", StepState.UNKNOWN, "The API tells nothing about it.")
    health = facts.row.health
    if health.reported_at is None:
        return Step("Stream", StepState.WAITING, "The detector has not reported yet.")
    age = max(0, round((facts.now - health.reported_at).total_seconds()))
    stream = health.stream
    seen = (
        f"{stream.width}x{stream.height} {stream.codec} at {stream.frames_per_second} frames/s"
        if stream.width
        else ""
    )
    last = f"last frame {stream.last_frame_time:%Y-%m-%d %H:%M:%S} UTC" if stream.last_frame_time else ""
    text = ", ".join(part for part in (f"{health.message} Reported {age} s ago", seen, last) if part)
    states = {CameraPhase.STREAMING: StepState.OK, CameraPhase.STARTING: StepState.WAITING}
    return Step("Stream", states.get(health.phase, StepState.FAILED), f"{text}.")


def _parsed(camera: Camera) -> CameraSpec | InvalidSpecError:
    try:
        return parse_camera_spec(camera.key.name, camera.spec)
    except InvalidSpecError as error:
        return error
