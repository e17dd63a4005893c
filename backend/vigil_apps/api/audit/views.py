"""Endpoint of the audit log."""

from typing import Any, ClassVar

import django_filters
from django.db.models import QuerySet
from django_filters.rest_framework import DjangoFilterBackend
from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import PermissionDenied
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from vigil_apps.accounts.permissions import USER, user_of
from vigil_apps.api.audit.serializers import AuditEntrySerializer
from vigil_apps.audit.models import Action, AuditEntry
from vigil_apps.sites.selectors import audit_entries_visible_to, is_admin_anywhere
from vigil_apps.web.instants import InstantFilter
from vigil_apps.web.pagination import ByIdPagination


class AuditFilter(django_filters.FilterSet):  # type: ignore[misc] # it has no types
    """Filters of `audit/`."""

    kind = django_filters.CharFilter(max_length=32, label="Such as camera, site, member, token or user.")
    object_id = django_filters.CharFilter(max_length=64)
    action = django_filters.ChoiceFilter(choices=Action.choices)
    actor_name = django_filters.CharFilter(max_length=150)
    after = InstantFilter(field_name="at", lookup_expr="gte", label="Not before this time.")
    before = InstantFilter(field_name="at", lookup_expr="lt", label="Before this time.")

    class Meta:
        model = AuditEntry
        fields: ClassVar[list[str]] = []


class AuditView(ListAPIView[AuditEntry]):
    """The audit log, for admins."""

    scopes = {"GET": USER}  # noqa: RUF012 read only
    serializer_class = AuditEntrySerializer
    pagination_class = ByIdPagination
    filter_backends = (DjangoFilterBackend,)
    filterset_class = AuditFilter

    def get_queryset(self) -> QuerySet[AuditEntry]:
        """Return the entries that the user may read."""
        if getattr(self, "swagger_fake_view", False):  # the schema is generated without a request
            return AuditEntry.objects.none()
        return audit_entries_visible_to(user_of(self.request))

    @extend_schema(summary="List audit log entries")
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Lists changes of cameras, rules, sites, members, tokens and users, the newest first.

        Superusers see all entries, site admins those of their sites.
        """
        if not is_admin_anywhere(user_of(request)):
            raise PermissionDenied("Only a system administrator or a site admin may read the audit log.")
        return super().get(request, *args, **kwargs)
