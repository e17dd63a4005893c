"""Read sites. A site is visible to its members only."""

from collections.abc import Collection

from django.contrib.auth.models import User
from django.db.models import Q, QuerySet

from vigil_apps.audit.models import AuditEntry
from vigil_apps.sites.models import Membership, Site
from vigil_apps.sites.roles import Role


def site_ids_of(*, user_id: int, role: Role = Role.VIEWER) -> QuerySet[Membership, int]:
    """Return the ids of sites in which the user has at least this role; for use in `…__in=`."""
    return Membership.objects.filter(user_id=user_id, role__in=role.and_above).values_list("site_id", flat=True)


def sites_visible_to(*, user: User, role: Role = Role.VIEWER) -> QuerySet[Site]:
    """Return the sites in which the user has at least this role; a superuser has every role in every site."""
    sites = Site.objects.all()
    return sites if user.is_superuser else sites.filter(pk__in=site_ids_of(user_id=user.pk, role=role))


def members_of(sites: Collection[int]) -> dict[int, frozenset[int]]:
    """Return the member ids of each site, in one query."""
    found: dict[int, set[int]] = {}
    if sites:
        for site_id, user_id in Membership.objects.filter(site__in=sites).values_list("site_id", "user_id"):
            found.setdefault(site_id, set()).add(user_id)
    return {site_id: frozenset(users) for site_id, users in found.items()}


def is_admin_anywhere(user: User) -> bool:
    """Return whether the user administers this backend or any site."""
    return user.is_superuser or site_ids_of(user_id=user.pk, role=Role.ADMIN).exists()


def audit_entries_visible_to(user: User) -> QuerySet[AuditEntry]:
    """Return all entries for a superuser, else those about sites that the user administers, with their cameras."""
    if user.is_superuser:
        return AuditEntry.objects.all()
    sites = list(site_ids_of(user_id=user.pk, role=Role.ADMIN))
    return AuditEntry.objects.filter(Q(site_id__in=sites) | Q(former_site_id__in=sites))
