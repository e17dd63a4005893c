"""Real clips, with a model that remembers its detections."""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.integration.detector.clips import RememberingModel
from tests.integration.detector.kept_detections import kept_detections

from cctv.detectors.model import Model


@pytest.fixture(scope="session")
def clip(shared: Path, model: Model, model_folder: Path) -> Iterator[Callable[[str], tuple[Path, RememberingModel]]]:
    """Return a function that returns a clip's path and the model for its frames."""
    known: dict[str, tuple[Path, RememberingModel]] = {}
    with contextlib.ExitStack() as stack:

        def of(clip: str) -> tuple[Path, RememberingModel]:
            if clip not in known:
                path = shared / "videos" / clip
                kept = stack.enter_context(kept_detections(model, model_folder, path))
                known[clip] = path, RememberingModel(kept)
            return known[clip]

        yield of
