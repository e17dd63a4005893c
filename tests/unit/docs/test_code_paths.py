"""Pages for maintainers name only files and folders that exist."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
TOP_FOLDERS = sorted(path.name for path in ROOT.iterdir() if path.is_dir() and not path.name.startswith("."))
_PATH = re.compile(rf"`((?:{'|'.join(TOP_FOLDERS)})/[^`\s]*)`")
PAGES = [
    ROOT / "CONTRIBUTING.md",
    ROOT / "README.md",
    ROOT / "docs" / "architecture.md",
    *sorted((ROOT / "docs" / "development").rglob("*.md")),
    *sorted((ROOT / "docs" / "decisions").rglob("*.md")),
]
OUTPUTS = ("build/", "data/")
"""Folders that programs create."""


def missing_paths(text: str) -> list[str]:
    """Return the paths in backticks that do not exist; `*` matches any name."""
    named = [path for path in _PATH.findall(text) if not path.startswith(OUTPUTS)]
    return [path for path in named if not any(ROOT.glob(path.rstrip("/")))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_paths_exist(page: Path) -> None:
    assert missing_paths(page.read_text()) == []


def test_pages_name_paths() -> None:
    assert len({path for page in PAGES for path in _PATH.findall(page.read_text())}) > 40


def test_a_missing_path_is_found() -> None:
    assert missing_paths("`docs/no_such_page.md`, `docs/*.md`, `tests/unit/` and `make test`") == [
        "docs/no_such_page.md"
    ]
