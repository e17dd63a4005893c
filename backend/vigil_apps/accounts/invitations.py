"""Write invitations and the accounts that invited people create."""

from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.contrib.auth.models import User
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.crypto import get_random_string
from knox.crypto import hash_token

from vigil_apps.accounts.models import Invitation
from vigil_apps.sites.models import Site
from vigil_apps.sites.roles import Role
from vigil_apps.sites.services import member_set
from vigil_apps.web.quotas import INVITATIONS, lock, require_quota

NOT_VALID = "This invitation is not valid: it was used, has expired, or was revoked. Ask for another one."
NO_LOCAL_ACCOUNTS = (
    "This server has no local accounts. Open the invitation's link, sign in by the identity provider, and accept it."
)
NAME_TAKEN = "This user name is taken."
_LENGTH = 43
"""Length in characters of 62 kinds: 256 bits."""


class InvalidInvitationError(Exception):
    """The invitation does not exist, has expired or was used."""


class NoLocalAccountsError(Exception):
    """Local accounts are switched off (VIGIL_LOCAL_ACCOUNTS=0)."""


class InvalidAccountError(Exception):
    """The account cannot be created; `errors` maps fields to problems."""

    def __init__(self, errors: dict[str, list[str]]) -> None:
        super().__init__("; ".join(errors))
        self.errors = errors


@dataclass(frozen=True, slots=True)
class NewInvitation:
    """An invitation with its text, which cannot be read again."""

    invitation: Invitation
    token: str


@transaction.atomic
def invitation_create(
    *, invited_by: User, lifetime: timedelta, name: str = "", site: Site | None = None, role: Role = Role.VIEWER
) -> NewInvitation:
    """Create an invitation. Raises QuotaExceededError."""
    token = get_random_string(_LENGTH)
    lock(invited_by)
    own = Invitation.objects.filter(invited_by=invited_by, used_at__isnull=True, expires_at__gt=timezone.now())
    require_quota(INVITATIONS, used=own.count())
    invitation = Invitation.objects.create(
        digest=hash_token(token),
        name=name,
        site=site,
        role=role,
        invited_by=invited_by,
        expires_at=timezone.now() + lifetime,
    )
    return NewInvitation(invitation, token)


def invitation_find(token: str) -> Invitation:
    """Return the open invitation with this text. Raises InvalidInvitationError with one message for every cause."""
    open_ones = Invitation.objects.filter(used_at__isnull=True, expires_at__gt=timezone.now())
    found = open_ones.select_related("site").filter(digest=hash_token(token)).first()
    if found is None:
        raise InvalidInvitationError(NOT_VALID)
    return found


@transaction.atomic
def invitation_accept(*, token: str, user: User) -> Invitation:
    """Use an invitation for an existing user, exactly once even if two requests arrive together.

    A member of the site keeps a higher role. Raises InvalidInvitationError.
    """
    found = Invitation.objects.select_for_update().filter(pk=invitation_find(token).pk, used_at__isnull=True).first()
    if found is None:
        raise InvalidInvitationError(NOT_VALID)
    found.used_at, found.used_by = timezone.now(), user
    found.save(update_fields=["used_at", "used_by"])
    if found.site is not None:
        present = found.site.memberships.filter(user=user).first()
        if present is None or present.role not in Role(found.role).and_above:
            member_set(site=found.site, user=user, role=Role(found.role))
    return found


@transaction.atomic
def account_create_invited(*, token: str, username: str, password: str) -> User:
    """Create a user by invitation.

    Raises InvalidInvitationError, InvalidAccountError or NoLocalAccountsError, and then keeps it usable.
    """
    invitation_find(token)
    user = account_create(username=username, password=password)
    invitation_accept(token=token, user=user)
    return user


def account_create(*, username: str, password: str) -> User:
    """Create a user without access to any site. Raises InvalidAccountError or NoLocalAccountsError."""
    if not settings.VIGIL_LOCAL_ACCOUNTS:
        raise NoLocalAccountsError(NO_LOCAL_ACCOUNTS)
    user = User(username=User.normalize_username(username))
    try:
        user.full_clean(exclude=["password"], validate_unique=False)
        validate_password(password, user)
    except ValidationError as error:
        errors = error.message_dict if hasattr(error, "error_dict") else {"password": list(error.messages)}
        raise InvalidAccountError(errors) from None
    user.set_password(password)
    try:
        with transaction.atomic():
            user.save()
    except IntegrityError:
        raise InvalidAccountError({"username": [NAME_TAKEN]}) from None
    return user
