"""What became of each key of an imported configuration: taken, changed, or not taken.

A line never contains a value of the input, which may be a password.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

Path = tuple[str | int, ...]
"""The keys and list indexes that lead to a value, such as `("cameras", "gate", "ffmpeg", "inputs", 0, "path")`."""


class Outcome(StrEnum):
    """What became of a key."""

    TAKEN = "taken"
    CHANGED = "changed"
    NOT_TAKEN = "not taken"


_ORDER = (Outcome.TAKEN, Outcome.CHANGED, Outcome.NOT_TAKEN)


@dataclass(frozen=True, slots=True)
class Line:
    """One key of the input. `target`: the field of Vigil; `note`: why it was changed or not taken."""

    key: str
    outcome: Outcome
    target: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Problem:
    """An error in the input that prevents the import. `key` may be empty."""

    key: str
    message: str

    def __str__(self) -> str:
        return f"{self.key}: {self.message}" if self.key else self.message


def dotted(path: Path) -> str:
    """Return the path as people write it: `cameras.gate.ffmpeg.inputs[0].path`."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return text.removeprefix(".")


def leaves(value: Any, path: Path = ()) -> Iterator[Path]:
    """Yield the path of each value. A list of plain values or points is one, and so is an empty list or mapping."""
    if isinstance(value, Mapping) and value:
        for key, inner in value.items():
            yield from leaves(inner, (*path, str(key)))
    elif (
        isinstance(value, list) and any(isinstance(item, Mapping | list) for item in value) and not _is_points(value)
    ):
        for index, inner in enumerate(value):
            yield from leaves(inner, (*path, index))
    elif path:
        yield path


def _is_points(values: list[Any]) -> bool:
    return all(isinstance(value, Mapping) and set(value) == {"x", "y"} for value in values)


class Ledger:
    """Collects the outcome of each key while a configuration is converted."""

    def __init__(self) -> None:
        self._lines: dict[Path, Line] = {}
        self.problems: list[Problem] = []

    def taken(self, path: Path, target: str, note: str = "") -> None:
        """Record that the value means the same in Vigil."""
        self._record(path, Outcome.TAKEN, target, note)

    def changed(self, path: Path, target: str, note: str) -> None:
        """Record that the value is used, but means something else in Vigil."""
        self._record(path, Outcome.CHANGED, target, note)

    def not_taken(self, path: Path, note: str) -> None:
        """Record that the value is not used."""
        self._record(path, Outcome.NOT_TAKEN, "", note)

    def problem(self, path: Path, message: str) -> None:
        """Record an error that the user has to correct; nothing is imported."""
        problem = Problem(dotted(path), message)
        if problem not in self.problems:  # several cameras share a global key
            self.problems.append(problem)

    def lines(self, document: Any, reasons: Mapping[str, str], unknown: str) -> list[Line]:
        """Return one line for each key of the document, in its order.

        `reasons` explains keys that were not recorded, by pattern: `*` stands for one key, and a pattern covers all
        below it. The most specific pattern counts. `unknown`: the note of keys that no pattern covers.
        """
        patterns = {tuple(pattern.split(".")): note for pattern, note in reasons.items()}
        return [self._line(path, patterns, unknown) for path in leaves(document)]

    def _line(self, path: Path, patterns: Mapping[tuple[str, ...], str], unknown: str) -> Line:
        for length in range(len(path), 0, -1):
            if recorded := self._lines.get(path[:length]):
                return Line(dotted(path), recorded.outcome, recorded.target, recorded.note)
        matching = [pattern for pattern in patterns if _covers(pattern, path)]
        best = max(matching, key=lambda pattern: (len(pattern), -pattern.count("*")), default=None)
        return Line(dotted(path), Outcome.NOT_TAKEN, "", unknown if best is None else patterns[best])

    def _record(self, path: Path, outcome: Outcome, target: str, note: str) -> None:
        """Keep the strongest outcome of a key that several cameras share, with every note."""
        before = self._lines.get(path)
        if before is None:
            self._lines[path] = Line("", outcome, target, note)
            return
        notes = dict.fromkeys(text for text in (before.note, note) if text)
        strongest = max(before.outcome, outcome, key=_ORDER.index)
        self._lines[path] = Line("", strongest, before.target or target, "; ".join(notes))


def _covers(pattern: tuple[str, ...], path: Path) -> bool:
    keys = [str(part) for part in path if not isinstance(part, int)]
    return len(pattern) <= len(keys) and all(one in ("*", key) for one, key in zip(pattern, keys, strict=False))
