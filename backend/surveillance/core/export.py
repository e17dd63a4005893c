"""Rows as CSV that a spreadsheet opens safely."""

import csv
import io
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

_FORMULA = re.compile(r"(?:(?<=[;\t\r\n])|^)(?=[ \"]*[=+\-@＝＋－＠])")
"""Where a spreadsheet may begin a cell with a formula: at the start, and after a semicolon, a tab or a line break.

Spreadsheets of some countries end cells at `;`, and the quotes of a file with commas protect no text there."""


def csv_lines(rows: Iterable[Mapping[str, Any]], *, columns: Sequence[str], with_header: bool) -> bytes:
    """The rows as lines of RFC 4180, UTF-8."""
    output = io.StringIO()
    writer = csv.writer(output)
    if with_header:
        writer.writerow(columns)
    writer.writerows([_cell(row[name]) for name in columns] for row in rows)
    return output.getvalue().encode()


def _cell(value: Any) -> Any:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Mapping | list):
        value = json.dumps(value)
    # A spreadsheet runs a text that starts like a formula (OWASP, «CSV Injection»): a quote makes it text again.
    return _FORMULA.sub("'", value) if isinstance(value, str) else value
