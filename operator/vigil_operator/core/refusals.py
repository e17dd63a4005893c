"""How long the API server has refused what cameras need: a lasting refusal is reported, a passing one only retried.

A new CRD, webhook or namespace may refuse a write for some seconds.
"""

import time
from base64 import b64decode
from collections.abc import Callable, Mapping
from typing import Any

from vigil_operator.core.observed import Key

REPORTED_AFTER_SECONDS = 30.0


class Refusals:
    """The cameras whose latest reconcile was refused. The state is lost with the process."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._since: dict[Key, float] = {}

    def record(self, camera: Key) -> float:
        """Record a refused write; return in how many seconds it must be reported if the next one is refused too."""
        now = self._monotonic()
        return max(0.0, REPORTED_AFTER_SECONDS - (now - self._since.setdefault(camera, now)))

    def forget(self, camera: Key) -> None:
        """Forget the camera: all its writes were accepted, or it is gone."""
        self._since.pop(camera, None)


def secrets_in(manifest: Mapping[str, Any]) -> list[str]:
    """Return the secret values of a manifest, plain and encoded, which an answer about it must not repeat."""
    if manifest["kind"] != "Secret":
        return []
    encoded = [str(value) for value in (manifest.get("data") or {}).values()]
    plain = [b64decode(value).decode() for value in encoded]
    return [value for value in (*encoded, *plain) if len(value) > 1]
