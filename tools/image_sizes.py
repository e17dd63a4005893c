"""Measure what the packages of the GPU image take before and after pruning: `python -m tools.image_sizes`.

Writes `tests/unit/images/gpu_sizes.json`. Run it after each change of `locks/ultralytics.txt` or of
`tools/image/unused_cuda.py`; it needs `.venvs/ultralytics` (`bash tools/setup.sh .venvs/ultralytics
locks/ultralytics.txt`) and seconds, since it prunes a copy of hard links.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tools.image.prune import PROFILES, prune

ROOT = Path(__file__).resolve().parents[1]
ENVIRONMENT = ROOT / ".venvs" / "ultralytics"
OUTPUT = ROOT / "tests" / "unit" / "images" / "gpu_sizes.json"
PROFILE = "ultralytics"
OWN_PACKAGE = "vigil-cctv"
"""It is installed as a link to the sources here, so its size says nothing."""


@contextmanager
def pruned_copy(environment: Path, profile: str) -> Iterator[tuple[Path, Path]]:
    """Yield the site-packages of an environment, and a pruned copy of it made of hard links."""
    original = next(environment.glob("lib/python3*/site-packages"))
    with tempfile.TemporaryDirectory(prefix=".pruned-", dir=environment.parent) as folder:
        copy = Path(folder) / original.relative_to(environment)
        shutil.copytree(original, copy, symlinks=True, copy_function=os.link)
        prune(copy, profile)
        yield original, copy


def measure(original: Path, pruned: Path, profile: str) -> dict[str, Any]:
    """Return bytes per package before and after pruning, and bytes that each pattern of the profile matches.

    Scripts and manual pages, which lie outside site-packages, are small and are not counted.
    """
    packages = {}
    for package in importlib.metadata.distributions(path=[str(original)]):
        name = package.metadata["Name"].lower().replace("_", "-")
        if name != OWN_PACKAGE:
            paths = {str(file) for file in package.files or () if file.suffix != ".pyc" and file.parts[0] != ".."}
            packages[name] = {
                "version": package.version,
                "bytes": sum(_size(original / path) for path in paths),
                "kept_bytes": sum(_size(pruned / path) for path in paths),
            }
    return {
        "packages": dict(sorted(packages.items())),
        "pattern_bytes": {pattern: _matched_bytes(original, pattern) for pattern in PROFILES[profile]},
    }


def total_bytes(measured: Mapping[str, Any], column: str) -> int:
    """Return the sum of `bytes` or `kept_bytes` over all packages."""
    return sum(package[column] for package in measured["packages"].values())


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() and not path.is_symlink() else 0


def _matched_bytes(packages: Path, pattern: str) -> int:
    found = {file for path in packages.glob(pattern) for file in ([path] if path.is_file() else path.rglob("*"))}
    return sum(_size(file) for file in found if file.suffix != ".pyc")


def main() -> int:
    """Measure and write; return the exit status."""
    if not ENVIRONMENT.is_dir():
        print(
            f"{ENVIRONMENT}: missing; run: bash tools/setup.sh {ENVIRONMENT} locks/ultralytics.txt", file=sys.stderr
        )
        return 2
    with pruned_copy(ENVIRONMENT, PROFILE) as (original, copy):
        measured = measure(original, copy, PROFILE)
    OUTPUT.write_text(json.dumps(measured, indent=1) + "\n")
    before, kept = total_bytes(measured, "bytes"), total_bytes(measured, "kept_bytes")
    print(f"{OUTPUT.relative_to(ROOT)}: {before / 1e6:.0f} MB of packages, {kept / 1e6:.0f} MB after pruning")
    return 0


if __name__ == "__main__":
    sys.exit(main())
