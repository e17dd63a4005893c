"""The private key that signs exports (`VIGIL_EVIDENCE_KEY`), and the public keys that were ever used."""

from datetime import datetime

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.conf import settings
from django.db import transaction

from vigil_apps.evidence.core.keys import key_of, public_key_id, public_pem
from vigil_apps.evidence.models import EvidenceKey


class NoSigningKeyError(Exception):
    """No usable key is configured; the message tells the administrator what to do."""


def signing_key(*, now: datetime) -> Ed25519PrivateKey:
    """Return the configured key after publishing its public key. Raises NoSigningKeyError."""
    key = key_of(settings.VIGIL_EVIDENCE_KEY.encode()) if settings.VIGIL_EVIDENCE_KEY else None
    if key is None:
        raise NoSigningKeyError("There is no key to sign exports. An administrator must set VIGIL_EVIDENCE_KEY_FILE.")
    _publish(key, now)
    return key


def published_keys(*, now: datetime) -> list[EvidenceKey]:
    """Return the public keys, that which signs now first."""
    if settings.VIGIL_EVIDENCE_KEY:
        signing_key(now=now)
    return list(EvidenceKey.objects.all())


def _publish(key: Ed25519PrivateKey, now: datetime) -> None:
    """Add the key; it ends the validity of the others. A key that is used again becomes valid again."""
    own = public_key_id(key)
    if EvidenceKey.objects.filter(pk=own, valid_until=None).exists():
        return
    with transaction.atomic():
        EvidenceKey.objects.filter(valid_until=None).exclude(pk=own).update(valid_until=now)
        EvidenceKey.objects.bulk_create(
            [EvidenceKey(key_id=own, public_key=public_pem(key), valid_from=now)], ignore_conflicts=True
        )
        EvidenceKey.objects.filter(pk=own).update(valid_until=None)
