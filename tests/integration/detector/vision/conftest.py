"""Real clips, with a model that remembers its detections."""

from collections.abc import Callable
from pathlib import Path

import pytest
from tests.integration.detector.clips import RememberingModel

from cctv.detectors.model import Model


@pytest.fixture(scope="session")
def clip(shared: Path, model: Model) -> Callable[[str], tuple[Path, RememberingModel]]:
    known: dict[str, tuple[Path, RememberingModel]] = {}

    def of(clip: str) -> tuple[Path, RememberingModel]:
        return known.setdefault(clip, (shared / "videos" / clip, RememberingModel(model)))

    return of
