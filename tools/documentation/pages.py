"""Write the reference pages while MkDocs builds the site (`mkdocs-gen-files` runs this file)."""

import shutil
import sys
from pathlib import Path

import mkdocs_gen_files

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "backend")]

from tools.documentation import api, links, metrics, resources, settings, values  # noqa: E402 - the path comes first

PAGES = {
    "reference/resources.md": resources.page,
    "reference/api.md": api.page,
    "reference/settings.md": settings.page,
    "reference/metrics.md": metrics.page,
    "reference/values.md": values.page,
}

for name, page in PAGES.items():
    with mkdocs_gen_files.open(name, "w") as file:
        file.write(page())
for path in links.linked_files():
    with mkdocs_gen_files.open(f"{links.COPIES}/{path}", "wb") as copy, (ROOT / path).open("rb") as original:
        shutil.copyfileobj(original, copy)
