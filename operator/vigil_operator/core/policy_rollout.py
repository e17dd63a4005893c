"""Roll out a new version of a CameraPolicy in steps: a bad change reaches a few cameras and stops there.

A step takes some of the cameras to the new version. The next step follows when all cameras that have it are ready and
`minReadySeconds` have passed. A problem of the stream, which no policy causes, holds up nothing. Neither does a
camera that was not ready before the rollout. Nothing is remembered as failed: once the problem is gone, for example
by another change of the policy, the rollout goes on.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil

from vigil_contracts.names import Reason
from vigil_operator.core.observed import Camera, Key
from vigil_operator.core.policy_spec import PolicyRollout
from vigil_operator.core.rollout import NOT_THE_CLASS
from vigil_operator.core.status import FAILED_REASONS

_HARMLESS = frozenset(reason.value for reason in NOT_THE_CLASS)
_BROKEN = frozenset(reason.value for reason in FAILED_REASONS | {Reason.DETECTOR_CLASS_NOT_FOUND})


@dataclass(frozen=True, slots=True)
class Member:
    """A camera that a policy concerns."""

    key: Key
    has_newest: bool
    """Whether its status says that it has the newest version."""
    is_granted: bool = False
    """Whether it was its turn in this or an earlier step."""
    problem: str = ""
    """The reason of `Ready` while that is not true and a policy can be the cause."""
    details: str = ""
    since: datetime | None = None
    """When the camera became not ready."""
    is_own_fault: bool = False
    """Whether its own spec is invalid: it gets the new version when that is corrected, and holds up nothing."""
    names_policy: bool = False
    """Whether the problem is a value of the policy, so that it counts whatever the camera's state was before."""

    @property
    def is_moved(self) -> bool:
        """Whether the rollout has reached it."""
        return self.has_newest or self.is_granted


@dataclass(frozen=True, slots=True)
class Step:
    """What to do now."""

    grant: tuple[Key, ...] = ()
    stopped: str = ""
    """Why the rollout does not go on, for users; empty while it does."""


def member_of(camera: Camera, policy: str, *, has_newest: bool, is_granted: bool) -> Member:
    """Return what the rollout of the policy named `policy` needs to know about a camera."""
    for condition in camera.status.get("conditions") or ():
        reason = str(condition.get("reason", ""))
        if condition.get("type") != "Ready" or condition.get("status") == "True" or reason in _HARMLESS:
            continue
        since, details = _moment(condition.get("lastTransitionTime")), str(condition.get("message", ""))
        names_policy = f"CameraPolicy {policy!r}" in details
        is_own_fault = reason == Reason.INVALID_SPEC.value and not names_policy
        return Member(camera.key, has_newest, is_granted, reason, details, since, is_own_fault, names_policy)
    return Member(camera.key, has_newest, is_granted)


def next_step(
    members: Iterable[Member],
    rollout: PolicyRollout,
    *,
    started: datetime,
    last_step: datetime | None,
    now: datetime,
) -> Step:
    """Return the cameras whose turn it is now, or why the rollout has stopped.

    `started`: when the newest version was accepted. `last_step`: None before the first step.
    """
    members = sorted(members, key=lambda member: member.key)
    moved = [member for member in members if member.is_moved]
    waiting = [member for member in members if not member.is_moved]
    unfinished = [
        member
        for member in moved
        if not member.is_own_fault and (not member.has_newest or _is_held_up(member, started))
    ]
    waited = now - last_step if last_step is not None else None
    if stopped := _stopped(unfinished, rollout, waited, started):
        return Step(stopped=stopped)
    is_too_early = waited is not None and waited < timedelta(seconds=rollout.min_ready_seconds)
    if not waiting or unfinished or is_too_early:
        return Step()
    size = ceil(len(members) * rollout.step_percent / 100)
    ready = [member.key for member in waiting if not member.problem]
    # A camera that is not ready has nothing to lose, and the change may be its remedy.
    others = [member.key for member in waiting if member.problem]
    return Step(grant=(*others, *ready[:size]))


def _stopped(unfinished: list[Member], rollout: PolicyRollout, waited: timedelta | None, started: datetime) -> str:
    broken = next(
        (member for member in unfinished if member.problem in _BROKEN and _is_held_up(member, started)), None
    )
    if broken is not None:
        return f"camera {broken.key.name} has the new values and is not ready: {broken.problem}: {broken.details}"
    deadline = rollout.progress_deadline_seconds
    if not unfinished or waited is None or waited <= timedelta(seconds=deadline):
        return ""
    late = unfinished[0]
    why = f"{late.problem}: {late.details}" if late.problem else "its change has not reached the API"
    return f"camera {late.key.name} is not ready {deadline} s after its step: {why}"


def _is_held_up(member: Member, started: datetime) -> bool:
    """Return whether the camera has become not ready since the rollout began. Times in a status are whole seconds."""
    if not member.problem:
        return False
    return member.names_policy or member.since is None or member.since >= started.replace(microsecond=0)


def _moment(text: object) -> datetime | None:
    return datetime.fromisoformat(text) if isinstance(text, str) else None
