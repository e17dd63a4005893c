"""Compare objects with their desired state, so that unchanged objects are not written."""

import json
from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any

import msgspec

IDENTITIES = ("name", "mountPath", "topologyKey", "type")
"""Keys by which Kubernetes identifies list items (containers and env by name, mounts by path, …)."""


def covers(observed: object, desired: object) -> bool:
    """Return whether `observed` contains everything in `desired`; other fields belong to other managers.

    Items of a list are matched by their key if they have one, so that a side car or variable added by someone else is
    not a difference. Fields that are no longer desired are detected by `desired_hash`, stored in an annotation.
    """
    if observed == desired:  # most parts of most objects: Python compares them ten times as fast as the rest does
        return True
    if isinstance(desired, Mapping):
        return isinstance(observed, Mapping) and all(
            name in observed and covers(observed[name], value) for name, value in desired.items()
        )
    if isinstance(desired, str) or not isinstance(desired, Sequence):
        return observed == desired
    if isinstance(observed, str) or not isinstance(observed, Sequence):
        return False
    return _covers_items(observed, desired)


def desired_hash(manifest: Mapping[str, Any]) -> str:
    """Return a short digest of a manifest without secrets."""
    text = msgspec.json.encode(manifest, order="sorted")
    if not text.isascii() or b"\\" in text or b"\x7f" in text:
        # The standard library escapes more. A digest that differs from earlier versions' would restart the detectors.
        text = json.dumps(manifest, sort_keys=True, separators=(",", ":")).encode()
    return sha256(text).hexdigest()[:16]


def _covers_items(observed: Sequence[Any], desired: Sequence[Any]) -> bool:
    identity = _identity(desired)
    if identity is None:
        return len(observed) == len(desired) and all(map(covers, observed, desired))
    by_identity = {item.get(identity): item for item in observed if isinstance(item, Mapping)}
    return all(covers(by_identity.get(item[identity]), item) for item in desired)


def _identity(items: Sequence[Any]) -> str | None:
    for name in IDENTITIES:
        if items and all(isinstance(item, Mapping) and name in item for item in items):
            return name
    return None
