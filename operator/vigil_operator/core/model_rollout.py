"""Decide about the trial of a new model: go on, hold, promote or abort.

`next_status` is a pure function of the class's `spec.rollout`, its former `status.rollout`, a request of a person,
and what the detectors report. Applied again to its own result with the same facts, it changes nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

from vigil_contracts.names import DEFAULT_MODEL, Reason
from vigil_contracts.shadow import ShadowCounts
from vigil_operator.core.conditions import rfc3339
from vigil_operator.core.observed import Camera
from vigil_operator.core.rollout_state import RolloutPhase
from vigil_operator.core.shadow_choice import hash_limit
from vigil_operator.core.specs import DetectorClassSpec, RolloutSpec, RolloutThresholds

MAX_SKIPPED_PERCENT = 20.0
"""A shadow that skips more frames is too slow on this hardware for a fair comparison."""

COUNT_AGAIN = timedelta(seconds=30)
"""The counts in the status are renewed this often, unless the phase changes."""

CAUSED_BY_MODELS = frozenset({Reason.DETECTOR_CRASHING, Reason.MODEL_INVALID, Reason.DEVICE_UNAVAILABLE})
"""Reasons of a camera that a second or a new model can cause, by its memory or its file."""


@dataclass(frozen=True, slots=True)
class Request:
    """What a person asked for: `promote` or `abort`, of one trial. `time` tells requests apart."""

    action: str = ""
    trial: str = ""
    time: str = ""


@dataclass(frozen=True, slots=True)
class RolloutFacts:
    """What is known of a class's cameras."""

    camera_uids: Sequence[str] = ()
    """All cameras of the class."""
    shadows: int = 0
    """Detectors that run the new model in shadow."""
    comparing: int = 0
    """Those that report it."""
    failures: tuple[str, ...] = ()
    """Why it failed, by those where it has."""
    counts: ShadowCounts = field(default_factory=ShadowCounts)
    detectors: int = 0
    updated: int = 0
    """Detectors that run with the promoted model."""
    broken: str = ""
    """A camera that has a problem since `since` for which the new model can be the cause."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """A phase and why."""

    phase: RolloutPhase
    reason: str
    message: str


def next_status(
    class_uid: str,
    spec: DetectorClassSpec,
    former: Mapping[str, Any],
    request: Request,
    facts: RolloutFacts,
    now: datetime,
) -> dict[str, Any] | None:
    """Return the class's new `status.rollout`; None if the spec has no rollout. `former`: the one that it has."""
    rollout = spec.rollout
    if rollout is None:
        return None
    if not is_same_trial(spec, former):
        return _begin(class_uid, spec, rollout, facts, now)
    status = dict(former)
    if status.get("cameraPercent") != rollout.camera_percent:
        status["cameraPercent"] = rollout.camera_percent
        status["hashLimit"] = hash_limit(status["trial"], facts.camera_uids, rollout.camera_percent)
    end = datetime.fromisoformat(status["startTime"]) + timedelta(seconds=rollout.duration_seconds)
    status["endTime"] = rfc3339(end)
    phase = RolloutPhase(status["phase"])
    measured = measures(facts.counts)
    verdict = _requested(phase, request, status)
    if verdict is not None:
        status["lastRequestTime"] = request.time
    else:
        verdict = _decide(phase, rollout, facts, measured, is_over=now >= end, status=status)
    has_changed = (verdict.phase, verdict.reason) != (status.get("phase"), status.get("reason"))
    if verdict.phase != phase:
        status["transitionTime"] = rfc3339(now)
    if phase in {RolloutPhase.SHADOWING, RolloutPhase.HELD}:
        is_due = now - datetime.fromisoformat(status["countedTime"]) >= COUNT_AGAIN
        if not (has_changed or is_due):
            return status
        status |= _counted(facts, measured, now)
    return status | {"phase": verdict.phase.value, "reason": verdict.reason, "message": verdict.message[:1000]}


