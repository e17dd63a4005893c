"""Detections of a real model, stored from one run of the suite to the next.

Tests of tracking and rules analyse the same clips at several rates. Inference is most of their processor time, and
gives the same result until the clip, the model, the code before and after the network, a library or the processor
changes: then it is done again. Tests of the inference itself do not use this module.
"""

import contextlib
import json
from collections.abc import Iterator
from concurrent.futures import Future
from importlib.metadata import version
from pathlib import Path

import numpy as np
import openvino as ov
from tests.integration.services.kept_inputs import kept

import cctv
import cctv.common.frame
from cctv.common.frame import Frame
from cctv.detectors.int8_verdict import processor_name
from cctv.detectors.model import Detections, Model

_LIBRARIES = ("av", "numpy", "opencv-python-headless", "openvino")
_PACKAGE = Path(cctv.__file__).parent


class KeptDetections:
    """A model that runs only for frames of a clip that it has not analysed in an earlier run either."""

    def __init__(self, model: Model, path: Path) -> None:
        self._model, self._path = model, path
        self.labels, self.input_size = model.labels, model.input_size
        stored = json.loads(path.read_text()) if path.exists() else {}
        self._known = {key: _from_lists(*lists) for key, lists in stored.items()}
        self._is_changed = False

    def detect(self, frame: Frame) -> Detections:
        """Return the detections in the frame, which must be of the clip."""
        region = frame.region
        key = f"{frame.sequence} {region.x_min} {region.y_min} {region.x_max} {region.y_max}"
        if key not in self._known:
            self._known[key], self._is_changed = self._model.detect(frame), True
        return self._known[key]

    def submit(self, frame: Frame) -> Future[Detections]:
        """Return the result of `detect` as a future."""
        future: Future[Detections] = Future()
        future.set_result(self.detect(frame))
        return future

    def close(self) -> None:
        """Close the real model."""
        self._model.close()

    def save(self) -> None:
        """Store all detections for the next run."""
        if not self._is_changed:
            return
        lists = {
            key: [found.boxes.tolist(), found.confidences.tolist(), found.class_ids.tolist()]
            for key, found in self._known.items()
        }
        part = self._path.with_suffix(".part")
        part.write_text(json.dumps(lists))
        part.rename(self._path)


@contextlib.contextmanager
def kept_detections(model: Model, network: Path, clip: Path) -> Iterator[KeptDetections]:
    """Return a model for the frames of one clip. `network`: the folder from which `model` was loaded."""
    folder = kept("detections", [clip, *_sources(network)], lambda folder: None, versions=_versions())
    found = KeptDetections(model, folder / "detections.json")
    yield found
    found.save()


def _sources(network: Path) -> list[Path]:
    """Return the files on which the detections in a frame depend."""
    of_network = sorted(path for path in network.rglob("*") if path.is_file())
    of_code = sorted((_PACKAGE / "detectors").rglob("*.py"))
    return [*of_network, *of_code, Path(cctv.common.frame.__file__)]


def _versions() -> list[str]:
    return [processor_name(ov.Core()), *(f"{name} {version(name)}" for name in _LIBRARIES)]


def _from_lists(boxes: list[list[float]], confidences: list[float], class_ids: list[int]) -> Detections:
    return Detections(
        np.array(boxes, np.float32).reshape(-1, 4), np.array(confidences, np.float32), np.array(class_ids, np.int32)
    )
