"""Ed25519 keys in PEM."""

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from vigil_contracts.evidence_verifier import key_id

MAKE_KEY = "openssl genpkey -algorithm ed25519 -out evidence.pem"


def new_key() -> str:
    """Return a new private key in PEM."""
    return (
        Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode().strip()
    )


def key_of(pem: bytes) -> Ed25519PrivateKey | None:
    """Return the private key; None if the text is not an Ed25519 private key without a passphrase."""
    try:
        key = load_pem_private_key(pem, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return None
    return key if isinstance(key, Ed25519PrivateKey) else None


def public_key_id(key: Ed25519PrivateKey) -> str:
    """Return the id of its public key, as manifests name it."""
    return key_id(key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw))


def public_pem(key: Ed25519PrivateKey) -> str:
    """Return its public key in PEM."""
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
