"""The backend's unit tests on PostgreSQL, which differs from SQLite in constraints, JSON, text and locks."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


# One process, since the other core has tests of its own meanwhile, and each further process would spend half a minute
# on imports, collection and migrations. A group of its own, which any worker may run.
@pytest.mark.xdist_group("on-postgresql")
@pytest.mark.slow
@pytest.mark.timeout(600)
def test_unit_tests_pass_on_postgresql(database_url: str) -> None:
    finished = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "tests/unit/backend", "-m", "database"),
            *("-q", "-p", "no:cacheprovider"),
        ],
        cwd=ROOT,
        env={**os.environ, "DATABASE_URL": database_url},
        capture_output=True,
        text=True,
        check=False,
        timeout=580,
    )
    assert finished.returncode == 0, finished.stdout[-6000:]
    assert " passed" in finished.stdout
