"""Record identities, and give and take away what their groups grant."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.db import transaction

from vigil_apps.identity.core.mapping import Grants, GroupRule, grants_of
from vigil_apps.identity.models import GroupMapping, Identity, IdentitySession, SystemGrant
from vigil_apps.sites.models import Site
from vigil_apps.sites.services import member_map


@dataclass(frozen=True, slots=True)
class Tokens:
    """What a provider issued: the access token, and a refresh token if it issues any."""

    access: str = ""
    expires_at: datetime | None = None
    refresh: str = ""


@transaction.atomic
def identity_record(
    *, user: User, provider: str, subject: str, groups: Iterable[str], tokens: Tokens, now: datetime
) -> Identity:
    """Store what the provider reported at a sign-in, and apply the groups."""
    identity = Identity.objects.filter(provider=provider, subject=subject).first()
    if identity is None:
        identity = Identity(provider=provider, subject=subject)
    identity.user = user
    identity.groups = list(groups)
    identity.access_token, identity.access_expires_at = tokens.access, tokens.expires_at
    # Some providers issue a refresh token at the first sign-in only.
    identity.refresh_token = tokens.refresh or identity.refresh_token
    identity.tokens_at = identity.checked_at = now
    identity.is_confirmed = True
    identity.save()
    grants_apply(user=user)
    return identity


@transaction.atomic
def identity_groups_set(*, identity: Identity, groups: Iterable[str]) -> None:
    """Store the groups that the provider reports now, and apply them."""
    if identity.groups != list(groups):
        identity.groups = list(groups)
        identity.save(update_fields=["groups"])
    grants_apply(user=identity.user)


@transaction.atomic
def identity_end(*, identity: Identity) -> None:
    """End the identity's sessions and take away what its groups granted, since the provider no longer confirms it."""
    sessions_end(identity=identity)
    identity.groups = []
    identity.access_token = identity.refresh_token = ""
    identity.access_expires_at, identity.is_confirmed = None, False
    identity.save(update_fields=["groups", "access_token", "refresh_token", "access_expires_at", "is_confirmed"])
    grants_apply(user=identity.user)


@transaction.atomic
def identity_delete(*, identity: Identity) -> None:
    """Disconnect the identity from its user."""
    user = identity.user
    sessions_end(identity=identity)
    identity.delete()
    grants_apply(user=user)


def session_bind(*, identity: Identity, session_key: str) -> None:
    """Let the session end with the identity."""
    IdentitySession.objects.update_or_create(session_key=session_key, defaults={"identity": identity})


def sessions_end(*, identity: Identity) -> None:
    """End the sessions that began with the identity; their open streams end within seconds."""
    keys = list(identity.sessions.values_list("session_key", flat=True))
    Session.objects.filter(session_key__in=keys).delete()
    identity.sessions.all().delete()


@transaction.atomic
def mapping_create(*, provider: str, group: str, site: Site | None, role: str) -> GroupMapping:
    """Create the mapping and apply it to all identities. An equal one is returned as it is."""
    mapping, is_new = GroupMapping.objects.get_or_create(provider=provider, group=group, site=site, role=role)
    if is_new:
        _apply_to_members(group)
    return mapping


@transaction.atomic
def mapping_delete(*, mapping: GroupMapping) -> None:
    """Delete the mapping and take away what it granted."""
    mapping.delete()
    _apply_to_members(mapping.group)


@transaction.atomic
def grants_apply(*, user: User) -> None:
    """Give the user what the groups of all their identities grant, and take away what mappings gave before.

    Roles that people gave by hand stay.
    """
    User.objects.select_for_update().filter(pk=user.pk).first()  # one at a time for each user
    held = [(one.provider, group) for one in Identity.objects.filter(user=user) for group in one.groups]
    grants = grants_of(held, _rules({group for _, group in held}))
    _apply_site_roles(user, grants)
    _apply_system_roles(user, grants)


def _rules(groups: set[str]) -> list[GroupRule]:
    found = GroupMapping.objects.filter(group__in=groups)
    return [GroupRule(one.provider, one.group, one.site_id, one.role) for one in found]


def _apply_site_roles(user: User, grants: Grants) -> None:
    mapped = set(user.memberships.exclude(mapped_role="").values_list("site_id", flat=True))
    for site in Site.objects.filter(pk__in=mapped | set(grants.site_roles)):
        member_map(site=site, user=user, role=grants.site_roles.get(site.pk))


def _apply_system_roles(user: User, grants: Grants) -> None:
    grant = SystemGrant.objects.filter(user=user).first() or SystemGrant(user=user)
    stored = User.objects.get(pk=user.pk)
    before = (stored.is_staff, stored.is_superuser)
    stored.is_staff, grant.staff = _flag(stored.is_staff, was_mapped=grant.staff, is_mapped=grants.is_staff)
    stored.is_superuser, grant.superuser = _flag(
        stored.is_superuser, was_mapped=grant.superuser, is_mapped=grants.is_superuser
    )
    if (stored.is_staff, stored.is_superuser) != before:
        stored.save(update_fields=["is_staff", "is_superuser"])
    user.is_staff, user.is_superuser = stored.is_staff, stored.is_superuser
    if grant.staff or grant.superuser:
        grant.save()
    elif grant.pk is not None:
        grant.delete()


def _flag(is_set: bool, *, was_mapped: bool, is_mapped: bool) -> tuple[bool, bool]:
    """Return the flag's new value, and whether it comes from a mapping: not if someone had set it by hand."""
    if is_mapped:
        return True, was_mapped or not is_set
    return is_set and not was_mapped, False


def _apply_to_members(group: str) -> None:
    members: Mapping[int, User] = {
        one.user_id: one.user for one in Identity.objects.select_related("user") if group in one.groups
    }
    for user in members.values():
        grants_apply(user=user)
