"""Fixtures for all tests."""

import os
from pathlib import Path

import pytest
from django.conf import settings

pytest_plugins = [
    "tests.cluster.fixtures",
    "tests.integration.services.backend",
    "tests.integration.services.postgres",
]

ROOT = Path(__file__).parents[1]

# There are no default keys; these are for tests in this process. `VIGIL_…` variables are read before this file is.
settings.SECRET_KEY = "for-tests-only-" + "x" * 50
settings.VIGIL_CREDENTIAL_KEYS = ("A" * 43 + "=",)


@pytest.fixture(scope="session")
def shared() -> Path:
    """Clips and models that are not part of the repository (`VIGIL_SHARED`)."""
    path = Path(os.environ.get("VIGIL_SHARED", ROOT.parent / "shared"))
    if not (path / "videos").is_dir():
        pytest.skip(f"needs the test clips and models: {path}/videos is missing (set VIGIL_SHARED)")
    return path
