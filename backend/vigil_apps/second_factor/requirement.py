"""Decide who needs a second factor. Pure: no database."""

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum


class Holder(StrEnum):
    """The roles for which a second factor can be required; the values are stored in the database."""

    SUPERUSER = "superuser"
    STAFF = "staff"
    SITE_ADMIN = "admin"
    SITE_OPERATOR = "operator"
    SITE_VIEWER = "viewer"


@dataclass(frozen=True, slots=True)
class Person:
    """What the requirement depends on. `site_roles`: the user's roles in all sites."""

    is_superuser: bool
    is_staff: bool
    site_roles: frozenset[str]

    @property
    def holds(self) -> frozenset[str]:
        """Return the roles of this person."""
        system = {Holder.SUPERUSER: self.is_superuser, Holder.STAFF: self.is_staff}
        return frozenset({str(role) for role, is_held in system.items() if is_held} | self.site_roles)


def is_required(person: Person, *, required_for: Collection[str]) -> bool:
    """Return whether one of the person's roles requires a second factor."""
    return not person.holds.isdisjoint(required_for)


class Step(StrEnum):
    """What a session must do before anything else; the values are stored in sessions."""

    NONE = ""
    SET_UP = "set_up"
    VERIFY = "verify"


def next_step(*, has_factor: bool, is_verified: bool, is_needed: bool, is_vouched_for: bool) -> Step:
    """Return what a signed-in session must do first.

    `is_verified`: the session proved a factor. `is_needed`: a role requires one. `is_vouched_for`: a proxy or an
    OpenID provider signed the user in, and the administrator leaves the second factor to it.
    """
    if is_vouched_for or is_verified:
        return Step.NONE
    if has_factor:
        return Step.VERIFY
    return Step.SET_UP if is_needed else Step.NONE
