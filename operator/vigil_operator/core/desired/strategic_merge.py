"""Kubernetes' strategic merge of a pod's `spec` with additions to it.

Objects are merged field by field. Items of a list are merged by their key, as declared in the API (`patchMergeKey`);
other lists and all scalars are replaced. See "Update API Objects in Place Using kubectl patch" in Kubernetes' docs.
"""

from collections.abc import Mapping, Sequence
from typing import Any

MERGE_KEYS: Mapping[str, str] = {
    "claims": "name",
    "containers": "name",
    "resourceClaims": "name",
    "volumeMounts": "mountPath",
    "volumes": "name",
}


def strategic_merge(base: Mapping[str, Any], overlay: Mapping[str, Any]) -> dict[str, Any]:
    """Return `base` with the fields of `overlay`; neither is changed. New list items come last."""
    merged = dict(base)
    for name, value in overlay.items():
        before = merged.get(name)
        if isinstance(value, Mapping) and isinstance(before, Mapping):
            merged[name] = strategic_merge(before, value)
        elif name in MERGE_KEYS and isinstance(before, Sequence):
            merged[name] = _merge_items(before, value, MERGE_KEYS[name])
        else:
            merged[name] = value
    return merged


def _merge_items(
    base: Sequence[Mapping[str, Any]], overlay: Sequence[Mapping[str, Any]], key: str
) -> list[Mapping[str, Any]]:
    items: dict[Any, Mapping[str, Any]] = {item[key]: item for item in base}
    for item in overlay:
        items[item[key]] = strategic_merge(items.get(item[key], {}), item)
    return list(items.values())
