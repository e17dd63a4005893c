"""Write the requirement, reset factors, and dismiss notices."""

from collections.abc import Collection

from allauth.mfa.models import Authenticator
from django.contrib.auth.models import User
from django.db import transaction

from vigil_apps.second_factor.models import Change, FactorNotice, SecondFactorPolicy
from vigil_apps.second_factor.notices import tell
from vigil_apps.second_factor.requirement import Holder


@transaction.atomic
def policy_set(*, required_for: Collection[str], after_single_sign_on: bool) -> SecondFactorPolicy:
    """Set who needs a second factor from the next sign-in on."""
    stored, _ = SecondFactorPolicy.objects.select_for_update().get_or_create(pk=1)
    stored.required_for = [str(role) for role in Holder if role in required_for]
    stored.after_single_sign_on = after_single_sign_on
    stored.save()
    return stored


@transaction.atomic
def factors_reset(*, user: User) -> int:
    """Delete all factors of a user who lost them, tell the user, and return how many there were."""
    rows = list(Authenticator.objects.select_for_update().filter(user_id=user.pk))
    for row in rows:  # one by one, for the audit trail
        row.delete()
    if rows:
        tell(user, Change.RESET)
    return len(rows)


def notices_dismiss(*, user: User) -> None:
    """Dismiss all notices of the user."""
    FactorNotice.objects.filter(user_id=user.pk, is_dismissed=False).update(is_dismissed=True)
