"""Endpoints of invitations and registration."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db.models import QuerySet
from django.http import Http404
from django.urls import reverse
from django.utils.cache import patch_cache_control
from django.views.decorators.debug import sensitive_variables
from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import PermissionDenied, ValidationError
from rest_framework.generics import ListAPIView
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from vigil_apps.accounts.invitations import (
    InvalidAccountError,
    InvalidInvitationError,
    NoLocalAccountsError,
    account_create,
    account_create_invited,
    invitation_accept,
    invitation_create,
)
from vigil_apps.accounts.models import Invitation
from vigil_apps.accounts.permissions import USER, user_of
from vigil_apps.api.accounts.serializers import (
    AcceptSerializer,
    AccountSerializer,
    InvitationRequestSerializer,
    InvitationSerializer,
    InvitedAccountSerializer,
    NewInvitationSerializer,
    UserSerializer,
)
from vigil_apps.sites.models import Site
from vigil_apps.sites.roles import Role
from vigil_apps.sites.selectors import is_admin_anywhere, sites_visible_to
from vigil_apps.web.pagination import ByIdPagination

NOT_ADMIN = "Only an administrator, or the admin of a site, may invite."
NOT_YOUR_SITE = "must be a site of which you are an admin"
CLOSED = "Nobody can register here. Ask an administrator for an invitation."


class InvitationListView(ListAPIView[Invitation]):
    """Invitations, for admins."""

    scopes = {"GET": USER, "POST": USER}  # noqa: RUF012 read only
    serializer_class = InvitationSerializer
    pagination_class = ByIdPagination

    def get_queryset(self) -> QuerySet[Invitation]:
        """Return the invitations that the user manages."""
        return _visible(self.request)

    @extend_schema(summary="List invitations")
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Lists the invitations to your sites, including used ones, the newest first. Superusers see all."""
        _require_admin(request)
        return super().get(request, *args, **kwargs)

    @extend_schema(
        summary="Create an invitation", request=InvitationRequestSerializer, responses={201: NewInvitationSerializer}
    )
    def post(self, request: Request) -> Response:
        """Creates an invitation for one person and returns its link, which is shown only once."""
        _require_admin(request)
        sent = InvitationRequestSerializer(data=request.data)
        sent.is_valid(raise_exception=True)
        values = sent.validated_data
        made = invitation_create(
            invited_by=user_of(request),
            lifetime=timedelta(days=values["expires_in_days"]),
            name=values["name"],
            site=_site(request, values["site"]),
            role=Role(values["role"]),
        )
        url = request.build_absolute_uri(reverse("invitation", args=[made.token]))
        body = {"invitation": made.invitation, "token": made.token, "url": url}
        response = Response(NewInvitationSerializer(body).data, status=201)
        patch_cache_control(response, no_store=True)
        return response


class InvitationView(APIView):
    """One invitation."""

    scopes = {"DELETE": USER}  # noqa: RUF012

    @extend_schema(summary="Revoke an invitation", responses={204: None})
    def delete(self, request: Request, invitation_id: UUID) -> Response:
        """Revokes the invitation: its link stops working immediately."""
        invitation = _visible(request).filter(public_id=invitation_id).first()
        if invitation is None:
            raise Http404
        invitation.delete()
        return Response(status=204)


class AcceptView(APIView):
    """Accept an invitation with an existing account."""

    scopes = {"POST": USER}  # noqa: RUF012

    @extend_schema(summary="Accept an invitation", request=AcceptSerializer, responses=InvitationSerializer)
    def post(self, request: Request) -> Response:
        """Adds you to the invitation's site. The invitation cannot be used again."""
        sent = AcceptSerializer(data=request.data)
        sent.is_valid(raise_exception=True)
        with _translate_errors():
            invitation = invitation_accept(token=sent.validated_data["token"], user=user_of(request))
        return Response(InvitationSerializer(invitation).data)


class InvitedAccountView(APIView):
    """A new account by invitation."""

    authentication_classes = ()
    permission_classes = (AllowAny,)

    @extend_schema(
        summary="Create an account by invitation",
        request=InvitedAccountSerializer,
        responses={201: UserSerializer},
        auth=[],
    )
    @sensitive_variables()
    def post(self, request: Request) -> Response:
        """Creates an account with the invitation's role in its site. The invitation cannot be used again."""
        sent = InvitedAccountSerializer(data=request.data)
        sent.is_valid(raise_exception=True)
        with _translate_errors():
            user = account_create_invited(**sent.validated_data)
        return Response(UserSerializer(user).data, status=201)


class RegisterView(APIView):
    """Registration without an invitation, if it is enabled."""

    authentication_classes = ()
    permission_classes = (AllowAny,)

    @extend_schema(summary="Create an account", request=AccountSerializer, responses={201: UserSerializer}, auth=[])
    @sensitive_variables()
    def post(self, request: Request) -> Response:
        """Creates an account. Returns 403 unless VIGIL_SELF_REGISTRATION is on."""
        if not settings.VIGIL_SELF_REGISTRATION:
            raise PermissionDenied(CLOSED)
        sent = AccountSerializer(data=request.data)
        sent.is_valid(raise_exception=True)
        with _translate_errors():
            user = account_create(**sent.validated_data)
        return Response(UserSerializer(user).data, status=201)


def _visible(request: Request) -> QuerySet[Invitation]:
    invitations = Invitation.objects.select_related("invited_by", "used_by")
    user = user_of(request) if request.user.is_authenticated else None
    if user is None:  # the schema is generated without a user
        return invitations.none()
    if user.is_superuser:
        return invitations
    return invitations.filter(site__in=sites_visible_to(user=user, role=Role.ADMIN))


def _require_admin(request: Request) -> None:
    if not is_admin_anywhere(user_of(request)):
        raise PermissionDenied(NOT_ADMIN)


def _site(request: Request, site_id: int | None) -> Site | None:
    """Return the site to invite to. Only a superuser may omit it: the invitation then grants no site."""
    user = user_of(request)
    if site_id is None and user.is_superuser:
        return None
    site = sites_visible_to(user=user, role=Role.ADMIN).filter(pk=site_id).first() if site_id is not None else None
    if site is None:
        raise ValidationError({"site": [NOT_YOUR_SITE]})
    return site


@contextmanager
def _translate_errors() -> Iterator[None]:
    try:
        yield
    except InvalidInvitationError as error:
        raise ValidationError({"token": [str(error)]}) from None
    except InvalidAccountError as error:
        raise ValidationError(error.errors) from None
    except NoLocalAccountsError as error:
        raise PermissionDenied(str(error)) from None