def measures(counts: ShadowCounts) -> dict[str, float]:
    """Return what the counts say, by the names of `status.rollout`. What is not known yet is left out."""
    live, shadow = counts.live, counts.shadow
    ratios = {
        "agreementPercent": _percent(counts.agreed, counts.events),
        "missedPercent": _percent(counts.missed, counts.agreed + counts.missed),
        "newPercent": _percent(counts.new, counts.agreed + counts.new),
        "skippedPercent": _percent(counts.skipped_frames, counts.skipped_frames + shadow.frames),
        "latencyRatio": _rounded(counts.latency_ratio),
        "costRatio": _rounded(counts.cost_ratio),
        "liveConfidence": live.median_confidence,
        "shadowConfidence": shadow.median_confidence,
    }
    return {name: value for name, value in ratios.items() if value is not None}


def violations(measured: Mapping[str, float], thresholds: RolloutThresholds) -> list[str]:
    """Return each threshold that is not met, in words."""
    limits = (
        ("agreementPercent", "minAgreementPercent", thresholds.min_agreement_percent, True),
        ("missedPercent", "maxMissedPercent", thresholds.max_missed_percent, False),
        ("newPercent", "maxNewPercent", thresholds.max_new_percent, False),
        ("latencyRatio", "maxLatencyRatio", thresholds.max_latency_ratio, False),
        ("costRatio", "maxCostRatio", thresholds.max_cost_ratio, False),
    )
    return [
        f"{name} is {measured[name]:g} and {limit_name} is {limit:g}"
        for name, limit_name, limit, is_minimum in limits
        if name in measured and (measured[name] < limit if is_minimum else measured[name] > limit)
    ]


def problem_since(camera: Camera, since: datetime) -> str | None:
    """Return a camera's problem that began after `since` and that a model can cause; None without one."""
    if camera.not_ready_reason not in {reason.value for reason in CAUSED_BY_MODELS}:
        return None
    for condition in camera.status.get("conditions") or ():
        began = str(condition.get("lastTransitionTime", ""))
        if condition.get("type") == "Ready" and began and datetime.fromisoformat(began) >= since:
            return f"Camera {camera.key}: {condition.get('reason')}: {condition.get('message', '')}"
    return None


def is_same_trial(spec: DetectorClassSpec, former: Mapping[str, Any]) -> bool:
    """Return whether the status is about the two models that the spec names."""
    rollout = spec.rollout
    if rollout is None or not former.get("trial"):
        return False
    tried = former.get("model"), former.get("modelSHA256", ""), former.get("liveModel")
    return tried == (rollout.model, rollout.model_sha256.lower(), spec.model or DEFAULT_MODEL)


def _begin(
    class_uid: str, spec: DetectorClassSpec, rollout: RolloutSpec, facts: RolloutFacts, now: datetime
) -> dict[str, Any]:
    trial = sha256(f"{class_uid}/{rollout.model}/{rollout.model_sha256}/{now.isoformat()}".encode()).hexdigest()[:12]
    end = now + timedelta(seconds=rollout.duration_seconds)
    status: dict[str, Any] = {
        "trial": trial,
        "model": rollout.model,
        "liveModel": spec.model or DEFAULT_MODEL,
        "cameraPercent": rollout.camera_percent,
        "hashLimit": hash_limit(trial, facts.camera_uids, rollout.camera_percent),
        "startTime": rfc3339(now),
        "endTime": rfc3339(end),
        "transitionTime": rfc3339(now),
        "phase": RolloutPhase.SHADOWING.value,
        "reason": "Comparing",
        "message": "The new model starts in shadow.",
    }
    if rollout.model_sha256:
        status["modelSHA256"] = rollout.model_sha256.lower()
    # The reports that are known now belong to an earlier trial.
    return status | _counted(RolloutFacts(), {}, now)


def _counted(facts: RolloutFacts, measured: Mapping[str, float], now: datetime) -> dict[str, Any]:
    counts = facts.counts
    # Left out if nothing is known: Kubernetes 1.20 stores an empty map as null when one with entries is replaced.
    shown = {"measured": dict(measured)} if measured else {}
    return shown | {
        "countedTime": rfc3339(now),
        "cameras": {"chosen": facts.shadows, "comparing": facts.comparing, "failed": len(facts.failures)},
        "events": {"agreed": counts.agreed, "missed": counts.missed, "new": counts.new},
    }


