"""Write sites and their members."""

from django.contrib.auth.models import User
from django.db import transaction

from vigil_apps.sites.models import Membership, Site
from vigil_apps.sites.roles import Role
from vigil_apps.web.quotas import SITES, lock, require_quota
from vigil_contracts.recording import SiteRecording


class LastAdminError(Exception):
    """The change would leave the site without an admin."""


class MappedMemberError(Exception):
    """The member's role comes from a group, so that it would be given again."""


@transaction.atomic
def site_create(*, user: User, name: str, recording: SiteRecording | None = None) -> Site:
    """Create a site with the user as its admin. Raises QuotaExceededError."""
    lock(user)
    require_quota(SITES, used=Membership.objects.filter(user=user, role=Role.ADMIN).count())
    site = Site.objects.create(
        name=name, recording=recording.model_dump(mode="json") if recording is not None else None
    )
    Membership.objects.create(site=site, user=user, role=Role.ADMIN)
    return site


def site_update(*, site: Site, name: str | None = None, recording: SiteRecording | None = None) -> bool:
    """Change what is given; return whether anything has changed."""
    stored = recording.model_dump(mode="json") if recording is not None else site.recording
    given = {"name": name if name is not None else site.name, "recording": stored}
    changed = [field for field, value in given.items() if getattr(site, field) != value]
    for field in changed:
        setattr(site, field, given[field])
    if changed:
        site.save(update_fields=changed)
    return bool(changed)


@transaction.atomic
def site_delete(*, site: Site) -> None:
    """Delete the site. Its cameras remain with the users who created them."""
    for camera in site.cameras.all():  # one by one, so that the audit log has an entry for each
        camera.site = None
        camera.save(update_fields=["site", "updated_at"])
    site.delete()


@transaction.atomic
def member_set(*, site: Site, user: User, role: Role) -> Membership:
    """Add the user as a member with this role, or change the role. Raises LastAdminError.

    The user keeps a higher role that their groups give.
    """
    _lock(site)
    member = Membership.objects.filter(site=site, user=user).first()
    if member is None:
        return Membership.objects.create(site=site, user=user, role=role)
    manual = role if member.mapped_role else ""
    _roles_set(member, role=Role.highest(role, member.mapped_role) or role, manual=manual, mapped=member.mapped_role)
    return member


@transaction.atomic
def member_remove(*, member: Membership) -> None:
    """Remove a member, or only the role given by hand if groups give one, too.

    Raises LastAdminError, MappedMemberError.
    """
    _lock(member.site)
    if member.mapped_role and not member.manual_role:
        raise MappedMemberError
    if member.mapped_role:
        _roles_set(member, role=Role(member.mapped_role), manual="", mapped=member.mapped_role)
        return
    if member.role == Role.ADMIN:
        _require_another_admin(member.site, member)
    member.delete()


@transaction.atomic
def member_map(*, site: Site, user: User, role: Role | None) -> None:
    """Set the role that the user's groups give in the site; None takes it away, even from the last admin.

    A role given by hand stays. A user who leaves a group must lose its rights. Superusers administer every site.
    """
    _lock(site)
    member = Membership.objects.filter(site=site, user=user).first()
    if member is None:
        if role is not None:
            Membership.objects.create(site=site, user=user, role=role, mapped_role=role)
        return
    manual = member.manual_role if member.mapped_role else member.role
    if role is None and not manual:
        member.delete()
        return
    effective = Role.highest(manual, role or "")
    assert effective is not None, "one of both is set"
    if (member.role, member.mapped_role) != (effective, role or ""):
        member.role, member.mapped_role, member.manual_role = effective, role or "", manual if role else ""
        member.save(update_fields=["role", "mapped_role", "manual_role"])


def _roles_set(member: Membership, *, role: Role, manual: str, mapped: str) -> None:
    if (member.role, member.manual_role, member.mapped_role) == (role, manual, mapped):
        return
    if member.role == Role.ADMIN and role != Role.ADMIN:
        _require_another_admin(member.site, member)
    member.role, member.manual_role, member.mapped_role = role, manual, mapped
    member.save(update_fields=["role", "mapped_role", "manual_role"])


def _lock(site: Site) -> None:
    """Lock the site, so that two admins cannot remove each other at the same time."""
    Site.objects.select_for_update().filter(pk=site.pk).first()


def _require_another_admin(site: Site, member: Membership) -> None:
    if not Membership.objects.filter(site=site, role=Role.ADMIN).exclude(pk=member.pk).exists():
        raise LastAdminError
