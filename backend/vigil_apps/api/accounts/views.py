"""Endpoints of tokens."""

from datetime import datetime, timedelta
from typing import Any, cast
from uuid import UUID

from django.conf import settings
from django.contrib.auth import authenticate
from django.contrib.auth.models import User
from django.db.models import Q, QuerySet
from django.http import Http404
from django.utils import timezone
from django.utils.cache import patch_cache_control
from django.views.decorators.debug import sensitive_variables
from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import AuthenticationFailed, ValidationError
from rest_framework.generics import ListAPIView
from rest_framework.parsers import FormParser
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from vigil_apps.accounts.authentication import ScopedTokenAuthentication
from vigil_apps.accounts.models import AuthToken
from vigil_apps.accounts.permissions import USER, user_of
from vigil_apps.accounts.scopes import Scope
from vigil_apps.accounts.services import token_rotate, user_token_create
from vigil_apps.api.accounts.serializers import (
    CredentialsSerializer,
    NewTokenSerializer,
    TokenRequestSerializer,
    TokenSerializer,
)
from vigil_apps.second_factor.token_codes import code_problem
from vigil_apps.web.api_errors import ConflictError
from vigil_apps.web.json_input import BoundedJSONParser
from vigil_apps.web.pagination import NewestTokenPagination
from vigil_apps.web.strict_fields import refuse_fields


class TokenView(APIView):
    """Create a token with a password."""

    authentication_classes = ()
    parser_classes = (BoundedJSONParser, FormParser)  # a form is what `curl -d` sends
    permission_classes = (AllowAny,)

    def get_authenticate_header(self, request: Request) -> str:
        """Answer a wrong password with 401."""
        return str(ScopedTokenAuthentication().authenticate_header(request))

    @extend_schema(
        operation_id="token_create",
        request=CredentialsSerializer,
        responses={200: NewTokenSerializer},
        summary="Create a token with a password",
        auth=[],
    )
    @sensitive_variables()
    def post(self, request: Request) -> Response:
        """Creates a token with the scope `user`. It is shown only once.

        An account with a second factor needs a `code` too.
        """
        given = CredentialsSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        user = authenticate(
            request._request, username=given.validated_data["username"], password=given.validated_data["password"]
        )
        if not isinstance(user, User):
            raise AuthenticationFailed("Incorrect user name or password.")
        if problem := code_problem(user, given.validated_data["code"]):
            raise ValidationError({"code": [problem]})
        lifetime = timedelta(days=settings.ENVIRONMENT.token_lifetime_days)
        token = user_token_create(user=user, name=given.validated_data["name"], lifetime=lifetime)
        return Response({"token": token, "expires_at": timezone.now() + lifetime})


class TokenListView(ListAPIView[AuthToken]):
    """The user's tokens."""

    scopes = {"GET": USER, "POST": USER}  # noqa: RUF012 read only
    serializer_class = TokenSerializer
    pagination_class = NewestTokenPagination

    def get_queryset(self) -> QuerySet[AuthToken]:
        """Return the user's tokens that have not expired."""
        return _own_tokens(self.request)

    @extend_schema(summary="List tokens")
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Lists your tokens that have not expired, the newest first, without their text."""
        return super().get(request, *args, **kwargs)

    @extend_schema(
        operation_id="tokens_create",
        summary="Create a token",
        request=TokenRequestSerializer,
        responses={201: NewTokenSerializer},
    )
    def post(self, request: Request) -> Response:
        """Creates a token with the scope `user`. It is shown only once."""
        sent = TokenRequestSerializer(data=request.data)
        sent.is_valid(raise_exception=True)
        days = sent.validated_data.get("expires_in_days", settings.ENVIRONMENT.token_lifetime_days)
        lifetime = timedelta(days=days)
        name = sent.validated_data["name"]
        token = user_token_create(user=user_of(request), name=name, lifetime=lifetime)
        return _token_response(token, timezone.now() + lifetime)


class TokenDetailView(APIView):
    """One token."""

    scopes = {"DELETE": USER}  # noqa: RUF012

    @extend_schema(summary="Revoke a token", responses={204: None})
    def delete(self, request: Request, token_id: UUID) -> Response:
        """Revokes the token immediately."""
        _own_token(request, token_id).delete()
        return Response(status=204)


class TokenRotateView(APIView):
    """Replacement of a token."""

    scopes = {"POST": USER}  # noqa: RUF012

    @extend_schema(
        operation_id="tokens_rotate",
        summary="Rotate a token",
        request=None,
        responses={201: NewTokenSerializer},
    )
    def post(self, request: Request, token_id: UUID) -> Response:
        """Creates a token with the same name and lifetime. The old one expires ten minutes later."""
        refuse_fields(request)
        former = _own_token(request, token_id)
        if former.scope != Scope.USER:
            raise ConflictError("Service tokens are replaced with `manage.py create_token --replace`.")
        lifetime = former.expiry - former.created if former.expiry is not None else None
        return _token_response(
            token_rotate(token=former), timezone.now() + lifetime if lifetime is not None else None
        )


def _own_tokens(request: Request) -> QuerySet[AuthToken]:
    good = Q(expiry__isnull=True) | Q(expiry__gt=timezone.now())
    return cast("QuerySet[AuthToken]", AuthToken.objects.filter(good, user=user_of(request)))


def _own_token(request: Request, token_id: UUID) -> AuthToken:
    token = _own_tokens(request).select_related("user").filter(public_id=token_id).first()
    if token is None:
        raise Http404
    return token


def _token_response(token: str, expires_at: datetime | None) -> Response:
    response = Response({"token": token, "expires_at": expires_at}, status=201)
    patch_cache_control(response, no_store=True)
    return response
