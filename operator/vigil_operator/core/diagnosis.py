"""Why does this camera give no alerts? One answer for each step of the way from the API's row to the last frame."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from vigil_contracts.camera import CameraSummary
from vigil_contracts.clusters import ClusterQuery
from vigil_contracts.health import InferenceHealth
from vigil_contracts.names import REASON_TEXTS, CameraPhase, Reason
from vigil_contracts.time_zones import TIME_ZONE_DATABASE_VERSION
from vigil_operator.core.classes import ChosenClass, NoClass, choose_class
from vigil_operator.core.conditions import reason_text
from vigil_operator.core.fallback import with_fallback
from vigil_operator.core.names import LABEL_CAMERA, MANAGED_BY_BACKEND
from vigil_operator.core.observed import Camera, DetectorClass, Key
from vigil_operator.core.pods import classify, newest
from vigil_operator.core.policy_merge import PolicyRevision, merge, parse_merged_spec
from vigil_operator.core.situation import Children
from vigil_operator.core.sleep import is_asleep
from vigil_operator.core.specs import CameraSpec, InvalidSpecError

LEASE_SILENCE = timedelta(minutes=1)
"""The active replica renews its Lease every 2 s; this leaves room for clocks that differ."""


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
    cluster: ClusterQuery
    """For which cluster the operator asks the API."""
    lease_holder: str
    lease_renewed_at: datetime | None
    now: datetime
    policies: tuple[PolicyRevision, ...] = ()
    """The policies of the camera's namespace, in the version that the camera has."""


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """All steps, and the first that is not right in one sentence."""

    camera: str
    verdict: str
    steps: tuple[Step, ...]

    def to_json(self) -> dict[str, Any]:
        """For programs."""
        steps = [{"step": step.name, "state": step.state.value, "text": step.text} for step in self.steps]
        return {
            "camera": self.camera,
            "verdict": self.verdict,
            "steps": steps,
            "time_zone_database": TIME_ZONE_DATABASE_VERSION,
        }


def diagnose(facts: Facts) -> Diagnosis:
    """Return the diagnosis. Steps after a failed one are included, since they may show the cause."""
    steps = [_operator(facts), _row(facts), *_cluster(facts), _resource(facts)]
    if facts.camera is not None:
        steps += [_spec(facts, facts.camera), _class(facts, facts.camera), _secret(facts), *_pod(facts, facts.camera)]
    steps.append(_heartbeat(facts))
    if facts.row is not None and facts.camera is not None:
        steps.append(_alerts(facts, facts.row, facts.camera))
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
    nobody = "No replica is active. Start the operator; see its log."
    if not facts.lease_holder:
        return Step("Operator", StepState.FAILED, nobody)
    silent = facts.now - (facts.lease_renewed_at or facts.now)
    if silent > LEASE_SILENCE:
        last = f"{facts.lease_holder} was the last one and has not been heard of for {_duration(silent)}."
        return Step("Operator", StepState.FAILED, f"{nobody} {last}")
    return Step("Operator", StepState.OK, f"{facts.lease_holder} is the active replica.")


def _row(facts: Facts) -> Step:
    if facts.row is not None:
        if facts.row.is_active:
            return Step("API", StepState.OK, f"Camera {facts.row.id} is active.")
        return Step(
            "API", StepState.FAILED, f"Camera {facts.row.id} is switched off. {REASON_TEXTS[Reason.INACTIVE]}"
        )
    if facts.row_problem:
        return Step("API", StepState.UNKNOWN, facts.row_problem)
    # The operator's own word, where it has one: of a camera of kubectl it says what the API did not take.
    synced = _condition(facts.camera, "Synced")
    why = f" {synced.get('message', '')}" if synced.get("status") == "False" else ""
    return Step("API", StepState.FAILED, f"The API knows no such camera.{why}")


