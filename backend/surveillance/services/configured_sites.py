"""Export the sites of a user's document, and create those that are missing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import User
from django.db.models import QuerySet

from surveillance.core.validation import InvalidInputError, as_json_object, parse
from vigil_apps.sites.models import Membership, Site
from vigil_apps.sites.recording_limits import site_problems, site_recording_of
from vigil_apps.sites.roles import Role
from vigil_apps.sites.selectors import sites_visible_to
from vigil_apps.sites.services import LastAdminError, member_set, site_create, site_update
from vigil_apps.web.quotas import QuotaExceededError
from vigil_contracts.recording import SiteRecording

SITE_NAMED_TWICE = "must be unique; an earlier site of the document has it too"
SITE_AMBIGUOUS = "more than one of your sites has this name; rename one of them"
LAST_ADMIN = "would leave the site without an admin"


@dataclass(frozen=True, slots=True)
class AppliedSite:
    """A site of the document. `left_out`: the members that were not added."""

    name: str
    is_new: bool
    is_changed: bool
    left_out: tuple[str, ...]


def configured_sites(*, user: User) -> QuerySet[Site]:
    """Return the sites of the user's document: those that the user administers, with their members."""
    sites = sites_visible_to(user=user, role=Role.ADMIN)
    return sites.prefetch_related("memberships__user").order_by("name", "id")


def site_apply(*, user: User, values: Mapping[str, Any], seen: set[str]) -> AppliedSite:
    """Create the site if the user administers none of this name, and add its members. Raises InvalidInputError.

    As in the API, only a superuser adds users. A member without an account is left out, so that the rest of the
    document can be restored first.
    """
    name = values["name"]
    if name in seen:
        raise InvalidInputError({"name": [SITE_NAMED_TWICE]})
    seen.add(name)
    found = list(sites_visible_to(user=user, role=Role.ADMIN).filter(name=name)[:2])
    if len(found) > 1:
        raise InvalidInputError({"name": [SITE_AMBIGUOUS]})
    try:
        site = found[0] if found else site_create(user=user, name=name)
        changed, left_out = _add_members(site, values.get("members", ()), user)
        if "recording" in values:
            recording = checked_site_recording(values["recording"])
            if recording != site_recording_of(site):
                changed = site_update(site=site, recording=recording) or changed
    except QuotaExceededError as error:
        raise InvalidInputError({"non_field_errors": [str(error)]}) from None
    except LastAdminError:
        raise InvalidInputError({"members": [LAST_ADMIN]}) from None
    return AppliedSite(name, is_new=not found, is_changed=changed, left_out=left_out)


def checked_site_recording(sent: object) -> SiteRecording:
    """Return what was sent for a site's `recording`. Raises InvalidInputError, also above a ceiling of the server."""
    recording = parse(SiteRecording, as_json_object(sent, field="recording"), prefix="recording")
    if problems := site_problems(recording):
        raise InvalidInputError(problems)
    return recording


def _add_members(site: Site, members: Sequence[Mapping[str, str]], user: User) -> tuple[bool, tuple[str, ...]]:
    """Return whether a membership changed, and the names of the members that were left out."""
    known = {one.user.get_username(): one for one in Membership.objects.filter(site=site).select_related("user")}
    is_changed, left_out = False, []
    for member in members:
        name, role = member["username"], Role(member["role"])
        if name in known:
            account = known[name].user
        else:
            # Only to superusers: the answer tells whether an account exists.
            accounts = (
                User.objects.filter(username=name, is_active=True) if user.is_superuser else User.objects.none()
            )
            found = accounts.first()
            if found is None:
                left_out.append(name)
                continue
            account = found
        if name not in known or known[name].role != role:
            member_set(site=site, user=account, role=role)
            is_changed = True
    return is_changed, tuple(left_out)
