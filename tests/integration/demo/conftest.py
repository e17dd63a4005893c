"""The demo clip, rendered once for each version of the scene and kept under build/."""

from pathlib import Path

import pytest

from vigil_demo.yard_clip import ensure_yard_clip

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="session")
def yard_clip() -> Path:
    """The clip that the demo camera plays."""
    return ensure_yard_clip(ROOT / "build" / "demo-clip")
