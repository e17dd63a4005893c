"""A MkDocs hook: redirect links to files outside `docs/` to copies of these files in the site.

So the links of a page work both in the repository, as `../manifests/…`, and in the site.
"""

import re
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
COPIES = "repository"
"""Folder of the site with the copies."""

_LINK = re.compile(r"\]\(((?:\.\./)+)(?!\.)([^)#\s]+)(#[^)\s]*)?\)")


def linked_files() -> set[str]:
    """Return the repository's files that pages link to, as paths from its root."""
    docs = ROOT / "docs"
    found: set[str] = set()
    for page in docs.rglob("*.md"):
        for match in _LINK.finditer(page.read_text()):
            target = (page.parent / match[1] / match[2]).resolve()
            if target.is_file() and not target.is_relative_to(docs):
                found.add(target.relative_to(ROOT).as_posix())
    return found


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Redirect the links; links of a copied page to `docs/` lead to the site."""
    if page.file.src_uri.startswith(f"{COPIES}/"):
        return markdown.replace("](docs/", f"]({'../' * page.file.src_uri.count('/')}")
    folder = (ROOT / "docs" / page.file.src_uri).parent

    def replace(match: re.Match[str]) -> str:
        target = (folder / match[1] / match[2]).resolve()
        if not target.is_file() or target.is_relative_to(ROOT / "docs"):
            return match[0]
        up = "../" * page.file.src_uri.count("/")
        return f"]({up}{COPIES}/{target.relative_to(ROOT).as_posix()})"

    return _LINK.sub(replace, markdown)
