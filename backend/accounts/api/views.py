"""Endpoints of accounts."""

from datetime import timedelta

from django.conf import settings
from django.contrib.auth import authenticate
from django.contrib.auth.models import User
from django.utils import timezone
from django.views.decorators.debug import sensitive_variables
from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.api.serializers import CredentialsSerializer, NewTokenSerializer
from accounts.authentication import ScopedTokenAuthentication
from accounts.scopes import Scope
from accounts.services import token_create


class TokenView(APIView):
    """Makes a token of a user who says their password."""

    authentication_classes = ()
    permission_classes = (AllowAny,)

    def get_authenticate_header(self, request: Request) -> str:
        """A wrong password is 401."""
        return str(ScopedTokenAuthentication().authenticate_header(request))

    @extend_schema(
        operation_id="token_create",
        request=CredentialsSerializer,
        responses={200: NewTokenSerializer},
        summary="Make a token of your own",
        auth=[],
    )
    @sensitive_variables()
    def post(self, request: Request) -> Response:
        """Answers a new token with the scope of its user. It is shown this once."""
        given = CredentialsSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        user = authenticate(
            request._request, username=given.validated_data["username"], password=given.validated_data["password"]
        )
        if not isinstance(user, User):
            raise AuthenticationFailed("User name or password is wrong.")
        lifetime = timedelta(days=settings.ENVIRONMENT.token_lifetime_days)
        token = token_create(user=user, scope=Scope.USER, name=given.validated_data["name"], lifetime=lifetime)
        return Response({"token": token, "expires_at": timezone.now() + lifetime})
