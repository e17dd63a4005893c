"""Reads of the audit trail."""

from django.contrib.auth.models import User
from django.db.models import Q, QuerySet

from vigil_apps.audit.models import AuditEntry
from vigil_apps.sites.roles import Role
from vigil_apps.sites.selectors import site_ids_of


def entries_visible_to(user: User) -> QuerySet[AuditEntry]:
    """A superuser's are all; the admin of a site reads of the site, its members and the cameras in it."""
    if user.is_superuser:
        return AuditEntry.objects.all()
    sites = list(site_ids_of(user_id=user.pk, role=Role.ADMIN))
    return AuditEntry.objects.filter(Q(site_id__in=sites) | Q(former_site_id__in=sites))
