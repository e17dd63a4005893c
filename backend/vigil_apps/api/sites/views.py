"""Endpoints of sites and their members."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import PermissionDenied, ValidationError
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from surveillance.api.errors import translate_errors
from surveillance.services.configured_sites import checked_site_recording
from vigil_apps.accounts.permissions import USER, user_of
from vigil_apps.api.sites.serializers import (
    MemberSerializer,
    NewMemberSerializer,
    RoleSerializer,
    SiteSerializer,
)
from vigil_apps.sites.models import Membership, Site
from vigil_apps.sites.roles import Role
from vigil_apps.sites.selectors import sites_visible_to
from vigil_apps.sites.services import (
    LastAdminError,
    MappedMemberError,
    member_remove,
    member_set,
    site_create,
    site_delete,
    site_update,
)
from vigil_apps.web.api_errors import ConflictError
from vigil_apps.web.pagination import OldestFirstPagination
from vigil_contracts.recording import SiteRecording

INVITE_INSTEAD = (
    "Only an administrator of the server adds people without asking. Invite them: POST /api/invitations/ "
    "answers with a link, by which they become members."
)


class SiteListView(ListAPIView[Site]):
    """The user's sites."""

    scopes = {"GET": USER, "POST": USER}  # noqa: RUF012 read only
    serializer_class = SiteSerializer
    pagination_class = OldestFirstPagination

    def get_queryset(self) -> QuerySet[Site]:
        """Return the sites of which the user is a member."""
        return sites_visible_to(user=user_of(self.request))

    def get_serializer_context(self) -> dict[str, Any]:
        """Add the user's roles."""
        return {**super().get_serializer_context(), **_roles(self.request)}

    @extend_schema(summary="List sites")
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Lists the sites of which you are a member, in the order of their creation."""
        return super().get(request, *args, **kwargs)

    @extend_schema(summary="Create a site", responses={201: SiteSerializer})
    def post(self, request: Request) -> Response:
        """Creates a site with you as its admin."""
        sent = SiteSerializer(data=request.data)
        sent.is_valid(raise_exception=True)
        site = site_create(
            user=user_of(request), name=sent.validated_data["name"], recording=_recording(sent.validated_data)
        )
        return Response(SiteSerializer(site).data, status=201)


class SiteView(APIView):
    """One site."""

    scopes = {"GET": USER, "PATCH": USER, "DELETE": USER}  # noqa: RUF012

    @extend_schema(summary="Get a site", responses=SiteSerializer)
    def get(self, request: Request, site_id: int) -> Response:
        """Returns the site with your role in it."""
        return Response(SiteSerializer(_site(request, site_id), context=_roles(request)).data)

    @extend_schema(summary="Change a site", request=SiteSerializer, responses=SiteSerializer)
    def patch(self, request: Request, site_id: int) -> Response:
        """Renames the site, or sets defaults and ceilings for the recordings of its cameras."""
        site = _site_to_administer(request, site_id)
        sent = SiteSerializer(site, data=request.data, partial=True)
        sent.is_valid(raise_exception=True)
        values = sent.validated_data
        site_update(site=site, name=values.get("name"), recording=_recording(values))
        return Response(SiteSerializer(site, context=_roles(request)).data)

    @extend_schema(summary="Delete a site", responses={204: None})
    def delete(self, request: Request, site_id: int) -> Response:
        """Deletes the site and its memberships. Its cameras remain with the users who created them."""
        site_delete(site=_site_to_administer(request, site_id))
        return Response(status=204)


class MemberListView(APIView):
    """A site's members."""

    scopes = {"GET": USER, "POST": USER}  # noqa: RUF012

    @extend_schema(summary="List the members of a site", responses=MemberSerializer(many=True))
    def get(self, request: Request, site_id: int) -> Response:
        """Lists the site's members in the order in which they joined."""
        members = _site(request, site_id).memberships.select_related("user")
        return Response(MemberSerializer(members, many=True).data)

    @extend_schema(summary="Add a member", request=NewMemberSerializer, responses={201: MemberSerializer})
    def post(self, request: Request, site_id: int) -> Response:
        """Adds a user to the site, or changes a member's role. Requires a superuser.

        Site admins invite people instead (`POST /api/invitations/`); they become members when they accept.
        """
        site = _site_to_administer(request, site_id)
        if not user_of(request).is_superuser:
            raise PermissionDenied(INVITE_INSTEAD)
        sent = NewMemberSerializer(data=request.data)
        sent.is_valid(raise_exception=True)
        user = User.objects.filter(username=sent.validated_data["username"], is_active=True).first()
        if user is None:
            raise ValidationError({"username": ["must be the name of an active user"]})
        with _translate_errors():
            member = member_set(site=site, user=user, role=Role(sent.validated_data["role"]))
        return Response(MemberSerializer(member).data, status=201)


class MemberView(APIView):
    """One member."""

    scopes = {"PATCH": USER, "DELETE": USER}  # noqa: RUF012

    @extend_schema(summary="Change a member's role", request=RoleSerializer, responses=MemberSerializer)
    def patch(self, request: Request, site_id: int, user_id: int) -> Response:
        """Changes the member's role. A site keeps at least one admin."""
        member = _member(_site_to_administer(request, site_id), user_id)
        sent = RoleSerializer(data=request.data)
        sent.is_valid(raise_exception=True)
        with _translate_errors():
            member = member_set(site=member.site, user=member.user, role=Role(sent.validated_data["role"]))
        return Response(MemberSerializer(member).data)

    @extend_schema(summary="Remove a member", responses={204: None})
    def delete(self, request: Request, site_id: int, user_id: int) -> Response:
        """Removes a member; members can remove themselves. A site keeps at least one admin."""
        is_own = user_of(request).pk == user_id
        site = _site(request, site_id) if is_own else _site_to_administer(request, site_id)
        with _translate_errors():
            member_remove(member=_member(site, user_id))
        return Response(status=204)


def _recording(values: dict[str, Any]) -> SiteRecording | None:
    if "recording" not in values:
        return None
    with translate_errors():
        return checked_site_recording(values["recording"])


def _site(request: Request, site_id: int) -> Site:
    site = sites_visible_to(user=user_of(request)).filter(pk=site_id).first()
    if site is None:
        raise Http404
    return site


def _site_to_administer(request: Request, site_id: int) -> Site:
    """Return a site that the user administers: 404 if the user is not a member, 403 if the role is too low."""
    site = _site(request, site_id)
    if not sites_visible_to(user=user_of(request), role=Role.ADMIN).filter(pk=site_id).exists():
        raise PermissionDenied("Only an admin of the site may do that.")
    return site


def _member(site: Site, user_id: int) -> Membership:
    member = site.memberships.select_related("user", "site").filter(user_id=user_id).first()
    if member is None:
        raise Http404
    return member


def _roles(request: Request) -> dict[str, dict[int, str]]:
    user = user_of(request)
    if user.is_superuser:
        return {"roles": {}}
    return {"roles": dict(Membership.objects.filter(user=user).values_list("site_id", "role"))}


@contextmanager
def _translate_errors() -> Iterator[None]:
    try:
        yield
    except LastAdminError:
        raise ConflictError("A site needs an admin. Make another member an admin first.") from None
    except MappedMemberError:
        raise ConflictError(
            "This role comes from a group of the identity provider. Remove the user from the group, or ask an "
            "administrator of the server to change the group mapping."
        ) from None
