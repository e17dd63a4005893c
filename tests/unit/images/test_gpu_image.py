"""The GPU image stays within its size, as computed from its lock and from what the build removes."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from tools.image.prune import PROFILES
from tools.image.unused_cuda import UNUSED
from tools.image_sizes import OUTPUT, PROFILE, total_bytes

ROOT = Path(__file__).parents[3]
LIMIT_BYTES = 4_500_000_000
OTHER_BYTES = 180_000_000
"""Computed: 108 MB of byte code (0.74 of 145 MB of sources, the ratio in the operator's image), 43 MB for Python and
Debian's libraries (likewise), and a margin for Vigil, `yolov8n` and the libraries that only torch needs."""


@pytest.fixture(scope="module")
def measured() -> dict[str, Any]:
    content: dict[str, Any] = json.loads(OUTPUT.read_text())
    return content


def test_image_is_at_most_4_5_gb(measured: dict[str, Any]) -> None:
    total = total_bytes(measured, "kept_bytes") + OTHER_BYTES
    assert total <= LIMIT_BYTES, f"{total / 1e6:.0f} MB; see tools/image/unused_cuda.py"


def test_sizes_are_of_the_locked_versions(measured: dict[str, Any]) -> None:
    lock = (ROOT / "locks" / "ultralytics.txt").read_text()
    locked = re.findall(r"^([a-z0-9-]+)==(\S+)( ; sys_platform == '(?:win32|never)')?", lock, re.MULTILINE)
    wanted = {(name, version) for name, version, elsewhere in locked if not elsewhere}
    found = {(name, package["version"]) for name, package in measured["packages"].items()}
    assert found <= wanted, "run: python -m tools.image_sizes"
    assert {name for name, _ in wanted} == {name for name, _ in found}, "run: python -m tools.image_sizes"


def test_sizes_are_of_the_patterns_that_the_build_removes(measured: dict[str, Any]) -> None:
    assert set(measured["pattern_bytes"]) == set(PROFILES[PROFILE]), "run: python -m tools.image_sizes"


@pytest.mark.parametrize("pattern", UNUSED)
def test_each_pattern_removes_something(measured: dict[str, Any], pattern: str) -> None:
    assert measured["pattern_bytes"][pattern] > 0, "no file has this name; has the package renamed it?"


def test_packages_lose_only_what_the_patterns_name(measured: dict[str, Any]) -> None:
    """Whole packages that are removed are rows of the list, not an accident of a pattern that is too wide."""
    gone = {name for name, package in measured["packages"].items() if package["kept_bytes"] == 0}
    assert gone == {"triton", "polars", "polars-runtime-32", "fonttools", "setuptools"}
