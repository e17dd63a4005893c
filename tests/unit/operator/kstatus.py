"""The rules by which kstatus reads a custom resource, as its documentation states them.

Flux, Helm (`--wait` since 4) and `kubectl`-based tools use the library, which is written in Go. Written here from
https://github.com/kubernetes-sigs/cli-utils/blob/master/pkg/kstatus/README.md and its package documentation: deletion
first, then the generation, then the conditions `Reconciling` and `Stalled`, then `Ready`; without any, Current.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def compute(resource: Mapping[str, Any]) -> str:
    """Return Current, InProgress, Failed or Terminating."""
    metadata, status = resource["metadata"], resource.get("status") or {}
    if "deletionTimestamp" in metadata:
        return "Terminating"
    if status.get("observedGeneration", metadata["generation"]) != metadata["generation"]:
        return "InProgress"
    conditions = status.get("conditions") or ()
    for condition in conditions:
        if condition["status"] == "True" and condition["type"] in {"Reconciling", "Stalled"}:
            return "InProgress" if condition["type"] == "Reconciling" else "Failed"
    for condition in conditions:
        if condition["type"] == "Ready":
            return "Current" if condition["status"] == "True" else "InProgress"
    return "Current"
