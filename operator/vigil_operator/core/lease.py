"""The rules of leader election, as pure functions of what was observed and when.

The protocol is that of client-go's leaderelection: a Lease names its holder, who renews it; others take it over when
it has not been renewed for its duration. Time is counted from when a renewal was *observed*, on a monotonic clock:
the times written in the Lease are from another machine's clock and only informative.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from vigil_operator.core.conditions import rfc3339

LEASE_DURATION_SECONDS = 15.0
"""How long other replicas wait after the last renewal that they observed."""

RENEW_DEADLINE_SECONDS = 10.0
"""How long the holder continues without a renewal. Shorter than the duration by the possible clock drift and the time
of a request: a former leader has stopped before there is a new one."""

RENEW_PERIOD_SECONDS = 2.0
STANDBY_PERIOD_SECONDS = 1.0
"""Polling interval of a waiting replica: together with the duration, a takeover takes at most 17 s."""


@dataclass(frozen=True, slots=True)
class SeenLease:
    """A Lease as observed by one replica. `since`: monotonic time at which it first observed this version."""

    holder: str
    version: str
    transitions: int
    since: float


def see(body: Mapping[str, Any], before: SeenLease | None, now: float) -> SeenLease:
    """Return the observed Lease; an unchanged version keeps the time of its first observation."""
    spec = body.get("spec") or {}
    version = body["metadata"]["resourceVersion"]
    unchanged = before is not None and before.version == version
    return SeenLease(
        holder=spec.get("holderIdentity") or "",
        version=version,
        transitions=spec.get("leaseTransitions") or 0,
        since=before.since if before is not None and unchanged else now,
    )


def may_take(lease: SeenLease, identity: str, now: float) -> bool:
    """Return whether the Lease is free, ours, or expired."""
    return lease.holder in {"", identity} or now - lease.since >= LEASE_DURATION_SECONDS


def may_act(last_renewal: float | None, now: float) -> bool:
    """Return whether a replica that renewed at `last_renewal` may still act as the leader."""
    return last_renewal is not None and now - last_renewal < RENEW_DEADLINE_SECONDS


def lease_body(
    *, namespace: str, name: str, identity: str, now: datetime, before: SeenLease | None
) -> dict[str, Any]:
    """Return the Lease for `identity`; `before` makes it a conditional replacement of the observed version."""
    taken_over = before is not None and before.holder not in {"", identity}
    metadata: dict[str, Any] = {"name": name, "namespace": namespace}
    if before is not None:
        metadata["resourceVersion"] = before.version
    moment = rfc3339(now).replace("Z", f".{now.microsecond:06d}Z")
    return {
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": metadata,
        "spec": {
            "holderIdentity": identity,
            "leaseDurationSeconds": int(LEASE_DURATION_SECONDS),
            "renewTime": moment,
            "leaseTransitions": (before.transitions if before else 0) + (1 if taken_over else 0),
        },
    }
