"""What a person's groups at identity providers grant in Vigil."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from vigil_apps.sites.roles import Role

STAFF, SUPERUSER = "staff", "superuser"
GROUPS_MAX = 1000
"""More groups of one person are ignored."""
GROUP_LENGTH_MAX = 255


@dataclass(frozen=True, slots=True)
class GroupRule:
    """One rule: members of the group get the role, in a site or (`STAFF`, `SUPERUSER`) in the system."""

    provider: str
    """Empty: every provider."""
    group: str
    site_id: int | None
    role: str


@dataclass(frozen=True, slots=True)
class Grants:
    """The rights that all of a person's groups give together: the highest role of each site."""

    site_roles: Mapping[int, Role] = field(default_factory=dict)
    is_staff: bool = False
    is_superuser: bool = False


def grants_of(groups: Iterable[tuple[str, str]], mappings: Iterable[GroupRule]) -> Grants:
    """Return what the groups, as pairs of provider and group, grant. Names are compared exactly."""
    held = set(groups)
    names = {name for _, name in held}
    granted = [
        one for one in mappings if (one.provider, one.group) in held or (not one.provider and one.group in names)
    ]
    roles: dict[int, Role] = {}
    for one in granted:
        if one.site_id is not None:
            roles[one.site_id] = Role.highest(roles.get(one.site_id, ""), one.role) or Role(one.role)
    system = {one.role for one in granted if one.site_id is None}
    # Django's admin also requires the staff flag of a superuser.
    return Grants(roles, is_staff=bool(system & {STAFF, SUPERUSER}), is_superuser=SUPERUSER in system)


def groups_of_claims(claim: str, *sources: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the groups from the first of the sources (userinfo, ID token) that has the claim; sorted.

    `claim` may be a path: `realm_access.roles`. Its value is a list of texts or, as some providers send a single
    group, one text. A name with dots, as Auth0's `https://example.org/groups`, is found by its full name first.
    """
    for source in sources:
        found = _value(source, claim)
        if found is not None:
            values = [found] if isinstance(found, str) else found if isinstance(found, list) else []
            names = {one for one in values if isinstance(one, str) and 0 < len(one) <= GROUP_LENGTH_MAX}
            return tuple(sorted(names)[:GROUPS_MAX])
    return ()


def has_group_overage(claim: str, *sources: Mapping[str, Any]) -> bool:
    """Return whether a provider left out the groups because there are too many (Microsoft Entra: above 200)."""
    return any(claim in names for one in sources if isinstance(names := one.get("_claim_names"), dict))


def groups_of_header(text: str) -> tuple[str, ...]:
    """Return the groups of a proxy's header: separated by commas, semicolons or `|`."""
    names = {part.strip() for part in text.replace(";", ",").replace("|", ",").split(",")}
    return tuple(sorted(name for name in names if 0 < len(name) <= GROUP_LENGTH_MAX)[:GROUPS_MAX])


def _value(source: Mapping[str, Any], claim: str) -> Any:
    if claim in source:
        return source[claim]
    found: Any = source
    for part in claim.split("."):
        found = found.get(part) if isinstance(found, dict) else None
    return found
