"""Print a report: tables for people, JSON for programs. Both without secrets."""

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TextIO

from rich.console import Console
from rich.table import Table
from rich.text import Text

from vigil_contracts.camera import AppliedCamera, AppliedSite
from vigil_contracts.redaction import Redactor
from vigil_transfer.plan import Plan
from vigil_transfer.report import Line, Outcome, Problem
from vigil_transfer.subscription_changes import RESULTS, Change

_DRY_RUN = " (dry run: nothing was written)"
_STYLES = {Outcome.TAKEN: "green", Outcome.CHANGED: "yellow", Outcome.NOT_TAKEN: "dim"}


@dataclass(frozen=True, slots=True)
class Done:
    """What was done, or would be done in a dry run."""

    cameras: Sequence[AppliedCamera] = ()
    sites: Sequence[AppliedSite] = ()
    subscriptions: Sequence[Change] = ()
    warnings: Sequence[str] = ()


class Report:
    """Writes what an import does. `output`: `table` or `json`."""

    def __init__(self, stream: TextIO, output: str, secrets: Iterable[str]) -> None:
        self._stream, self._is_json = stream, output == "json"
        self._redact = Redactor()
        self._redact.add(secrets)
        self._console = Console(file=stream, highlight=False, width=None if stream.isatty() else 160)

    def show(
        self,
        plan: Plan,
        *,
        problems: Sequence[Problem] = (),
        done: Done | None = None,
        is_dry_run: bool,
        remark: str = "",
    ) -> None:
        """Print the outcome of each key, then what was `done` (None: the API was not asked), or the problems."""
        if self._is_json:
            self._print_json(plan, problems, done, is_dry_run=is_dry_run, remark=remark)
            return
        if plan.lines:
            self._print_lines(plan.lines)
        if problems:
            self._print_problems(problems)
        elif done is not None:
            self._print_sites(done.sites)
            self._print_cameras(done.cameras, is_dry_run=is_dry_run)
            for warning in done.warnings:
                self._print(f"Warning: {warning}")
            if done.subscriptions:
                self._print_subscriptions(done.subscriptions, is_dry_run=is_dry_run)
        if remark:
            self._print(remark)

    def _print_lines(self, lines: Sequence[Line]) -> None:
        table = Table(box=None, pad_edge=False, header_style="bold")
        for title in ("Key", "Outcome", "In Vigil", "Note"):
            table.add_column(title, overflow="fold", no_wrap=title == "Outcome")
        for line in lines:
            outcome = Text(line.outcome, style=_STYLES[line.outcome])
            table.add_row(self._text(line.key), outcome, self._text(line.target), self._text(line.note))
        self._console.print(table)
        counts = Counter(line.outcome for line in lines)
        self._print(
            f"{_count(len(lines), 'key')}: " + ", ".join(f"{counts[outcome]} {outcome}" for outcome in Outcome)
        )

    def _print_problems(self, problems: Sequence[Problem]) -> None:
        for problem in problems:
            self._print(str(problem))
        self._print("Nothing was written.")

    def _print_sites(self, sites: Sequence[AppliedSite]) -> None:
        for site in sites:
            left_out = f"; not added, since they have no account or you are no superuser: {', '.join(site.left_out)}"
            self._print(f"Site {site.name}: {site.result}{left_out if site.left_out else ''}")

    def _print_cameras(self, applied: Sequence[AppliedCamera], *, is_dry_run: bool) -> None:
        table = Table(box=None, pad_edge=False, header_style="bold")
        for title in ("Camera", "Result", "Changed fields"):
            table.add_column(title, overflow="fold")
        for camera in applied:
            table.add_row(self._text(camera.name), camera.result, ", ".join(camera.fields))
        self._console.print(table)
        counts = Counter(camera.result for camera in applied)
        shown = ", ".join(f"{counts[result]} {result}" for result in ("added", "changed", "unchanged"))
        self._print(f"{_count(len(applied), 'camera')}: {shown}" + (_DRY_RUN if is_dry_run else ""))

    def _print_subscriptions(self, changes: Sequence[Change], *, is_dry_run: bool) -> None:
        table = Table(box=None, pad_edge=False, header_style="bold")
        for title in ("Subscription", "Result", "Changed fields"):
            table.add_column(title, overflow="fold")
        for change in changes:
            table.add_row(self._text(change.name), change.result, ", ".join(change.fields))
        self._console.print(table)
        for change in changes:
            for problem in change.problems:
                self._print(f"Subscription {change.name}: {change.result}: {problem}")
        counts = Counter(change.result for change in changes)
        shown = ", ".join(f"{counts[result]} {result}" for result in RESULTS[:3])
        failed = "".join(f", {counts[result]} {result}" for result in RESULTS[3:] if counts[result])
        self._print(f"{_count(len(changes), 'subscription')}: {shown}{failed}" + (_DRY_RUN if is_dry_run else ""))

    def _print_json(
        self,
        plan: Plan,
        problems: Sequence[Problem],
        done: Done | None,
        *,
        is_dry_run: bool,
        remark: str,
    ) -> None:
        document: dict[str, Any] = {
            "dry_run": is_dry_run,
            "sites": [] if done is None else [site.model_dump(mode="json") for site in done.sites],
            "cameras": None if done is None else [camera.model_dump(mode="json") for camera in done.cameras],
            "warnings": [] if done is None else list(done.warnings),
            "subscriptions": None if done is None else [_shown(change) for change in done.subscriptions],
            "keys": [
                {"key": line.key, "outcome": line.outcome, "target": line.target, "note": line.note}
                for line in plan.lines
            ],
            "problems": [{"key": problem.key, "message": problem.message} for problem in problems],
            "remark": remark,
        }
        self._stream.write(json.dumps(self._without_secrets(document), indent=2, ensure_ascii=False) + "\n")

    def _without_secrets(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {key: self._without_secrets(inner) for key, inner in value.items()}
        if isinstance(value, list):
            return [self._without_secrets(inner) for inner in value]
        return self._redact(value) if isinstance(value, str) else value

    def _text(self, text: str) -> Text:
        return Text(self._redact(text))

    def _print(self, text: str) -> None:
        self._console.print(Text(self._redact(text)), soft_wrap=True)


def _shown(change: Change) -> dict[str, Any]:
    return {
        "name": change.name,
        "result": change.result,
        "fields": list(change.fields),
        "problems": list(change.problems),
    }


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
