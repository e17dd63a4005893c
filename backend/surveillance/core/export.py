"""Write CSV that a spreadsheet opens safely."""

import csv
import io
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

_FORMULA = re.compile(r"(?:(?<=[;\t\r\n])|^)(?=[ \"]*[=+\-@＝＋－＠])")
"""Positions where a spreadsheet may start a formula: the beginning, and after a semicolon, tab or line break.

In some locales spreadsheets split cells at `;`, and the quoting of a comma-separated file does not protect them."""


def csv_lines(rows: Iterable[Mapping[str, Any]], *, columns: Sequence[str], with_header: bool) -> bytes:
    """Return the rows as lines of RFC 4180, UTF-8."""
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
    # Spreadsheets execute text that starts like a formula (OWASP, «CSV Injection»); a leading quote prevents that.
    return _FORMULA.sub("'", value) if isinstance(value, str) else value
