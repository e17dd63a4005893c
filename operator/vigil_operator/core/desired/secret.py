"""The Secret of a camera's detector: its token, and the camera's credentials."""

import hashlib
import hmac
from base64 import b64encode

from vigil_operator.core.desired.plan import DetectorPlan, DetectorSecrets, Manifest, metadata

TOKEN_KEY = "token"  # noqa: S105 - the key's name, no token
USERNAME_KEY = "username"
PASSWORD_KEY = "password"  # noqa: S105 - the key's name, no password


def build_secret(plan: DetectorPlan) -> Manifest:
    """Return the Secret. It has no digest of its content: more users can read annotations than Secrets."""
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": metadata(plan),
        "type": "Opaque",
        "data": {name: b64encode(value.encode()).decode() for name, value in _values(plan.secrets).items()},
    }


def credentials_checksum(secrets: DetectorSecrets) -> str:
    """Changes when the token or the credentials do, so that the pod is replaced; and tells nothing about them.

    It stands in a readable annotation. A plain hash would let anybody try passwords offline; this one is keyed with
    the token, which has more entropy than can be tried.
    """
    message = f"{secrets.username}\0{secrets.password}".encode()
    return hmac.new(secrets.token.encode(), message, hashlib.sha256).hexdigest()[:16]


def _values(secrets: DetectorSecrets) -> dict[str, str]:
    values = {TOKEN_KEY: secrets.token}
    if secrets.username or secrets.password:
        values |= {USERNAME_KEY: secrets.username, PASSWORD_KEY: secrets.password}
    return values
