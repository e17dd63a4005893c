"""Fixtures for all tests."""

import os
from pathlib import Path

import pytest

pytest_plugins = [
    "tests.cluster.fixtures",
    "tests.integration.services.backend",
    "tests.integration.services.postgres",
]

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="session")
def shared() -> Path:
    """Clips and models that are not part of the repository (`VIGIL_SHARED`)."""
    path = Path(os.environ.get("VIGIL_SHARED", ROOT.parent / "shared"))
    if not (path / "videos").is_dir():
        pytest.skip(f"needs the test clips and models: {path}/videos is missing (set VIGIL_SHARED)")
    return path
