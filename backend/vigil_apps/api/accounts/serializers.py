"""Serializers of the accounts' endpoints."""

from typing import Any

from allauth.mfa.models import Authenticator
from rest_framework import serializers

from vigil_apps.accounts.models import AuthToken, Invitation
from vigil_apps.accounts.scopes import Scope
from vigil_apps.second_factor.requirement import Holder
from vigil_apps.sites.roles import Role
from vigil_apps.web.strict_fields import StrictFields

MAX_TOKEN_DAYS = 365
MAX_INVITATION_DAYS = 30


class CredentialsSerializer(StrictFields, serializers.Serializer[None]):
    """User name and password for a new token."""

    username = serializers.CharField(max_length=150)
    password = serializers.CharField(max_length=4096, trim_whitespace=False, style={"input_type": "password"})
    name = serializers.CharField(max_length=100, required=False, default="", allow_blank=True)
    code = serializers.CharField(
        max_length=32,
        required=False,
        default="",
        allow_blank=True,
        help_text="Code of the authenticator app, or a recovery code, if the account has a second factor.",
    )


class NewTokenSerializer(serializers.Serializer[None]):
    """A token's text, shown only once."""

    token = serializers.CharField(read_only=True)
    expires_at = serializers.DateTimeField(read_only=True, allow_null=True)


class TokenRequestSerializer(StrictFields, serializers.Serializer[Any]):
    """The properties of a new token."""

    name = serializers.CharField(max_length=100, help_text="Purpose of the token.")
    expires_in_days = serializers.IntegerField(
        min_value=1, max_value=MAX_TOKEN_DAYS, required=False, help_text="Default: VIGIL_TOKEN_LIFETIME_DAYS."
    )


class TokenSerializer(serializers.ModelSerializer[AuthToken]):
    """A token, without its text."""

    id = serializers.UUIDField(source="public_id", read_only=True)
    scope = serializers.ChoiceField(choices=Scope.choices, read_only=True)
    created_at = serializers.DateTimeField(source="created", read_only=True)
    expires_at = serializers.DateTimeField(source="expiry", read_only=True, allow_null=True)
    is_current = serializers.SerializerMethodField(help_text="Whether this request uses the token.")

    class Meta:
        model = AuthToken
        fields = ("id", "name", "scope", "created_at", "last_used_at", "expires_at", "is_current")
        read_only_fields = fields

    def get_is_current(self, token: AuthToken) -> bool:
        """Return whether the request uses this token."""
        auth = getattr(self.context.get("request"), "auth", None)
        return isinstance(auth, AuthToken) and auth.pk == token.pk


class InvitationRequestSerializer(StrictFields, serializers.Serializer[Any]):
    """Name, site and role of a new invitation."""

    name = serializers.CharField(
        max_length=100, required=False, default="", allow_blank=True, help_text="Name of the invited person."
    )
    site = serializers.IntegerField(
        required=False, allow_null=True, default=None, min_value=1, max_value=2**63 - 1, help_text="The site to join."
    )
    role = serializers.ChoiceField(choices=Role.choices, required=False, default=Role.VIEWER)
    expires_in_days = serializers.IntegerField(min_value=1, max_value=MAX_INVITATION_DAYS, required=False, default=7)


class InvitationSerializer(serializers.ModelSerializer[Invitation]):
    """An invitation, without its text."""

    id = serializers.UUIDField(source="public_id", read_only=True)
    site = serializers.IntegerField(source="site_id", read_only=True, allow_null=True)
    invited_by: serializers.SlugRelatedField[Any] = serializers.SlugRelatedField(
        slug_field="username", read_only=True, allow_null=True
    )
    used_by: serializers.SlugRelatedField[Any] = serializers.SlugRelatedField(
        slug_field="username", read_only=True, allow_null=True
    )

    class Meta:
        model = Invitation
        fields = ("id", "name", "site", "role", "invited_by", "created_at", "expires_at", "used_at", "used_by")
        read_only_fields = fields


class NewInvitationSerializer(serializers.Serializer[Any]):
    """An invitation with its link, which is shown only once."""

    invitation = InvitationSerializer(read_only=True)
    token = serializers.CharField(read_only=True)
    url = serializers.CharField(read_only=True, help_text="Link for the invited person, valid for one use.")


class AcceptSerializer(StrictFields, serializers.Serializer[Any]):
    """The text of an invitation."""

    token = serializers.CharField(max_length=200)


class AccountSerializer(StrictFields, serializers.Serializer[Any]):
    """A new account."""

    username = serializers.CharField(max_length=150)
    password = serializers.CharField(max_length=4096, trim_whitespace=False, style={"input_type": "password"})


class InvitedAccountSerializer(AccountSerializer):
    """A new account by invitation."""

    token = serializers.CharField(max_length=200)


class UserSerializer(serializers.Serializer[Any]):
    """A user."""

    id = serializers.IntegerField(read_only=True)
    username = serializers.CharField(read_only=True)


class SecondFactorPolicySerializer(StrictFields, serializers.Serializer[Any]):
    """Who needs a second factor."""

    required_for = serializers.ListField(
        child=serializers.ChoiceField(choices=[(str(role), str(role)) for role in Holder]),
        max_length=len(Holder),
        help_text="Roles: superuser, staff, and the site roles admin, operator and viewer. Empty: nobody.",
    )
    after_single_sign_on = serializers.BooleanField(
        help_text="Also after a sign-in by a proxy or an OpenID provider."
    )


class FactorSerializer(serializers.Serializer[Any]):
    """A second factor, without its secret."""

    type = serializers.ChoiceField(choices=Authenticator.Type.choices, read_only=True)
    name = serializers.CharField(read_only=True, source="__str__", help_text="A passkey's name, or the type.")
    created_at = serializers.DateTimeField(read_only=True)
    last_used_at = serializers.DateTimeField(read_only=True, allow_null=True)
