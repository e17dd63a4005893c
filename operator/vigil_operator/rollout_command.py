"""`vigil-operator rollout status|promote|abort CLASS`: show the trial of a new model, and decide about it.

A decision is a request in the class's status, which the running operator carries out.
"""

import json
from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from vigil_operator.clock import utc_now
from vigil_operator.core.observed import DetectorClass, class_from_body
from vigil_operator.core.rollout_state import RolloutPhase
from vigil_operator.kube.access import load_configuration
from vigil_operator.kube.client import AioTransport, KubeClient
from vigil_operator.kube.kinds import DETECTOR_CLASS
from vigil_operator.settings import OperatorSettings

COLOURS = {
    RolloutPhase.SHADOWING: "yellow",
    RolloutPhase.HELD: "yellow",
    RolloutPhase.PROMOTING: "yellow",
    RolloutPhase.PROMOTED: "green",
    RolloutPhase.ABORTED: "bold red",
}


class RolloutError(Exception):
    """The class has nothing to show or to decide about. The message is for users."""


async def run_rollout(settings: OperatorSettings, action: str, class_name: str, output: str) -> int:
    """Return the exit status, 0. `action`: `status`, `promote` or `abort`. Raises `KubeError` and `RolloutError`."""
    transport = AioTransport(await load_configuration(settings.kubeconfig))
    kube = KubeClient(transport)
    try:
        found = await _find(kube, class_name)
        rollout = _rollout_of(found)
        if action != "status":
            check_request(action, rollout)
            request = {"action": action, "trial": str(rollout["trial"]), "time": utc_now().isoformat()}
            await kube.request_rollout(found, request)
    finally:
        await transport.close()
    if action != "status":
        print(f"Requested: {action} model {rollout['model']} of DetectorClass {class_name}.")
    elif output == "json":
        print(json.dumps(rollout, ensure_ascii=False, indent=2))
    else:
        print_rollout(class_name, rollout)
    return 0


def check_request(action: str, rollout: Mapping[str, Any]) -> None:
    """Raise `RolloutError` if the request would change nothing."""
    phase = rollout["phase"]
    if action == "promote" and phase in {RolloutPhase.PROMOTING, RolloutPhase.PROMOTED}:
        raise RolloutError(f"model {rollout['model']} is promoted already")
    if action == "abort" and phase == RolloutPhase.ABORTED:
        raise RolloutError(f"the rollout of model {rollout['model']} is aborted already")


async def _find(kube: KubeClient, class_name: str) -> DetectorClass:
    # The operator's account may list classes, but not get one.
    listing = await kube.list_all(DETECTOR_CLASS)
    for item in listing.items:
        if item.metadata.name == class_name:
            return class_from_body(item.body())
    names = ", ".join(sorted(item.metadata.name for item in listing.items)) or "none"
    raise RolloutError(f"there is no DetectorClass {class_name!r}; there are: {names}")


def _rollout_of(found: DetectorClass) -> dict[str, Any]:
    rollout: dict[str, Any] = found.status.get("rollout") or {}
    if rollout:
        return rollout
    if (found.spec or {}).get("rollout"):
        raise RolloutError(
            f"the operator has not begun the rollout of DetectorClass {found.key.name!r} yet; is it up?"
        )
    raise RolloutError(f"DetectorClass {found.key.name!r} has no spec.rollout")


def print_rollout(class_name: str, rollout: Mapping[str, Any]) -> None:
    """Print a table for a person."""
    console = Console()
    phase = str(rollout["phase"])
    cameras, events, measured = (rollout.get(name) or {} for name in ("cameras", "events", "measured"))
    table = Table(title=Text(f"DetectorClass {class_name}"), title_justify="left", show_header=False)
    table.add_column("name")
    table.add_column("value", overflow="fold")
    rows = {
        "phase": Text(phase, style=COLOURS.get(RolloutPhase(phase), "")),
        "reason": f"{rollout['reason']}: {rollout['message']}",
        "model in use": rollout.get("liveModel", ""),
        "new model": rollout["model"],
        "compared": f"{rollout['startTime']} to {rollout['endTime']}",
        "cameras": "{chosen} in the trial, {comparing} report, {failed} failed".format_map(_Numbers(cameras)),
        "events": "{agreed} agree, {missed} missed, {new} new".format_map(_Numbers(events)),
        "agreement": _shown(measured, "agreementPercent", " %"),
        "missed": _shown(measured, "missedPercent", " % of the events of the model in use"),
        "new": _shown(measured, "newPercent", " % of the events of the new model"),
        "confidence in use": _shown(measured, "liveConfidence", " (median of the events)"),
        "confidence, new": _shown(measured, "shadowConfidence", " (median of the events)"),
        "time of an inference": _shown(measured, "latencyRatio", " times that of the model in use"),
        "cost of a frame": _shown(measured, "costRatio", " times that of the model in use"),
        "skipped frames": _shown(measured, "skippedPercent", " %"),
    }
    for name, value in rows.items():
        table.add_row(name, value if isinstance(value, Text) else Text(str(value)))
    console.print(table)


class _Numbers(dict[str, Any]):
    """Shows a number that is missing as 0."""

    def __missing__(self, key: str) -> int:
        return 0


def _shown(measured: Mapping[str, Any], name: str, unit: str = "") -> str:
    return f"{measured[name]:g}{unit}" if name in measured else "unknown"
