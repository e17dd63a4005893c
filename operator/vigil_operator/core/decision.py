"""What `decide` can answer: the four cases of `Decision`.

`Claim`, `Register` and `RequestToken` each name one preliminary; the caller carries it out and decides again. Only
`Settle` changes the detector's objects and the status.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from vigil_contracts.resources import ResourceRegistration
from vigil_operator.core.desired.plan import Manifest
from vigil_operator.core.status import Verdict


@dataclass(frozen=True, slots=True)
class Removal:
    """An object to delete. The `uid` protects a newer object of the same name."""

    kind: str
    namespace: str
    name: str
    uid: str


@dataclass(frozen=True, slots=True)
class Claim:
    """Add the finalizer and the ownership label to the resource, before the API has a row that depends on them."""


@dataclass(frozen=True, slots=True)
class Register:
    """Register the resource in the API."""

    registration: ResourceRegistration


@dataclass(frozen=True, slots=True)
class RequestToken:
    """Request a detector token from the API for the camera `camera_id`."""

    camera_id: int


@dataclass(frozen=True, slots=True)
class Settle:
    """Delete `remove`, apply `manifests()`, then write the status."""

    verdict: Verdict
    status: Mapping[str, Any] | None
    """None if the status in the cluster is already correct."""
    apply: tuple[Manifest, ...] = ()
    remove: tuple[Removal, ...] = ()
    roll: Manifest | None = None
    """A Deployment whose change must wait for its turn; see `core.rollout`."""
    look_again_seconds: float | None = None
    """After this time the decision changes although nothing else does."""

    def manifests(self, *, may_roll: bool) -> tuple[Manifest, ...]:
        """Return what to apply, in order; the change that waits for its turn only if `may_roll`."""
        return (*self.apply, self.roll) if may_roll and self.roll is not None else self.apply


Decision = Claim | Register | RequestToken | Settle
