"""Decide whether an INT8 network replaces its float32 original, and store the decision beside it."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import openvino as ov

from cctv.detectors.agreement import Agreement

_VERSION = 2
"""Increase it when quantisation changes; earlier networks and decisions are then ignored."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Requirements for an INT8 network, on frames that it was not calibrated on."""

    least_objects: int = 20
    """With fewer objects in the float32 network's results, agreement is not meaningful."""
    least_share: float = 0.9
    """Dice's coefficient of the objects that the two networks detect."""
    largest_confidence_change: float = 0.05
    largest_cost: float = 0.9
    """Processor time as a fraction of the float32 network's. Without INT8 instructions (VNNI) there is no gain."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """The decision. `accepted` is None if the frames showed too few objects."""

    accepted: bool | None
    reason: str
    processor: str
    cost: float
    agreement: dict[str, Any] | None = None


def cost_problem(cost: float, limits: Limits) -> str | None:
    """Return why the INT8 network does not save enough processor time; None if it does."""
    if cost <= limits.largest_cost:
        return None
    return f"it needs {cost:.0%} of the processor time of float32, and at most {limits.largest_cost:.0%} is worth it"


def judge(agreement: Agreement, cost: float, limits: Limits, processor: str) -> Verdict:
    """Decide by both networks' detections in the held-back frames and by their cost."""
    share, change = agreement.share or 0.0, agreement.confidence_change
    details = {**asdict(agreement), "share": agreement.share}
    accepted: bool | None = False
    if problem := cost_problem(cost, limits):
        reason = problem
    elif share < limits.least_share and max(agreement.before, agreement.after) >= limits.least_objects:
        reason = f"both find {share:.0%} of the objects, and {limits.least_share:.0%} is needed"
    elif agreement.before < limits.least_objects:
        accepted = None
        reason = f"float32 finds {agreement.before} objects, and {limits.least_objects} are needed to compare"
    elif abs(change) > limits.largest_confidence_change:
        reason = f"confidence changes by {change:+.3f}, and {limits.largest_confidence_change} is allowed"
    else:
        accepted = True
        reason = (
            f"both find {share:.0%} of {agreement.before} objects, confidence changes by {change:+.3f},"
            f" processor time is {cost:.0%} of float32"
        )
    return Verdict(accepted, reason, processor, round(cost, 3), details)


def int8_folder(network: Path) -> Path:
    """Return the folder of the INT8 network made from `network`, or of its rejection."""
    return network.parent / f"int8-v{_VERSION}"


def read_verdict(network: Path, processor: str) -> Verdict | None:
    """Return the decision about `network` for this processor; None if there is none or it is unreadable."""
    folder = int8_folder(network)
    try:
        verdict = Verdict(**json.loads((folder / "check.json").read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None
    if verdict.processor != processor or (verdict.accepted and not (folder / "network.xml").is_file()):
        return None
    return verdict


def write_verdict(verdict: Verdict, folder: Path) -> None:
    """Write `check.json` into `folder`. Raises `OSError`."""
    (folder / "check.json").write_text(json.dumps(asdict(verdict), indent=2) + "\n", encoding="utf-8")


def processor_name(core: ov.Core) -> str:
    """Return the processor's name and its features for OpenVINO: cost and rounding depend on both."""
    capabilities = ",".join(core.get_property("CPU", "OPTIMIZATION_CAPABILITIES"))
    return f"{core.get_property('CPU', 'FULL_DEVICE_NAME')} ({capabilities})"
