"""Merge the defaults of CameraPolicies into a camera's spec.

The order is: the camera's own value, then the policies by priority (the highest first) and name, then the default of
the class or the system. A value is the camera's own if the field is present in its resource, even if it is empty.
Everything here works on `spec` as the API server stores it; the result is validated like any other spec.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from vigil_operator.core.policy_spec import LabelRequirement, LabelSelector
from vigil_operator.core.specs import CameraSpec, InvalidSpecError, parse_camera_spec

FIELDS: tuple[tuple[str, ...], ...] = (
    ("detectorClassName",),
    ("detection", "framesPerSecond"),
    ("detection", "minimumConfidence"),
    ("detection", "classes"),
    ("detection", "rules"),
    ("detection", "schedule"),
    ("recording", "mode"),
    ("recording", "stream"),
    ("recording", "secondsBefore"),
    ("recording", "secondsAfter"),
    ("recording", "days"),
    ("recording", "gigabytes"),
    ("retention", "days"),
    ("retention", "megabytes"),
)
"""The fields that a policy can set, each as a whole: two lists of rules are not combined."""


@dataclass(frozen=True, slots=True)
class PolicyRevision:
    """An accepted version of a policy."""

    name: str
    generation: int
    priority: int
    selector: LabelSelector
    defaults: Mapping[str, Any]
    """`spec.defaults` as the API server stores it."""

    def values(self) -> dict[str, Any]:
        """Return the fields that the policy sets, by path such as `recording.mode`."""
        return dict(_values_in(self.defaults))


@dataclass(frozen=True, slots=True)
class MergedSpec:
    """A camera's spec with the values of its policies."""

    spec: Any
    fields: Mapping[str, tuple[str, ...]]
    """For each policy that selects the camera, the fields that come from it; in the order of precedence."""
    generations: Mapping[str, int]
    """The generation of each of these policies."""

    @property
    def sources(self) -> dict[str, str]:
        """The policy of each field that comes from one."""
        return {field: policy for policy, fields in self.fields.items() for field in fields}


def selects(selector: LabelSelector, labels: Mapping[str, str]) -> bool:
    """Return whether the labels meet all requirements, as Kubernetes decides it."""
    return selector.match_labels.items() <= labels.items() and all(
        _is_met(requirement, labels) for requirement in selector.match_expressions
    )


def in_order(revisions: Iterable[PolicyRevision]) -> list[PolicyRevision]:
    """Return the policies in the order in which their values apply."""
    return sorted(revisions, key=lambda revision: (-revision.priority, revision.name))


def merge(spec: Any, labels: Mapping[str, str], revisions: Iterable[PolicyRevision]) -> MergedSpec:
    """Return the camera's spec with the values of the policies that select it. `spec` is not changed.

    A spec that is no object is returned as it is; parsing it reports the error.
    """
    selecting = in_order(revision for revision in revisions if selects(revision.selector, labels))
    generations = {revision.name: revision.generation for revision in selecting}
    fields: dict[str, list[str]] = {revision.name: [] for revision in selecting}
    if not isinstance(spec, Mapping) or not selecting:
        return MergedSpec(spec, dict.fromkeys(fields, ()), generations)
    merged = {name: dict(value) if isinstance(value, Mapping) else value for name, value in spec.items()}
    offers = [(revision.name, revision.values()) for revision in selecting]
    for path in FIELDS:
        field = ".".join(path)
        offer = next(((name, values[field]) for name, values in offers if field in values), None)
        if offer is not None and not _has(spec, path) and _set(merged, path, offer[1]):
            fields[offer[0]].append(field)
    return MergedSpec(merged, {name: tuple(found) for name, found in fields.items()}, generations)


def parse_merged_spec(name: str, merged: MergedSpec) -> CameraSpec:
    """Parse the spec of the camera `name`. Raises `InvalidSpecError`, which names the policy of an invalid value."""
    try:
        return parse_camera_spec(name, merged.spec)
    except InvalidSpecError as error:
        sources = merged.sources
        policy = next((sources[field] for field in sources if str(error).startswith(f"spec.{field}")), None)
        if policy is None:
            raise
        raise InvalidSpecError(f"{error}; the value comes from CameraPolicy {policy!r}") from None


def conflicting_fields(one: PolicyRevision, other: PolicyRevision) -> list[str]:
    """Return the fields that two policies of the same priority set to different values."""
    if one.priority != other.priority:
        return []
    ours, theirs = one.values(), other.values()
    return sorted(field for field in ours.keys() & theirs.keys() if ours[field] != theirs[field])


def _values_in(defaults: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for path in FIELDS:
        node: Any = defaults
        for name in path:
            node = node.get(name) if isinstance(node, Mapping) else None
        if node is not None:
            yield ".".join(path), node


def _has(spec: Mapping[str, Any], path: Sequence[str]) -> bool:
    node: Any = spec
    for name in path:
        if not isinstance(node, Mapping) or name not in node:
            return False
        node = node[name]
    return True


def _set(spec: dict[str, Any], path: Sequence[str], value: Any) -> bool:
    """Set the value; return False if the spec has something else than an object on the way."""
    node = spec
    for name in path[:-1]:
        inner = node.setdefault(name, {})
        if not isinstance(inner, dict):
            return False
        node = inner
    node[path[-1]] = value
    return True


def _is_met(requirement: LabelRequirement, labels: Mapping[str, str]) -> bool:
    value = labels.get(requirement.key)
    match requirement.operator:
        case "In":
            return value in requirement.values
        case "NotIn":
            # As in Kubernetes, a camera without the label is selected.
            return value not in requirement.values
        case "Exists":
            return value is not None
        case "DoesNotExist":
            return value is None
