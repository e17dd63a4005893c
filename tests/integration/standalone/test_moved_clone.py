"""A clone whose environments no longer work, because it was moved or Python was upgraded, gets new ones."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
SETUP = ("bash", "tools/setup.sh", ".venvs/small", "locks/small.txt")


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """This repository's own files, with a lock of one package."""
    clone = tmp_path / "first"
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True)
    for name in filter(None, listed.stdout.split("\0")):
        if name.startswith(("tests/", "docs/")) or not (ROOT / name).is_file():
            continue
        (clone / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, clone / name)
    locked = re.search(r"^idna==[^\n]*(\n    [^\n]*)+", (ROOT / "locks" / "dev.txt").read_text(), re.MULTILINE)
    assert locked is not None
    (clone / "locks" / "small.txt").write_text(locked[0] + "\n")
    (clone / ".tools").symlink_to(ROOT / ".tools")
    return clone


def set_up(clone: Path) -> str:
    made = subprocess.run(SETUP, cwd=clone, env=dict(os.environ), capture_output=True, text=True, check=False)
    assert made.returncode == 0, made.stdout + made.stderr
    return made.stdout


def test_moved_clone_is_set_up_again_and_runs_its_own_code(clone: Path, tmp_path: Path) -> None:
    assert "ready after" in set_up(clone)
    assert set_up(clone) == ""

    moved = clone.rename(tmp_path / "second")
    assert "the clone was moved; creating the environment again" in set_up(moved)
    script = (moved / ".venvs" / "small" / "bin" / "vigil").read_text()
    assert str(clone) not in script
    imported = subprocess.run(
        [moved / ".venvs" / "small" / "bin" / "python", "-c", "import vigil_standalone as v; print(v.__file__)"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert Path(imported.stdout.strip()) == moved / "standalone" / "vigil_standalone" / "__init__.py"
    assert set_up(moved) == ""

    python = moved / ".venvs" / "small" / "bin" / "python"
    python.unlink()
    python.symlink_to("/usr/bin/python-of-a-former-release")
    assert "ready after" in set_up(moved), "an environment whose Python is gone is replaced"
    subprocess.run([python, "-c", "import idna, vigil_standalone"], check=True)
