"""Parse cameras from CSV into values for `camera_create`. Errors name line and column, and repeat no value."""

import csv
import io
import json
from dataclasses import dataclass, field
from typing import Any

from surveillance.core.camera_fields import FIELDS_WITHOUT_RETENTION
from vigil_contracts.text import text_problem

REQUIRED = ("name", "rtsp_url")
OPTIONAL = tuple(name for name in FIELDS_WITHOUT_RETENTION if name not in REQUIRED)
COLUMNS = (*REQUIRED, *OPTIONAL)
MAX_BYTES = 2 * 1024 * 1024
MAX_CAMERAS = 1000
MAX_ERRORS = 200
"""After so many errors the rest of the file is not read: 2 MB can hold a million wrong lines."""
_TRUE, _FALSE = ("true", "yes", "1"), ("false", "no", "0")


@dataclass(frozen=True, slots=True)
class LineError:
    """A problem in one line. Lines count from 1, the line with the column names. `field` may be empty."""

    line: int
    field: str
    message: str

    def __str__(self) -> str:
        return ": ".join(part for part in (f"line {self.line}", self.field, self.message) if part)


@dataclass(frozen=True, slots=True)
class CameraLine:
    """One camera with the values of its non-empty columns."""

    line: int
    values: dict[str, Any]


@dataclass(slots=True)
class CameraFile:
    """The cameras and the errors of a file."""

    lines: list[CameraLine] = field(default_factory=list)
    errors: list[LineError] = field(default_factory=list)


def read_cameras(content: bytes) -> CameraFile:
    """Parse a file as spreadsheets write it: UTF-8, column names first, separated by commas or semicolons."""
    found = CameraFile()
    try:
        text = _text(content)
        rows = csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text), strict=True)
        columns = [name.strip().lower() for name in next(rows, [])]
        _check_columns(columns)
        line = rows.line_num + 1
        for cells in rows:
            if any(cell.strip() for cell in cells):
                _read_line(found, line, columns, cells)
            if len(found.lines) > MAX_CAMERAS:
                raise _RefusedError(line, "", f"the file must hold at most {MAX_CAMERAS} cameras")
            if len(found.errors) >= MAX_ERRORS:
                raise _RefusedError(line, "", "there are more errors; correct those above first")
            line = rows.line_num + 1
        if not found.lines and not found.errors:
            raise _RefusedError(1, "", "the file holds no camera below its column names")
    except _RefusedError as refused:
        found.errors.append(refused.error)
    except csv.Error:
        found.errors.append(LineError(rows.line_num, "", "is not valid CSV (unclosed quote?)"))
    return found


class _RefusedError(Exception):
    def __init__(self, line: int, column: str, message: str) -> None:
        super().__init__(message)
        self.error = LineError(line, column, message)


def _text(content: bytes) -> str:
    if len(content) > MAX_BYTES:
        raise _RefusedError(1, "", f"the file must be at most {MAX_BYTES // 1024 // 1024} MB")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise _RefusedError(1, "", "the file must be text in UTF-8") from None


def _delimiter(text: str) -> str:
    names = text.partition("\n")[0]
    return ";" if names.count(";") > names.count(",") else ","


def _check_columns(columns: list[str]) -> None:
    unknown = [number for number, name in enumerate(columns, 1) if name not in COLUMNS]
    missing = [name for name in REQUIRED if name not in columns]
    if missing or unknown or len(set(columns)) != len(columns):
        which = f"column {unknown[0]}" if unknown else (missing[0] if missing else "")
        optional = ", ".join(OPTIONAL)
        needed = " and ".join(REQUIRED)
        raise _RefusedError(1, which, f"the first line must name each column once: {needed}; may have {optional}")


def _read_line(found: CameraFile, line: int, columns: list[str], cells: list[str]) -> None:
    if len(cells) > len(columns):
        found.errors.append(LineError(line, "", f"has {len(cells)} values for {len(columns)} columns"))
        return
    errors = len(found.errors)
    values: dict[str, Any] = {}
    for name, cell in zip(columns, (cell.strip() for cell in cells), strict=False):
        if cell:
            try:
                values.update(_value(name, cell))
            except ValueError as error:
                found.errors.append(LineError(line, name, str(error)))
    found.errors.extend(
        LineError(line, name, "must be filled in") for name in REQUIRED if not _is_filled(name, columns, cells)
    )
    if len(found.errors) == errors:
        found.lines.append(CameraLine(line, values))


def _is_filled(name: str, columns: list[str], cells: list[str]) -> bool:
    return any(column == name and cell.strip() for column, cell in zip(columns, cells, strict=False))


def _value(name: str, cell: str) -> dict[str, Any]:
    """Return the cell as a value for its field. Raises ValueError."""
    if name == "site":
        if not (cell.isascii() and cell.isdecimal() and len(cell) < 19):
            raise ValueError("must be the id of a site, a number")
        return {"site_id": int(cell)}
    if name == "cluster":
        return {"cluster_name": cell}
    if name == "is_active":
        if cell.lower() not in _TRUE + _FALSE:
            raise ValueError("must be true or false")
        return {"is_active": cell.lower() in _TRUE}
    if name == "transport":
        if cell.lower() not in {"tcp", "udp"}:
            raise ValueError("must be tcp or udp")
        return {"transport": cell.lower()}
    if name == "detection":
        return {"detection": _json(cell)}
    if problem := text_problem(cell):
        raise ValueError(problem)
    return {name: cell}


def _json(cell: str) -> object:
    try:
        value: object = json.loads(cell)
    except (ValueError, RecursionError):
        raise ValueError('must be JSON, as in {"classes": ["person"]}') from None
    if problem := text_problem(value):
        raise ValueError(problem)
    return value
