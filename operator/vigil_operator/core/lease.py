"""Leader election's rules, as pure functions over what was seen and when.

The protocol is that of client-go's leaderelection: a Lease names its holder, who renews it; others take it over when
it has not been renewed for its duration. Time is counted from when a renewal was *seen*, on a clock that nobody sets:
the times written in the Lease come from another machine's clock, and are for people.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from vigil_operator.core.conditions import rfc3339

LEASE_DURATION_SECONDS = 15.0
"""How long the others wait after the last renewal that they saw."""

RENEW_DEADLINE_SECONDS = 10.0
"""How long the holder goes on without having renewed. Shorter than the duration by what clocks may differ in speed
and a request may take: a former leader has ended before there is a new one."""

RENEW_PERIOD_SECONDS = 2.0
STANDBY_PERIOD_SECONDS = 1.0
"""How often a replica in waiting looks: with the duration, a takeover takes 17 s at most."""


@dataclass(frozen=True, slots=True)
class SeenLease:
    """A Lease as one replica saw it. `since`: when (seconds of a monotonic clock) it first saw this very version."""

    holder: str
    version: str
    transitions: int
    since: float


def see(body: Mapping[str, Any], before: SeenLease | None, now: float) -> SeenLease:
    """What was read, with the time of its first sight kept where it is no news."""
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
    """Whether the Lease is free, ours, or long enough without a renewal."""
    return lease.holder in {"", identity} or now - lease.since >= LEASE_DURATION_SECONDS


def may_act(last_renewal: float | None, now: float) -> bool:
    """Whether a replica that renewed at `last_renewal` may still count itself the leader."""
    return last_renewal is not None and now - last_renewal < RENEW_DEADLINE_SECONDS


def lease_body(
    *, namespace: str, name: str, identity: str, now: datetime, before: SeenLease | None
) -> dict[str, Any]:
    """The Lease as `identity` writes it; `before` makes it a conditional replacement of what was seen."""
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
