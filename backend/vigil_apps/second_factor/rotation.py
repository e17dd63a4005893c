"""Re-encrypt the secrets of authenticator apps and recovery codes with the first key."""

from allauth.mfa.models import Authenticator
from django.db import transaction

from surveillance.credentials import CredentialsUnreadableError, decrypt, encrypt

_FIELDS = {Authenticator.Type.TOTP: "secret", Authenticator.Type.RECOVERY_CODES: "seed"}


def rotate() -> tuple[int, list[object]]:
    """Return the number of re-encrypted factors, and the primary keys of those that no key can decrypt."""
    unreadable: list[object] = []
    keys = list(Authenticator.objects.filter(type__in=_FIELDS).order_by("pk").values_list("pk", flat=True))
    for key in keys:
        with transaction.atomic():
            row = Authenticator.objects.select_for_update().filter(pk=key).first()
            if row is None:
                continue
            field = _FIELDS[row.type]
            try:
                row.data[field] = encrypt(decrypt(row.data[field]))
            except CredentialsUnreadableError:
                unreadable.append(key)
            else:
                Authenticator.objects.filter(pk=key).update(data=row.data)
    return len(keys) - len(unreadable), unreadable
