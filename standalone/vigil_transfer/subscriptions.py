"""Subscriptions in Vigil's own document: cameras and sites by name, and targets as the API shows them.

`***` stands for each part of a target that the API does not return.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from vigil_contracts.names import AlertType
from vigil_contracts.rules import Fraction, Schedule
from vigil_contracts.stream_url import MASK
from vigil_transfer.report import Ledger

WEB_PUSH = "web_push"
OF_A_BROWSER = "belongs to one browser; remove it, and enable notifications in that browser"
FILTER_IS_GONE = "its cameras and sites were deleted, or you can no longer view them; without them it would match all"
MAX_SUBSCRIPTIONS = 1000

_Name = Annotated[str, Field(min_length=1, max_length=100)]
_Names = Annotated[tuple[_Name, ...], Field(max_length=1000)]


class SubscriptionDocument(BaseModel):
    """A subscription of the document. The API validates the target, since its fields depend on the channel."""

    model_config = ConfigDict(allow_inf_nan=False, extra="forbid", frozen=True)

    name: Annotated[_Name, StringConstraints(strip_whitespace=True)]  # as the API does
    channel: str = Field(max_length=32)
    format: str | None = Field(default=None, max_length=32)
    target: dict[str, Annotated[str, Field(max_length=2000)]]
    is_active: bool = True
    alert_types: tuple[AlertType, ...] = ()
    cameras: _Names = ()
    sites: _Names = ()
    minimum_confidence: Fraction = 0.0
    schedule: Schedule | None = None
    messages_per_hour: int | None = Field(default=60, ge=1, le=3600)
    digest_minutes: int = Field(default=0, ge=0, le=1440)


@dataclass(frozen=True, slots=True)
class Names:
    """The cameras and sites that the user can view: their names by id."""

    cameras: Mapping[int, str]
    sites: Mapping[int, str]


@dataclass(frozen=True, slots=True)
class Exported:
    """`browsers`: names of the Web Push subscriptions, which no document contains. `problems`: what is left out."""

    subscriptions: tuple[dict[str, Any], ...] = ()
    browsers: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()


def export_subscriptions(
    listed: Sequence[Mapping[str, Any]], fields: Mapping[str, Sequence[str]], names: Names
) -> Exported:
    """Return the documents of the subscriptions that the API lists. `fields`: of each channel's target."""
    documents: list[dict[str, Any]] = []
    problems: list[str] = []
    for one in listed:
        if one["channel"] == WEB_PUSH:
            continue
        if problem := _filter_problem(one, names):
            problems.append(f"subscription {one['name']}: not exported: {problem}")
            continue
        target = {name: one["target"].get(name, MASK) for name in fields.get(one["channel"], one["target"])}
        shown = {name: one[name] for name in SubscriptionDocument.model_fields if name in one}
        filters = {kind: [name for name in found if name is not None] for kind, found in named(one, names).items()}
        documents.append({**shown, "target": target, **filters})
    browsers = tuple(str(one["name"]) for one in listed if one["channel"] == WEB_PUSH)
    return Exported(tuple(documents), browsers, tuple(problems))


def named(listed: Mapping[str, Any], names: Names) -> dict[str, list[str | None]]:
    """Return the filters of a subscription of the API by name; None stands for what was deleted."""
    return {
        "cameras": [names.cameras.get(one) for one in listed["cameras"]],
        "sites": [names.sites.get(one) for one in listed["sites"]],
    }


def _filter_problem(listed: Mapping[str, Any], names: Names) -> str | None:
    """Return why names cannot express the filter. One that becomes empty would match every camera."""
    found = named(listed, names)
    used = [name for name in (*found["cameras"], *found["sites"]) if name is not None]
    if not used and (listed["cameras"] or listed["sites"]):
        return FILTER_IS_GONE
    for kind, known in (("cameras", names.cameras), ("sites", names.sites)):
        all_names = list(known.values())
        for name in found[kind]:
            if all_names.count(str(name)) > 1:
                return f"several {kind} that you can view have the name {name}; rename one of them"
    return None


def fields_to_fill_in(target: Mapping[str, str]) -> list[str]:
    """Return the fields of a target that have `***` in place of a secret."""
    return [name for name, value in target.items() if MASK in value]


def comment_lines(exported: Exported) -> str:
    """Return the comments above the list: what to fill in, and what is not contained."""
    lines = [
        f"  {_in_one_line(name)}: {', '.join(f'target.{field}' for field in fields)}"
        for name, fields in targets_to_fill_in(exported).items()
    ]
    if lines:
        lines.insert(
            0, f"Replace {MASK} in these fields, here or in the file of --credentials, before you restore into"
        )
        lines.insert(1, "a backend that does not have the subscription:")
    if exported.browsers:
        browsers = ", ".join(map(_in_one_line, exported.browsers))
        lines.append(f"Not contained, since each belongs to one browser: {browsers}")
    lines += [_in_one_line(problem) for problem in exported.problems]
    return "".join(f"# {line}\n" for line in lines)


def targets_to_fill_in(exported: Exported) -> dict[str, dict[str, str]]:
    """Return the masked fields by subscription, for the file of credentials."""
    masked = {
        one["name"]: {name: one["target"][name] for name in fields_to_fill_in(one["target"])}
        for one in exported.subscriptions
    }
    return {name: fields for name, fields in masked.items() if fields}


def read_subscriptions(ledger: Ledger, listed: Any, targets: Any) -> list[dict[str, Any]]:
    """Return the given fields of the subscriptions, with the targets of the credentials, and record problems."""
    if not isinstance(listed, list) or len(listed) > MAX_SUBSCRIPTIONS:
        ledger.problem(("subscriptions",), f"must be a list of at most {MAX_SUBSCRIPTIONS} subscriptions")
        return []
    if not _is_by_field(targets):
        ledger.problem((), "the credentials' subscriptions must be texts by name of the subscription and field")
        return []
    read: dict[str, dict[str, Any]] = {}
    for index, one in enumerate(listed):
        try:
            document = SubscriptionDocument.model_validate(one).model_dump(mode="json", exclude_unset=True)
        except ValidationError as error:
            for item in error.errors(include_input=False, include_url=False, include_context=False):
                place = ("subscriptions", index, *item["loc"])
                ledger.problem(place, item["msg"].removeprefix("Value error, "))
            continue
        if document["channel"] == WEB_PUSH:
            ledger.problem(("subscriptions", index), OF_A_BROWSER)
        if document["name"] in read:
            ledger.problem(("subscriptions", index), "has the name of another subscription; rename one of them")
        given = {name: value for name, value in targets.get(document["name"], {}).items() if MASK not in value}
        read[document["name"]] = {**document, "target": {**document["target"], **given}}
    for name in targets.keys() - {str(one.get("name")).strip() for one in listed if isinstance(one, dict)}:
        ledger.problem((), f"the credentials name a subscription that the file does not have: {name}")
    return list(read.values())


def secrets_in(subscriptions: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    """Return the texts of targets that no output may contain."""
    values = [one["target"].get(name, "") for one in subscriptions for name in ("url", "secret")]
    return tuple(value for value in values if value and MASK not in value)


def _is_by_field(targets: Any) -> bool:
    return isinstance(targets, dict) and all(
        isinstance(fields, dict) and all(isinstance(value, str) for value in fields.values())
        for fields in targets.values()
    )


def _in_one_line(text: str) -> str:
    """Return the text without the characters that would end a comment."""
    return "".join(character if character.isprintable() else " " for character in text)
