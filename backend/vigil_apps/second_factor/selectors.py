"""Read factors and the requirement."""

from allauth.mfa.models import Authenticator
from django.contrib.auth.models import User
from django.db.models import QuerySet

from vigil_apps.second_factor.models import FactorNotice, SecondFactorPolicy
from vigil_apps.second_factor.requirement import Person, is_required
from vigil_apps.sites.models import Membership

MAIN_TYPES = (Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN)
"""Recovery codes alone are no factor: they exist only beside another one."""
NOTICES_SHOWN = 5


def policy() -> SecondFactorPolicy:
    """Return the requirement; unsaved and empty if none was set."""
    return SecondFactorPolicy.objects.first() or SecondFactorPolicy(pk=1)


def has_factor(user: User) -> bool:
    """Return whether the user has an authenticator app or a passkey."""
    return bool(Authenticator.objects.filter(user_id=user.pk, type__in=MAIN_TYPES).exists())


def factors_of(user: User) -> list[Authenticator]:
    """Return the user's factors, the oldest first."""
    return list(Authenticator.objects.filter(user_id=user.pk).order_by("created_at", "pk"))


def is_required_for(user: User, current: SecondFactorPolicy) -> bool:
    """Return whether one of the user's roles requires a second factor."""
    if not current.required_for:
        return False
    site_roles = Membership.objects.filter(user_id=user.pk).values_list("role", flat=True)
    person = Person(user.is_superuser, user.is_staff, frozenset(site_roles))
    return is_required(person, required_for=current.required_for)


def notices_of(user: User) -> QuerySet[FactorNotice]:
    """Return the newest notices that the user has not dismissed."""
    return FactorNotice.objects.filter(user_id=user.pk, is_dismissed=False)[:NOTICES_SHOWN]


def users_with_factor() -> set[int]:
    """Return the ids of all users who have an authenticator app or a passkey."""
    return set(Authenticator.objects.filter(type__in=MAIN_TYPES).values_list("user_id", flat=True))
