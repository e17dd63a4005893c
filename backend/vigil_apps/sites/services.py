"""Write sites and their members."""

from django.contrib.auth.models import User
from django.db import transaction

from vigil_apps.sites.models import Membership, Site
from vigil_apps.sites.roles import Role
from vigil_apps.web.quotas import SITES, lock, require_quota


class LastAdminError(Exception):
    """The change would leave the site without an admin."""


@transaction.atomic
def site_create(*, user: User, name: str) -> Site:
    """Create a site with the user as its admin. Raises QuotaExceededError."""
    lock(user)
    require_quota(SITES, used=Membership.objects.filter(user=user, role=Role.ADMIN).count())
    site = Site.objects.create(name=name)
    Membership.objects.create(site=site, user=user, role=Role.ADMIN)
    return site


def site_rename(*, site: Site, name: str) -> None:
    """Rename the site."""
    if site.name != name:
        site.name = name
        site.save(update_fields=["name"])


@transaction.atomic
def site_delete(*, site: Site) -> None:
    """Delete the site. Its cameras remain with the users who created them."""
    for camera in site.cameras.all():  # one by one, so that the audit log has an entry for each
        camera.site = None
        camera.save(update_fields=["site", "updated_at"])
    site.delete()


@transaction.atomic
def member_set(*, site: Site, user: User, role: Role) -> Membership:
    """Add the user as a member with this role, or change the role. Raises LastAdminError."""
    _lock(site)
    member = Membership.objects.filter(site=site, user=user).first()
    if member is None:
        return Membership.objects.create(site=site, user=user, role=role)
    if member.role != role:
        if member.role == Role.ADMIN:
            _require_another_admin(site, member)
        member.role = role
        member.save(update_fields=["role"])
    return member


@transaction.atomic
def member_remove(*, member: Membership) -> None:
    """Remove a member. Raises LastAdminError."""
    _lock(member.site)
    if member.role == Role.ADMIN:
        _require_another_admin(member.site, member)
    member.delete()


def _lock(site: Site) -> None:
    """Lock the site, so that two admins cannot remove each other at the same time."""
    Site.objects.select_for_update().filter(pk=site.pk).first()


def _require_another_admin(site: Site, member: Membership) -> None:
    if not Membership.objects.filter(site=site, role=Role.ADMIN).exclude(pk=member.pk).exists():
        raise LastAdminError