def _cluster(facts: Facts) -> list[Step]:
    """Compare the camera's cluster with the operator's; nothing if the API does not state it."""
    row = facts.row
    if row is None or not row.is_active or row.managed_by != MANAGED_BY_BACKEND or not _states_cluster(row):
        return []
    ours = facts.cluster.cluster or facts.cluster.identity
    if row.cluster and row.cluster != facts.cluster.cluster:
        text = f"The camera is assigned to cluster {row.cluster}, and this is {ours}. Diagnose it there, or move it."
        return [Step("Cluster", StepState.FAILED, text)]
    if row.watched_by is None:
        text = "No cluster has taken the camera yet. An operator asks for its cameras every few seconds."
        return [Step("Cluster", StepState.WAITING, text)]
    if row.watched_by == ours:
        return [Step("Cluster", StepState.OK, f"This cluster ({ours}) watches the camera.")]
    if row.cluster:
        text = f"Cluster {row.watched_by} has not yet removed its detector; then this cluster ({ours}) starts one."
        return [Step("Cluster", StepState.WAITING, text)]
    text = f"Cluster {row.watched_by} watches the camera, and this is {ours}. Diagnose it there, or move it."
    return [Step("Cluster", StepState.FAILED, text)]


def _states_cluster(row: CameraSummary) -> bool:
    """Return whether the API is of a version that knows clusters."""
    return "watched_by" in row.model_fields_set


def _resource(facts: Facts) -> Step:
    if facts.camera is None:
        return Step(
            "Resource", StepState.FAILED, "There is no Camera resource. The operator makes one within seconds."
        )
    owner = "the API" if facts.camera.managed_by_backend else "kubectl"
    return Step("Resource", StepState.OK, f"Camera {facts.camera.key}, owned by {owner}.")


def _spec(facts: Facts, camera: Camera) -> Step:
    spec = _parse(camera, facts.policies)
    if isinstance(spec, InvalidSpecError):
        return Step("Spec", StepState.FAILED, str(spec))
    if not spec.active:
        return Step("Spec", StepState.FAILED, f"spec.active is false. {REASON_TEXTS[Reason.INACTIVE]}")
    return Step("Spec", StepState.OK, f"{spec.stream.url} over {spec.stream.transport.value}.")


def _class(facts: Facts, camera: Camera) -> Step:
    wanted, used = _classes(facts, camera)
    if isinstance(used, NoClass):
        return Step("Class", StepState.FAILED, f"{REASON_TEXTS[used.reason]} {used.details}".strip())
    gpu = used.spec.gpu
    asked = "no GPU" if gpu is None else f"{gpu.count} x {gpu.resource_name or gpu.resource_claim_template_name}"
    instead = "" if wanted == used.name else f" It is the fallback of {wanted}, which found no usable GPU."
    return Step("Class", StepState.OK, f"{used.name}: {used.spec.runtime}, {asked}.{instead}")


def _classes(facts: Facts, camera: Camera) -> tuple[str, ChosenClass | NoClass]:
    """Return the name of the requested class, and of the one in use, which may be its fallback."""
    spec = _parse(camera, facts.policies)
    chosen = choose_class("" if isinstance(spec, InvalidSpecError) else spec.detector_class_name, facts.classes)
    if isinstance(chosen, NoClass):
        return "", chosen
    return chosen.name, with_fallback(chosen, camera, facts.classes, facts.now)


def _secret(facts: Facts) -> Step:
    if facts.children.secret is None:
        return Step("Token", StepState.WAITING, "The detector has no Secret yet: the API has issued no token.")
    return Step("Token", StepState.OK, f"In Secret {facts.children.secret.key.name}.")


