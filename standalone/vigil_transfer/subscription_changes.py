"""Compare the subscriptions of a document with those of the API: what to create, to change, and what is missing."""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from vigil_contracts.stream_url import MASK
from vigil_transfer.subscriptions import Names, fields_to_fill_in, named

ADDED, CHANGED, UNCHANGED = "added", "changed", "unchanged"
NOT_ADDED, NOT_CHANGED = "not added", "not changed"
RESULTS = (ADDED, CHANGED, UNCHANGED, NOT_ADDED, NOT_CHANGED)
FILL_IN = f"holds {MASK} in place of what the API does not return; fill it in"
MISSING_KEY = "is missing; enter the one that the receiver knows"
CANNOT_CHANGE = "cannot be changed; rename the subscription in the file, or delete the stored one"
_IDENTITY = ("name", "channel", "format", "target")


@dataclass(frozen=True, slots=True)
class Known:
    """What the API has. `channels`: by name, as the API lists them."""

    subscriptions: Sequence[Mapping[str, Any]]
    channels: Mapping[str, Mapping[str, Any]]
    names: Names


@dataclass(frozen=True, slots=True)
class Coming:
    """The names of the cameras and sites that the same document describes."""

    cameras: Collection[str] = ()
    sites: Collection[str] = ()


@dataclass(frozen=True, slots=True)
class Change:
    """What to do with a subscription. `fields`: those that differ; `problems`: why it is left as it is.

    `values`: what to send, with cameras and sites by name; `subscription_id`: None for a new one.
    """

    name: str
    result: str
    fields: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    values: Mapping[str, Any] = field(default_factory=dict, repr=False)
    subscription_id: int | None = None

    def failed(self, problems: Sequence[str]) -> "Change":
        """Return the same change as not done."""
        result = NOT_ADDED if self.subscription_id is None else NOT_CHANGED
        return replace(self, result=result, fields=(), problems=tuple(problems))


def compare(document: Mapping[str, Any], known: Known, coming: Coming) -> Change:
    """Return what to do with a subscription of the document, which is found by its name."""
    stored = next((one for one in known.subscriptions if one["name"] == document["name"]), None)
    channel = known.channels.get(document["channel"])
    if channel is None:
        problem = f"channel: must be one of {', '.join(known.channels)}"
        change = Change(document["name"], NOT_ADDED, subscription_id=stored["id"] if stored else None)
        return change.failed([problem])
    if stored is None:
        problems = _new_target_problems(document["target"], channel)
        if not channel["is_available"]:
            problems.append(f"channel: {channel['problem']}")
        change = Change(document["name"], ADDED, values=document)
        problems += _name_problems(document, known.names, coming)
        return change.failed(problems) if problems else change
    return _compare_stored(document, stored, channel, known.names, coming)


def _compare_stored(
    document: Mapping[str, Any],
    stored: Mapping[str, Any],
    channel: Mapping[str, Any],
    names: Names,
    coming: Coming,
) -> Change:
    current = {**stored, **named(stored, names)}
    ignored = (*_IDENTITY, "messages_per_hour") if stored["format"] == "cloudevents" else _IDENTITY
    differing = {
        name: value
        for name, value in document.items()
        if name not in ignored and not _are_equal(value, current[name])
    }
    problems = [
        f"{name}: {CANNOT_CHANGE}"
        for name in ("channel", "format")
        if (document.get(name) or stored[name]) != stored[name]
    ]
    target: dict[str, str] = {}
    if not problems:
        target, problems = _changed_target(document["target"], stored["target"], channel)
    problems += _name_problems(differing, names, coming)
    values = {**differing, **({"target": target} if target else {})}
    result = CHANGED if values else UNCHANGED
    change = Change(document["name"], result, tuple(values), (), values, stored["id"])
    return change.failed(problems) if problems else change


def _are_equal(given: Any, current: Any) -> bool:
    """Return whether both are the same; the order of a list means nothing."""
    return set(given) == set(current) if isinstance(given, list) else bool(given == current)


def _new_target_problems(target: Mapping[str, str], channel: Mapping[str, Any]) -> list[str]:
    fields = channel["target"]["properties"]
    problems = [f"target.{name}: {FILL_IN}" for name in fields_to_fill_in(target)]
    problems += [
        f"target.{name}: is not a field of the channel; its fields are {', '.join(fields)}"
        for name in target
        if name not in fields
    ]
    problems += [f"target.{name}: is missing" for name in channel["target"].get("required", ()) if name not in target]
    # Otherwise the API would generate one and return it once, to this command only.
    if "secret" in fields and not target.get("secret"):
        problems.append(f"target.secret: {MISSING_KEY}")
    return problems


def _changed_target(
    target: Mapping[str, str], shown: Mapping[str, str], channel: Mapping[str, Any]
) -> tuple[dict[str, str], list[str]]:
    """Return the target to send, empty if the stored one stays, and the problems.

    The API shows no secrets, so a value that fits what it shows is taken for the stored one.
    """
    if "problem" in shown:  # the key that encrypted the stored target is lost
        problems = _new_target_problems(target, channel)
        return ({}, problems) if problems else (dict(target), [])
    differing = {
        name: value
        for name, value in target.items()
        if name in shown and value != shown[name] and not _fits(value, shown[name])
    }
    problems = [f"target.{name}: differs from the stored one, and {FILL_IN}" for name in fields_to_fill_in(differing)]
    unknown = [name for name in target if name not in channel["target"]["properties"]]
    problems += [f"target.{name}: is not a field of the channel" for name in unknown]
    return ({**shown, **differing} if differing else {}), problems


def _fits(value: str, shown: str) -> bool:
    """Return whether the value can be the one that is shown with `***`."""
    pattern = ".+".join(map(re.escape, shown.split(MASK)))
    return MASK in shown and MASK not in value and re.fullmatch(pattern, value) is not None


def _name_problems(document: Mapping[str, Any], names: Names, coming: Coming) -> list[str]:
    """Return the problems of cameras and sites that are not found: without them the filter would be another."""
    problems = []
    for kind, known, more in (("cameras", names.cameras, coming.cameras), ("sites", names.sites, coming.sites)):
        all_names = list(known.values())
        for name in document.get(kind, ()):
            if name not in more and all_names.count(name) != 1:
                problem = "you can view none" if name not in all_names else "several have this name"
                problems.append(f"{kind}: {problem}: {name}")
    return problems


def with_ids(values: Mapping[str, Any], names: Names, own_cameras: Mapping[str, int]) -> dict[str, Any]:
    """Return the values with ids in place of names. Raises KeyError with a name that is not found.

    `own_cameras`: the ids of the document's cameras, which come before others of the same name.
    """
    cameras = {**{name: number for number, name in names.cameras.items()}, **own_cameras}
    sites = {name: number for number, name in names.sites.items()}
    ids = {
        kind: [known[name] for name in values[kind]]
        for kind, known in (("cameras", cameras), ("sites", sites))
        if kind in values
    }
    return {**values, **ids}
