"""Find policies of the same priority that set the same field of the same cameras to different values."""

from collections.abc import Mapping
from dataclasses import dataclass

from vigil_operator.core.policy_index import CameraIndex
from vigil_operator.core.policy_merge import PolicyRevision, conflicting_fields, selects


@dataclass(frozen=True, slots=True)
class Conflict:
    """What a policy's status says about the first such policy."""

    message: str
    gives_way: bool
    """Whether the values of the other policy apply."""


def find_conflict(name: str, newest: Mapping[str, PolicyRevision], index: CameraIndex) -> Conflict | None:
    """Return the conflict of the policy `name`. `newest`: the newest version of all policies of its namespace."""
    ours = newest.get(name)
    if ours is None:
        return None
    for other_name, other in sorted(newest.items()):
        fields = conflicting_fields(ours, other) if other_name != name else []
        both = _count_selected_by_both(ours, other, index) if fields else 0
        if both:
            first = min(name, other_name)
            message = (
                f"CameraPolicy {other_name} has the same priority {ours.priority} and sets {', '.join(fields)} to "
                f"other values; number of cameras that both select: {both}. The values of {first} apply, the first "
                "by name. Give one of the policies a higher priority."
            )
            return Conflict(message, gives_way=first != name)
    return None


def _count_selected_by_both(ours: PolicyRevision, other: PolicyRevision, index: CameraIndex) -> int:
    selected = index.selected(ours.selector)
    return sum(not camera.managed_by_backend and selects(other.selector, camera.meta.labels) for camera in selected)
