"""The fenced shell and YAML blocks of README.md and docs/**/*.md, and their checks.

A block is either checked or marked as illustrative, with a reason, on the line before it:

    <!-- illustrative: needs a cluster with GPUs -->

YAML blocks are checked by their content (`yaml_checks`). Shell blocks are run by a test that claims them:

    @runs("backup.md/Back up/1")
    def test_backup(tmp_path: Path) -> None:
        block("backup.md/Back up/1").run(cwd=tmp_path, environment={"BACKUP": str(tmp_path)})
"""

from __future__ import annotations

import functools
import os
import re
import shlex
import subprocess
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import ParamSpec

P = ParamSpec("P")
ROOT = Path(__file__).parents[3]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
SHELL = frozenset({"sh", "bash", "shell", "console"})
YAML = frozenset({"yaml", "yml"})

_FENCE = re.compile(r"^( *)(`{3,}|~{3,})[ {.]*([\w-]*).*$")
_MARK = re.compile(r"^ *<!-- *illustrative\b:?(.*?)-->\s*$")
_INDENTED = re.compile(r"^ {4,}(\S.*)$")
_PARAGRAPH_CONTAINER = re.compile(r"^(\d+\.|[-*]|!!!) ")


class BlockError(Exception):
    """A block is used or marked incorrectly; the message names page and line."""


@dataclass(frozen=True)
class Block:
    """One fenced block. `name` is `page/heading/n`: the n-th checked block below that heading."""

    name: str
    page: str
    line: int
    language: str
    text: str
    mark: str | None
    """The reason why it is illustrative; None without a mark, empty for a mark without a reason."""

    @property
    def is_shell(self) -> bool:
        """Return whether it is a shell block rather than YAML."""
        return self.language in SHELL

    def run(
        self,
        *,
        cwd: Path,
        environment: Mapping[str, str] | None = None,
        replace: Mapping[str, str] | None = None,
        before: str = "",
        after: str = "",
        timeout_seconds: float = 120,
    ) -> str:
        """Run the block with `bash -eu` in `cwd` and return its stdout.

        `environment` contains all variables except PATH and a separate HOME. `replace` substitutes a test's ports and
        folders for the page's; a missing text is an error. `before` and `after` are run in the same shell, the second
        when the block has succeeded. Raises AssertionError with the block's output on failure.
        """
        script = self.text
        for old, new in (replace or {}).items():
            if old not in script:
                raise BlockError(f"{self.page}:{self.line}: has no {old!r} to replace")
            script = script.replace(old, new)
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", f"{before}\n{script}\n{after}"],
            cwd=cwd,
            env={"PATH": os.environ["PATH"], "HOME": str(cwd), **(environment or {})},
            capture_output=True,
            text=True,
            check=False,
            timeout=timeout_seconds,
        )
        assert done.returncode == 0, f"{self.page}:{self.line}: exit status {done.returncode}\n{done.stderr}"
        EXECUTED.add(self.name)
        return done.stdout

    def command(self) -> list[str]:
        """Return the words of a block of one command that runs until it is stopped; the test starts it itself."""
        (line,) = self.text.strip().splitlines()
        EXECUTED.add(self.name)
        return shlex.split(line, comments=True)


CLAIMED: set[str] = set()
"""Names of the shell blocks that tests claim to run."""

EXECUTED: set[str] = set()
"""Names of the blocks that were run in this process."""


def runs(*names: str) -> Callable[[Callable[P, None]], Callable[P, None]]:
    """Claim shell blocks for a test, which fails when it has not run each of them."""

    def decorate(test: Callable[P, None]) -> Callable[P, None]:
        @functools.wraps(test)
        def checked(*args: P.args, **kwargs: P.kwargs) -> None:
            EXECUTED.difference_update(names)
            test(*args, **kwargs)
            missing = sorted(set(names) - EXECUTED)
            assert missing == [], f"claimed and not run: {missing}"

        CLAIMED.update(names)
        return checked

    return decorate


@cache
def all_blocks() -> dict[str, Block]:
    """Every shell and YAML block of the documentation, by name."""
    found = [each for path in PAGES for each in blocks_of(path.read_text(), path.relative_to(_base(path)).as_posix())]
    return {each.name: each for each in found}


def _base(path: Path) -> Path:
    return ROOT if path.parent == ROOT else ROOT / "docs"


def block(name: str) -> Block:
    """Return the block of that name. Raises BlockError if there is none."""
    try:
        return all_blocks()[name]
    except KeyError:
        raise BlockError(f"no block {name!r}; there are: {', '.join(all_blocks())}") from None


def blocks_of(text: str, page: str) -> Iterator[Block]:
    """Yield the shell and YAML blocks of a page.

    Raises BlockError for a mark without a shell or YAML block right after it, for a fence that is not closed, and for
    an indented code block, which would not be checked.
    """
    lines = text.splitlines()
    heading, count = "", 0
    mark: str | None = None
    at = 0
    while at < len(lines):
        if fence := _FENCE.match(lines[at]):
            end = _end_of(lines, at, fence, page)
            if fence[3] in SHELL | YAML:
                count += 1
                body = "".join(f"{line.removeprefix(fence[1])}\n" for line in lines[at + 1 : end])
                yield Block(f"{page}/{heading}/{count}", page, at + 1, fence[3], body, mark)
            elif mark is not None:
                raise BlockError(f"{page}:{at}: the mark is not needed: {fence[3] or 'plain'} blocks are not run")
            mark, at = None, end + 1
            continue
        if mark is not None:
            raise BlockError(f"{page}:{at}: no block comes right after the mark")
        if found := _MARK.match(lines[at]):
            mark = found[1].strip()
        elif lines[at].startswith("#"):
            heading, count = lines[at].lstrip("# ").strip(), 0
        elif _is_indented_code(lines, at):
            raise BlockError(f"{page}:{at + 1}: put the indented code into a fenced block, so that it is checked")
        at += 1
    if mark is not None:
        raise BlockError(f"{page}:{at}: no block comes right after the mark")


def _end_of(lines: list[str], start: int, fence: re.Match[str], page: str) -> int:
    for at in range(start + 1, len(lines)):
        if lines[at].strip().startswith(fence[2]) and not lines[at].strip(" `~"):
            return at
    raise BlockError(f"{page}:{start + 1}: the fence is not closed")


def _is_indented_code(lines: list[str], at: int) -> bool:
    """Return whether an indented code block begins here: after an empty line, outside lists and admonitions."""
    if not _INDENTED.match(lines[at]) or (at > 0 and lines[at - 1].strip()):
        return False
    before = next((line for line in reversed(lines[:at]) if line.strip() and not line.startswith(" ")), "")
    return not _PARAGRAPH_CONTAINER.match(before)


def block_problem(each: Block, *, is_checked: bool) -> str | None:
    """Return what is wrong with how the block is marked, or None."""
    where = f"{each.page}:{each.line} ({each.name})"
    if each.mark == "":
        return f"{where}: the mark gives no reason; write <!-- illustrative: REASON -->"
    if each.mark is not None and is_checked:
        return f"{where}: the mark is not needed: a test checks this block"
    if each.mark is None and not is_checked:
        return f"{where}: no test runs this block; run it in tests/integration/docs, or mark it as illustrative"
    return None
