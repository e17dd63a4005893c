"""Endpoints of group mappings, for superusers."""

from typing import Any

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.exceptions import PermissionDenied
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from vigil_apps.accounts.permissions import USER, user_of
from vigil_apps.identity.core.mapping import STAFF, SUPERUSER
from vigil_apps.identity.core.providers import PROXY
from vigil_apps.identity.models import GroupMapping
from vigil_apps.identity.providers import providers
from vigil_apps.identity.services import mapping_create, mapping_delete
from vigil_apps.sites.models import Site
from vigil_apps.web.pagination import OldestFirstPagination
from vigil_apps.web.strict_fields import StrictFields

NEEDS_SITE = "is required for the roles viewer, operator and admin"
TAKES_NO_SITE = "must be null for the roles staff and superuser, which apply to the whole system"
ONLY_SUPERUSERS = "Only an administrator of the server may read or change group mappings."


class GroupMappingSerializer(StrictFields, serializers.ModelSerializer[GroupMapping]):
    """The role that the members of a group get."""

    site = serializers.PrimaryKeyRelatedField[Site](
        queryset=Site.objects.all(),
        pk_field=serializers.IntegerField(min_value=1, max_value=2**63 - 1),
        allow_null=True,
        default=None,
        help_text="Null for the roles staff and superuser.",
    )

    class Meta:
        model = GroupMapping
        fields = ("id", "provider", "group", "site", "role")
        validators: tuple[Any, ...] = ()  # an equal mapping is no error: the answer is the one that exists

    def validate_provider(self, value: str) -> str:
        """Refuse the id of no provider."""
        known = ["", *providers(), PROXY]
        if value not in known:
            names = ", ".join(repr(one) for one in known if one)
            raise serializers.ValidationError(f"must be empty for every provider, or one of {names}")
        return value

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Require a site exactly for site roles."""
        is_system = attrs["role"] in {STAFF, SUPERUSER}
        if is_system and attrs["site"] is not None:
            raise serializers.ValidationError({"site": [TAKES_NO_SITE]})
        if not is_system and attrs["site"] is None:
            raise serializers.ValidationError({"site": [NEEDS_SITE]})
        return attrs


class GroupMappingListView(ListAPIView[GroupMapping]):
    """All group mappings."""

    scopes = {"GET": USER, "POST": USER}  # noqa: RUF012 read only
    serializer_class = GroupMappingSerializer
    pagination_class = OldestFirstPagination

    def get_queryset(self) -> QuerySet[GroupMapping]:
        """Return all mappings."""
        return GroupMapping.objects.all()

    @extend_schema(summary="List group mappings")
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Lists which groups of identity providers give which roles. Requires a superuser."""
        _require_superuser(request)
        return super().get(request, *args, **kwargs)

    @extend_schema(summary="Create a group mapping", responses={201: GroupMappingSerializer})
    def post(self, request: Request) -> Response:
        """Gives the members of a group a role, at once. Requires a superuser."""
        _require_superuser(request)
        sent = GroupMappingSerializer(data=request.data)
        sent.is_valid(raise_exception=True)
        values = sent.validated_data
        mapping = mapping_create(
            provider=values.get("provider", ""), group=values["group"], site=values["site"], role=values["role"]
        )
        return Response(GroupMappingSerializer(mapping).data, status=201)


class GroupMappingView(APIView):
    """One group mapping."""

    scopes = {"GET": USER, "DELETE": USER}  # noqa: RUF012

    @extend_schema(summary="Get a group mapping", responses=GroupMappingSerializer)
    def get(self, request: Request, mapping_id: int) -> Response:
        """Returns one group mapping. Requires a superuser."""
        return Response(GroupMappingSerializer(_mapping(request, mapping_id)).data)

    @extend_schema(summary="Delete a group mapping", responses={204: None})
    def delete(self, request: Request, mapping_id: int) -> Response:
        """Deletes the mapping and takes away the roles that it gave, at once. Requires a superuser."""
        mapping_delete(mapping=_mapping(request, mapping_id))
        return Response(status=204)


def _mapping(request: Request, mapping_id: int) -> GroupMapping:
    _require_superuser(request)
    return get_object_or_404(GroupMapping, pk=mapping_id)


def _require_superuser(request: Request) -> None:
    if not user_of(request).is_superuser:
        raise PermissionDenied(ONLY_SUPERUSERS)
