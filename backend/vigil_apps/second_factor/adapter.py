"""Vigil's side of django-allauth's second factors: encryption at rest, names, and the host of passkeys."""

import re
from ipaddress import ip_address
from urllib.parse import urlsplit

from allauth.core import context
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.models import Authenticator
from django.conf import settings
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from surveillance.credentials import CredentialsUnreadableError, decrypt, encrypt

ISSUER = "Vigil"
UNREADABLE = _(
    "The stored second factor cannot be read, because its encryption key is missing. "
    "Use a passkey, or ask an administrator to reset your second factor."
)


class MfaAdapter(DefaultMFAAdapter):  # type: ignore[misc]  # allauth has no types
    """Encrypts with the keys of the cameras' credentials (`VIGIL_CREDENTIAL_KEYS`)."""

    def encrypt(self, text: str) -> str:
        """Return the encrypted text."""
        return encrypt(text)

    def decrypt(self, encrypted_text: str) -> str:
        """Return the plain text. Raises ValidationError, which forms show, if no key can decrypt it."""
        try:
            return decrypt(encrypted_text)
        except CredentialsUnreadableError:
            raise ValidationError(UNREADABLE) from None

    def get_totp_issuer(self) -> str:
        """Return the name that authenticator apps show, with the host of this server."""
        host = urlsplit(settings.VIGIL_PUBLIC_URL).hostname
        return f"{ISSUER} ({host})" if host else ISSUER

    def get_public_key_credential_rp_entity(self) -> dict[str, str]:
        """Return the host for which passkeys are valid."""
        return {"id": host_of(context.request), "name": ISSUER}

    def generate_authenticator_name(self, user: User, type: Authenticator.Type) -> str:  # noqa: A002 as in allauth
        """Return the suggested name of a new passkey."""
        count = Authenticator.objects.filter(user_id=user.pk, type=type).count()
        return str(_("Passkey")) + (f" {count + 1}" if count else "")


def host_of(request: HttpRequest) -> str:
    """Return the request's host without its port; for IPv6 with its brackets."""
    return re.sub(r":\d+$", "", request.get_host())


def can_have_passkeys(request: HttpRequest) -> bool:
    """Return whether browsers create passkeys here: a host name with HTTPS, or localhost (WebAuthn, 5.1.3)."""
    host = host_of(request)
    try:
        ip_address(host.strip("[]"))
    except ValueError:
        return request.is_secure() or host == "localhost" or host.endswith(".localhost")
    return False
