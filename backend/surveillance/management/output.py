"""What commands print: a table for people, JSON for programs."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from django.core.management.base import CommandParser


def add_output_argument(parser: CommandParser) -> None:
    """Adds `--output table|json`."""
    parser.add_argument("--output", choices=("table", "json"), default="table", help="default: table")


def table(rows: Sequence[Mapping[str, Any]], columns: Mapping[str, str]) -> str:
    """The rows under the columns' titles (name -> title), numbers to the right."""
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
    """One JSON document."""
    return json.dumps(value, indent=2, default=str)


def megabytes(size_bytes: int) -> str:
    """Such as `12.3 MB`."""
    return f"{size_bytes / 1_000_000:.1f} MB"
