"""The key that identifies this server to push services (RFC 8292): 32 bytes of P-256 in Base64 (URL alphabet)."""

import base64

from cryptography.hazmat.primitives.asymmetric import ec


def new_key() -> str:
    """Return a new private key."""
    number = ec.generate_private_key(ec.SECP256R1()).private_numbers().private_value
    return base64.urlsafe_b64encode(number.to_bytes(32, "big")).decode().rstrip("=")


def is_key(text: str) -> bool:
    """Return whether the text is such a key."""
    try:
        number = int.from_bytes(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)), "big")
        ec.derive_private_key(number, ec.SECP256R1())
    except ValueError:
        return False
    return True
