"""A full or read-only disk is reported in one clear line."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.cluster.processes import free_ports


@pytest.fixture
def small_disk(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Path]:
    """A file system in memory with the given mount options."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", request.param, "tmpfs", str(folder)]
    mounted = subprocess.run(command, capture_output=True, text=True, check=False)
    if mounted.returncode != 0:
        pytest.skip(f"a file system of its own needs root and the right to mount: {mounted.stderr.strip()}")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


@pytest.mark.parametrize(
    ("small_disk", "words"),
    [
        ("size=8k", "no space left for {}: free some, or set VIGIL_DATA_DIR to a folder on another disk"),
        ("size=600k", "no space left for {}: free some, or set VIGIL_DATA_DIR to a folder on another disk"),
        (
            "ro",
            "cannot write to {}: Read-only file system: set VIGIL_DATA_DIR to a folder that this user can write to",
        ),
    ],
    ids=["no room for the secrets", "no room for the database", "read-only"],
    indirect=["small_disk"],
)
def test_unwritable_disk_is_reported_in_one_line(small_disk: Path, words: str) -> None:
    data = small_disk / "data"
    run = subprocess.run(
        [sys.executable, "-m", "vigil_standalone", "run"],
        env={**os.environ, "PORT": str(free_ports(1)[0]), "VIGIL_DATA_DIR": str(data), "DEMO": "0", "MODEL": "demo"},
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    assert run.returncode == 1
    assert run.stderr == f"vigil: {words.format(data)}\n"