def _requested(phase: RolloutPhase, request: Request, status: Mapping[str, Any]) -> Verdict | None:
    """Return what a person asked for, once; None without a request that is open."""
    if request.trial != status["trial"] or not request.time or request.time == status.get("lastRequestTime"):
        return None
    if request.action == "abort":
        return Verdict(RolloutPhase.ABORTED, "AbortedByHand", "The trial was aborted by hand.")
    if request.action == "promote" and phase not in {RolloutPhase.PROMOTING, RolloutPhase.PROMOTED}:
        return Verdict(RolloutPhase.PROMOTING, "PromotedByHand", "The new model was promoted by hand.")
    return None


def _decide(
    phase: RolloutPhase,
    rollout: RolloutSpec,
    facts: RolloutFacts,
    measured: Mapping[str, float],
    *,
    is_over: bool,
    status: Mapping[str, Any],
) -> Verdict:
    former = Verdict(phase, str(status.get("reason", "")), str(status.get("message", "")))
    if phase in {RolloutPhase.ABORTED, RolloutPhase.PROMOTED}:
        return former
    if facts.broken:
        text = f"A detector with the new model failed. {facts.broken}"
        return Verdict(RolloutPhase.ABORTED, "DetectorFailed", text)
    if phase is RolloutPhase.PROMOTING:
        if facts.updated < facts.detectors:
            return former
        text = "All detectors of the class use the new model. Set spec.model to it and remove spec.rollout."
        return Verdict(RolloutPhase.PROMOTED, former.reason, text)
    if facts.failures and len(facts.failures) == max(facts.comparing, facts.shadows):
        return Verdict(RolloutPhase.ABORTED, "ShadowFailed", f"The new model ran on no camera. {facts.failures[0]}")
    if not is_over:
        return Verdict(RolloutPhase.SHADOWING, "Comparing", f"The comparison lasts until {status['endTime']}.")
    return _judge(rollout, facts, measured)


def _judge(rollout: RolloutSpec, facts: RolloutFacts, measured: Mapping[str, float]) -> Verdict:
    """Return the verdict at the end of the duration."""
    is_automatic, thresholds = rollout.promotion == "Automatic", rollout.thresholds
    if not facts.shadows and not facts.comparing:
        text = "No camera takes part: the class has no active camera that uses its model."
        return Verdict(RolloutPhase.HELD, "NoCameras", text)
    if facts.failures:
        text = f"The new model failed on {len(facts.failures)} of {facts.comparing} cameras. {facts.failures[0]}"
        return Verdict(RolloutPhase.HELD, "ShadowFailed", text)
    if facts.counts.events < thresholds.min_events:
        text = f"{facts.counts.events} events were compared, and minEvents is {thresholds.min_events}; it goes on."
        return Verdict(RolloutPhase.HELD, "TooFewEvents", text)
    if measured.get("skippedPercent", 0.0) > MAX_SKIPPED_PERCENT:
        text = (
            f"The new model skipped {measured['skippedPercent']:g} % of the frames. It needs more processor time "
            "beside the model in use."
        )
        return Verdict(RolloutPhase.HELD, "ShadowTooSlow", text)
    if found := violations(measured, thresholds):
        text = f"Thresholds are not met: {'; '.join(found)}."
        return Verdict(RolloutPhase.ABORTED if is_automatic else RolloutPhase.HELD, "ThresholdsNotMet", text)
    if is_automatic:
        return Verdict(RolloutPhase.PROMOTING, "ThresholdsMet", "All thresholds are met.")
    return Verdict(RolloutPhase.HELD, "AwaitingApproval", "All thresholds are met. Promote the new model, or abort.")


def _percent(part: int, whole: int) -> float | None:
    return round(100.0 * part / whole, 1) if whole else None


def _rounded(ratio: float | None) -> float | None:
    return round(ratio, 2) if ratio is not None else None
