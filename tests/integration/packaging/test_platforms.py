"""The images support arm64 and amd64: every locked package has a wheel or is pure Python."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PLATFORM = "aarch64-manylinux_2_36"
"""Debian 12's C library on arm64, as in the images' base."""
PURE_SOURCES = ("http-ece",)
"""Published only as source, with nothing to compile."""


@pytest.mark.timeout(120)
@pytest.mark.parametrize("lock", ["operator", "backend", "detector"])
def test_every_locked_package_supports_arm64(lock: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [
            *(ROOT / "tools/uv.sh", "pip", "install", "--quiet", "--dry-run", "--no-deps", "--require-hashes"),
            *("--target", tmp_path, "--python", ROOT / ".venv/bin/python", "--python-platform", PLATFORM),
            *("--only-binary", ":all:", *(option for name in PURE_SOURCES for option in ("--no-binary", name))),
            *("--requirement", ROOT / "locks" / f"{lock}.txt"),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
