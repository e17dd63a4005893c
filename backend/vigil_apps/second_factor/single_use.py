"""Accept each code of an authenticator app once (RFC 6238, section 5.2)."""

from collections.abc import Iterable

from allauth.core.internal.cryptokit import compare_user_code
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value, yield_hotp_counters_from_time
from allauth.mfa.utils import decrypt
from django.db import transaction

_LAST_STEP = "last_step"


def matching_step(secret: str, code: str, steps: Iterable[int], *, last: int) -> int | None:
    """Return the time step of the code among `steps`, if it is newer than the `last` accepted one."""
    for step in steps:
        if step > last and compare_user_code(actual=code, expected=format_hotp_value(hotp_value(secret, step))):
            return step
    return None


@transaction.atomic
def take(authenticator: Authenticator, code: str) -> bool:
    """Use up the code's time step; return false if this or a later code was accepted before.

    The row is locked, so that of two simultaneous requests one succeeds.
    """
    row = Authenticator.objects.select_for_update().get(pk=authenticator.pk)
    last = int(row.data.get(_LAST_STEP, -1))
    step = matching_step(decrypt(row.data["secret"]), code, yield_hotp_counters_from_time(), last=last)
    if step is None:
        return False
    row.data[_LAST_STEP] = authenticator.data[_LAST_STEP] = step
    row.save(update_fields=["data"])
    return True
