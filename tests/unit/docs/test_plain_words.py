"""Texts do not contain words that the writing guide and the glossary replace (`docs/development/writing.md`)."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
GUIDES = {ROOT / "docs" / "development" / name for name in ("writing.md", "glossary.md")}
SOURCES = ("backend", "charts", "contracts", "demo", "detector_image", "docs", "manifests", "operator", "standalone")
SUFFIXES = {".css", ".html", ".js", ".md", ".py", ".sh", ".tpl", ".txt", ".yaml"}
REPLACED = re.compile(
    r"(?<![\w\"/`])(anew|errands?|inquir(?:y|ies)|no one's|somebody|whoever)(?![\w\"/`\\])", re.IGNORECASE
)
PICTURE = re.compile(r"(?<!groups of )(?<!group of )(?<![\w/-])pictures?\b", re.IGNORECASE)
"""The glossary calls it frame or image."""


def replaced_words(text: str, pattern: re.Pattern[str]) -> list[str]:
    """Return the lines, with their numbers, that contain a replaced word."""
    return [f"{number}: {line.strip()}" for number, line in enumerate(text.splitlines(), 1) if pattern.search(line)]


def _files(*folders: str) -> list[Path]:
    found = [ROOT / name for name in ("CHANGELOG.md", "CONTRIBUTING.md", "README.md", "SECURITY.md")]
    for folder in folders:
        found += [path for path in (ROOT / folder).rglob("*") if path.suffix in SUFFIXES and path.is_file()]
    return sorted(path for path in found if path not in GUIDES and not {"migrations", "vendor"} & set(path.parts))


def _violations(paths: list[Path], pattern: re.Pattern[str]) -> list[str]:
    return [
        f"{path.relative_to(ROOT)}:{line}"
        for path in paths
        for line in replaced_words(path.read_text(encoding="utf-8"), pattern)
    ]


@pytest.mark.parametrize("folder", SOURCES)
def test_replaced_words_are_not_used(folder: str) -> None:
    assert _violations([path for path in _files(folder) if path.name != "openapi.yaml"], REPLACED) == []


def test_documentation_says_frame_or_image() -> None:
    assert _violations([path for path in _files("docs") if path.suffix == ".md"], PICTURE) == []


@pytest.mark.parametrize("text", ["whoever asks", "Made anew.", "the errand ends"])
def test_replaced_word_is_found(text: str) -> None:
    assert replaced_words(text, REPLACED)


@pytest.mark.parametrize("text", ["GET /api/errands/", "named `errand`", 'the user "somebody"'])
def test_names_and_paths_are_allowed(text: str) -> None:
    assert not replaced_words(text, REPLACED)
