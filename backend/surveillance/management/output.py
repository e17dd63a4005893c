"""Output of commands: a table for people, JSON for programs."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from django.core.management.base import CommandParser


def add_output_argument(parser: CommandParser) -> None:
    """Add `--output table|json`."""
    parser.add_argument("--output", choices=("table", "json"), default="table", help="default: table")


def table(rows: Sequence[Mapping[str, Any]], columns: Mapping[str, str]) -> str:
    """Return the rows below the columns' titles (name -> title), with numbers aligned to the right."""
    lines = [list(columns.values()), *([str(row[name]) for name in columns] for row in rows)]
    widths = [max(len(line[index]) for line in lines) for index in range(len(columns))]
    to_the_right = [bool(rows) and isinstance(rows[0][name], int) for name in columns]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if right else cell.ljust(width)
            for cell, width, right in zip(line, widths, to_the_right, strict=True)
        ).rstrip()
        for line in lines
    )


def as_json(value: object) -> str:
    """Return one JSON document."""
    return json.dumps(value, indent=2, default=str)


def megabytes(size_bytes: int) -> str:
    """Return a size such as `12.3 MB`."""
    return f"{size_bytes / 1_000_000:.1f} MB"
