"""`vigil import SYSTEM FILE`: convert the configuration of another system, and apply it through the API."""

import argparse
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from dotenv import dotenv_values

from vigil_contracts.api_client import ApiClient, ApiError
from vigil_contracts.camera import AppliedCamera, AppliedConfiguration
from vigil_transfer import frigate, own, viseron, zoneminder
from vigil_transfer.connection import ConnectionProblemError, find_connection
from vigil_transfer.output import Done, Report
from vigil_transfer.plan import Plan
from vigil_transfer.report import Problem
from vigil_transfer.subscription_calls import fetch_known, save_changes
from vigil_transfer.subscription_changes import Change, Coming, compare

MAX_BYTES = 8 * 1024 * 1024
OWN, ZONEMINDER = "vigil", "zoneminder"
SYSTEMS: dict[str, Callable[[str, Mapping[str, str]], Plan]] = {
    "frigate": frigate.convert,
    "viseron": viseron.convert,
}
"""By name: from the text of the file and the variables that it may use to a plan."""


class _UnreadableError(Exception):
    """A file or option cannot be used; the message names it."""


def run_import(arguments: argparse.Namespace) -> int:
    """Return 0 if all was, or with --dry-run could be, imported; 1 if not; 2 if a file is unreadable."""
    try:
        plan = _plan(arguments)
    except _UnreadableError as error:
        sys.stderr.write(f"vigil: {error}\n")
        return 2
    report = Report(sys.stdout, arguments.output, plan.secrets)
    if plan.problems:
        report.show(plan, problems=plan.problems, is_dry_run=arguments.dry_run)
        return 1
    try:
        applied, subscriptions, problems = _apply(arguments, plan)
    except ConnectionProblemError as error:
        if not arguments.dry_run:
            report.show(plan, problems=[Problem("", str(error))], is_dry_run=False)
            return 1
        report.show(plan, is_dry_run=True, remark=f"The file is valid. It was not compared with the API: {error}")
        return 0
    done = Done(applied.cameras, applied.sites, subscriptions, applied.warnings)
    report.show(plan, problems=problems, done=done, is_dry_run=arguments.dry_run)
    return 1 if problems or any(one.problems for one in subscriptions) else 0


def _plan(arguments: argparse.Namespace) -> Plan:
    texts = [_read_text(file) for file in arguments.file]
    if arguments.system == ZONEMINDER:
        return zoneminder.convert(texts)
    if len(texts) > 1:
        raise _UnreadableError(f"{arguments.system} has one file; got {len(texts)}")
    text = texts[0]
    if arguments.system == OWN:
        return own.convert(text, _read_text(arguments.credentials) if arguments.credentials else None)
    if arguments.credentials:
        raise _UnreadableError("--credentials is for files of `vigil export`; use --env-file for variables")
    return SYSTEMS[arguments.system](text, {**os.environ, **_variables(arguments.env_file)})


def _apply(arguments: argparse.Namespace, plan: Plan) -> tuple[AppliedConfiguration, list[Change], list[Problem]]:
    """Return what the API did, or why it refused. Raises ConnectionProblemError."""
    connection = find_connection(url=arguments.url, token_file=arguments.token_file)
    with connection.client() as client:
        try:
            # Compared before anything is written.
            changes = _changes(client, plan)
            applied = client.apply_configuration(plan.cameras, plan.sites, is_dry_run=arguments.dry_run)
        except ApiError as error:
            if error.status is None:
                raise ConnectionProblemError(str(error)) from None
            named = error.field_errors if error.status == 400 else {}
            problems = [_problem(plan, *one) for one in named.items()] or [Problem("", str(error))]
            return AppliedConfiguration(cameras=()), [], problems
        if not arguments.dry_run:
            changes = _saved(client, changes, applied.cameras)
    return applied, changes, []


def _changes(client: ApiClient, plan: Plan) -> list[Change]:
    """Return what to do with each subscription. Raises ApiError."""
    if not plan.subscriptions:
        return []
    known = fetch_known(client)
    coming = Coming({camera["name"] for camera in plan.cameras}, {site["name"] for site in plan.sites})
    return [compare(document, known, coming) for document in plan.subscriptions]


def _saved(client: ApiClient, changes: list[Change], applied: Sequence[AppliedCamera]) -> list[Change]:
    """Return the changes as done, or as not done if the API fails: the cameras are stored by now."""
    try:
        return save_changes(client, changes, applied)
    except ApiError as error:
        return [one.failed([str(error)]) if one.values else one for one in changes]


def _problem(plan: Plan, field: str, message: str) -> Problem:
    """Return an error of the API with the name of the camera or site in place of its index."""
    first, _, rest = field.partition(".")
    index, _, name = rest.partition(".")
    listed = {"cameras": plan.cameras, "sites": plan.sites}.get(first, ())
    if index.isdigit() and int(index) < len(listed):
        return Problem(f"{listed[int(index)]['name']}: {name}", message)
    return Problem(field, message)


def _variables(path: Path | None) -> dict[str, str]:
    if path is None:
        return {}
    if not path.is_file():
        raise _UnreadableError(f"{path}: no such file")
    return {name: value for name, value in dotenv_values(path, interpolate=False).items() if value is not None}


def _read_text(path: Path) -> str:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise _UnreadableError(f"{path}: {error.strerror}") from None
    if len(content) > MAX_BYTES:
        raise _UnreadableError(f"{path}: must have at most {MAX_BYTES // 1024 // 1024} MB")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise _UnreadableError(f"{path}: must be text in UTF-8") from None
