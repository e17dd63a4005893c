"""The accepted versions of a CameraPolicy, which its status records, and which of them a camera has.

A camera keeps the values of its version until it is its turn, also after a restart of the operator. An invalid spec
never becomes a version, so that a mistake in a policy leaves all cameras as they are.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from vigil_operator.core.observed import Camera, CameraPolicy
from vigil_operator.core.policy_merge import PolicyRevision
from vigil_operator.core.policy_spec import LabelSelector
from vigil_operator.core.specs import InvalidSpecError, parse_spec

MAX_REVISIONS = 10
"""A camera whose version is dropped gets the newest one."""


def revision_of(policy: CameraPolicy) -> dict[str, Any]:
    """Return the entry of `status.revisions` for the policy's current spec, which must be valid."""
    spec = policy.spec
    return {
        "generation": policy.meta.generation,
        "priority": spec.get("priority", 0),
        "selector": spec["selector"],
        "defaults": spec.get("defaults") or {},
    }


def recorded_revisions(policy: CameraPolicy) -> list[PolicyRevision]:
    """Return the versions in the policy's status, the newest first. Unreadable entries are left out."""
    found = []
    for entry in policy.status.get("revisions") or ():
        try:
            selector = parse_spec(LabelSelector, entry.get("selector"))
        except InvalidSpecError:
            continue
        found.append(
            PolicyRevision(
                name=policy.key.name,
                generation=entry.get("generation", 0),
                priority=entry.get("priority", 0),
                selector=selector,
                defaults=entry.get("defaults") or {},
            )
        )
    return sorted(found, key=lambda revision: -revision.generation)


def kept_revisions(entries: Iterable[Mapping[str, Any]], in_use: set[int], newest: int) -> list[dict[str, Any]]:
    """Return the entries of `status.revisions` that a camera has, and the newest one; the newest first."""
    kept = [dict(entry) for entry in entries if entry.get("generation") in in_use | {newest}]
    return sorted(kept, key=lambda entry: -int(entry["generation"]))[:MAX_REVISIONS]


def generation_for(camera: Camera, name: str, revisions: list[PolicyRevision], granted: int | None = None) -> int:
    """Return the version of the policy `name` that the camera has now; 0: it has none.

    `granted`: the version that it is the camera's turn to have. A new camera has the newest version at once.
    """
    if not revisions:
        return 0
    known = {revision.generation for revision in revisions}
    if granted in known and granted is not None:
        return granted
    newest = revisions[0].generation
    if not camera.is_observed:
        return newest
    current = camera.policy_generations.get(name)
    if current is None:
        return 0
    return current if current in known else newest


def revision_for(
    camera: Camera, name: str, revisions: list[PolicyRevision], granted: int | None = None
) -> PolicyRevision | None:
    """Return the version of the policy `name` that the camera has now, if any."""
    generation = generation_for(camera, name, revisions, granted)
    return next((revision for revision in revisions if revision.generation == generation), None)
