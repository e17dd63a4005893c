"""The demo clip, rendered once for each version of the scene and kept in the user's cache."""

from pathlib import Path

import pytest
from tests.integration.services.kept_inputs import DEMO_CLIP_FOLDER

from vigil_demo.yard_clip import ensure_yard_clip


@pytest.fixture(scope="session")
def yard_clip() -> Path:
    """The clip that the demo camera plays."""
    return ensure_yard_clip(DEMO_CLIP_FOLDER)