def _pod(facts: Facts, camera: Camera) -> list[Step]:
    if is_asleep(camera.status):
        return [Step("Detector", StepState.WAITING, _condition(camera, "Ready").get("message", ""))]
    if facts.children.deployment is None:
        return [Step("Detector", StepState.WAITING, "There is no Deployment yet.")]
    pod = newest(facts.children.pods)
    if pod is None:
        where = f"-n {camera.key.namespace} -l {LABEL_CAMERA}={camera.key.name}"
        text = f"The Deployment has no pod: `kubectl describe deployment,replicaset {where}` says why."
        return [Step("Detector", StepState.WAITING, text)]
    _, used = _classes(facts, camera)
    state = classify(pod, *((None, "") if isinstance(used, NoClass) else (used.spec.gpu, used.name)))
    states = {True: StepState.OK, False: StepState.FAILED, None: StepState.WAITING}
    text = f"{REASON_TEXTS[state.scheduled_reason]} {state.scheduled_details}".strip()
    scheduled = Step("Scheduling", states[state.scheduled], text)
    if not state.scheduled:
        return [scheduled]
    text = f"{pod.key.name}, {pod.container.restarts} restarts. "
    text += reason_text(state.running_reason, state.running_details)
    return [scheduled, Step("Detector", states[state.running], text)]


def _heartbeat(facts: Facts) -> Step:
    if facts.row is None:
        return Step("Stream", StepState.UNKNOWN, "The API tells nothing about it.")
    health = facts.row.health
    if health.reported_at is None:
        return Step("Stream", StepState.WAITING, "The detector has not reported yet.")
    age = _duration(facts.now - health.reported_at)
    stream = health.stream
    seen = (
        f"{stream.width}x{stream.height} {stream.codec} at {stream.frames_per_second} frames/s"
        if stream.width
        else ""
    )
    last = f"last frame {stream.last_frame_time:%Y-%m-%d %H:%M:%S} UTC" if stream.last_frame_time else ""
    said = (f"{health.message} Last report {age} ago", seen, last, _inference(health.inference))
    text = ", ".join(part for part in said if part)
    states = {
        CameraPhase.STREAMING: StepState.OK,
        CameraPhase.STARTING: StepState.WAITING,
        CameraPhase.ASLEEP: StepState.WAITING,
    }
    return Step("Stream", states.get(health.phase, StepState.FAILED), f"{text}.")


def _inference(said: InferenceHealth) -> str:
    """Describe what the detector uses; empty until it has reported it."""
    if not said.device:
        return ""
    model = f"{said.model} on {said.device} ({said.runtime}, {said.precision})"
    return f"{model}, decoded by {said.decoder}" if said.decoder else model


def _alerts(facts: Facts, row: CameraSummary, camera: Camera) -> Step:
    """Return the number of alerts and what creates one: a working camera may have none."""
    last = row.alerts.last_alert_time
    counted = "None so far." if last is None else f"{row.alerts.total}, the last at {last:%Y-%m-%d %H:%M:%S} UTC."
    spec = _parse(camera, facts.policies)
    if isinstance(spec, InvalidSpecError):
        return Step("Alerts", StepState.OK, counted)
    detection = spec.detection
    wanted = ", ".join(detection.classes) or "everything that the model knows"
    armed = (
        f"by its schedule in {detection.schedule.time_zone} (time zone database {TIME_ZONE_DATABASE_VERSION})"
        if detection.schedule is not None
        else "always"
    )
    makes = f"Looks for {wanted} from a confidence of {detection.minimum_confidence:g}, armed {armed}."
    return Step("Alerts", StepState.OK, f"{counted} {makes}")


def _condition(camera: Camera | None, kind: str) -> Mapping[str, Any]:
    """Return a condition of the status; empty if it does not exist."""
    written = (camera.status.get("conditions") or ()) if camera is not None else ()
    return next((condition for condition in written if condition.get("type") == kind), {})


def _duration(length: timedelta) -> str:
    seconds = max(0, round(length.total_seconds()))
    return f"{seconds} s" if seconds < 120 else str(timedelta(seconds=seconds))


def _parse(camera: Camera, policies: tuple[PolicyRevision, ...]) -> CameraSpec | InvalidSpecError:
    try:
        policies = () if camera.managed_by_backend else policies
        merged = merge(camera.spec, camera.meta.labels, policies)
        return parse_merged_spec(camera.key.name, merged)
    except InvalidSpecError as error:
        return error
