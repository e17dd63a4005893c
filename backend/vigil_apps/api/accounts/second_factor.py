"""Endpoints of second factors, for superusers: who needs one, and reset of a user's factors.

They accept tokens only. In a browser, the dashboard asks the administrator to confirm each of these changes.
"""

from django.contrib.auth.models import User
from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import PermissionDenied
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from vigil_apps.accounts.authentication import ScopedTokenAuthentication
from vigil_apps.accounts.permissions import USER, user_of
from vigil_apps.api.accounts.serializers import FactorSerializer, SecondFactorPolicySerializer
from vigil_apps.second_factor.selectors import factors_of, policy
from vigil_apps.second_factor.services import factors_reset, policy_set

NOT_SUPERUSER = "Only a system administrator may do that."


class SecondFactorPolicyView(APIView):
    """The roles that need a second factor."""

    authentication_classes = (ScopedTokenAuthentication,)
    scopes = {"GET": USER, "PATCH": USER}  # noqa: RUF012 read only

    @extend_schema(summary="Get who needs a second factor", responses=SecondFactorPolicySerializer)
    def get(self, request: Request) -> Response:
        """Returns the roles that need a second factor."""
        _require_superuser(request)
        return Response(SecondFactorPolicySerializer(policy()).data)

    @extend_schema(
        operation_id="second_factor_policy_update",
        summary="Set who needs a second factor",
        request=SecondFactorPolicySerializer,
        responses=SecondFactorPolicySerializer,
    )
    def patch(self, request: Request) -> Response:
        """Sets the roles. It applies to each user from the next sign-in on; tokens are not affected."""
        _require_superuser(request)
        sent = SecondFactorPolicySerializer(policy(), data=request.data, partial=True)
        sent.is_valid(raise_exception=True)
        current = policy()
        stored = policy_set(
            required_for=sent.validated_data.get("required_for", current.required_for),
            after_single_sign_on=sent.validated_data.get("after_single_sign_on", current.after_single_sign_on),
        )
        return Response(SecondFactorPolicySerializer(stored).data)


class UserFactorsView(APIView):
    """The second factors of one user."""

    authentication_classes = (ScopedTokenAuthentication,)
    scopes = {"GET": USER, "DELETE": USER}  # noqa: RUF012

    @extend_schema(
        operation_id="user_second_factors",
        summary="List a user's second factors",
        responses=FactorSerializer(many=True),
    )
    def get(self, request: Request, user_id: int) -> Response:
        """Lists the user's factors, without secrets."""
        return Response(FactorSerializer(factors_of(_user(request, user_id)), many=True).data)

    @extend_schema(summary="Reset a user's second factors", responses={204: None})
    def delete(self, request: Request, user_id: int) -> Response:
        """Deletes all second factors of a user who lost them. The user is told."""
        factors_reset(user=_user(request, user_id))
        return Response(status=204)


def _require_superuser(request: Request) -> None:
    if not user_of(request).is_superuser:
        raise PermissionDenied(NOT_SUPERUSER)


def _user(request: Request, user_id: int) -> User:
    _require_superuser(request)
    user = User.objects.filter(pk=user_id).first()
    if user is None:
        raise Http404
    return user
