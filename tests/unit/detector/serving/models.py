"""A model for the tests of the server: it finds what an image's first pixel says, when it is allowed to."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import Future

import numpy as np

from cctv.common.frame import Frame
from cctv.detectors.model import Detections, ModelInfo


def found(value: int) -> Detections:
    """One detection of class `value`."""
    return Detections(
        np.array([[0.125, 0.25, 0.5, 0.75]], np.float32),
        np.array([0.5], np.float32),
        np.array([value], np.int32),
    )


class FakeModel:
    """Answers at once; while `hold` is set, only when `release` is called. The pixel 255 is an error."""

    def __init__(self) -> None:
        self.labels = tuple(f"class {number}" for number in range(300))
        self.input_size = (640, 640)
        self.info = ModelInfo("fake", "cpu", "float32")
        self.batches: list[list[int]] = []
        self.is_held = False
        self._held: list[tuple[int, Future[Detections]]] = []
        self._lock = threading.Lock()

    def submit_batch(self, frames: Sequence[Frame]) -> list[Future[Detections]]:
        values = [int(frame.bgr()[0, 0, 2]) for frame in frames]
        futures: list[Future[Detections]] = [Future() for _ in values]
        with self._lock:
            self.batches.append(values)
            self._held.extend(zip(values, futures, strict=True))
        if not self.is_held:
            self.release()
        return futures

    def submit(self, frame: Frame) -> Future[Detections]:
        return self.submit_batch([frame])[0]

    def detect(self, frame: Frame) -> Detections:
        return self.submit(frame).result()

    def release(self) -> None:
        """Answer everything that is under way."""
        with self._lock:
            held, self._held = self._held, []
        for value, future in held:
            if value == 255:
                future.set_exception(RuntimeError("/secret/folder/model.xml is broken"))
            else:
                future.set_result(found(value))

    def close(self) -> None:
        """Nothing."""


class SingleModel:
    """The same without batches, as OpenVINO's."""

    def __init__(self, model: FakeModel) -> None:
        self.labels, self.input_size, self._model = model.labels, model.input_size, model

    def submit(self, frame: Frame) -> Future[Detections]:
        return self._model.submit(frame)

    def detect(self, frame: Frame) -> Detections:
        return self._model.detect(frame)

    def close(self) -> None:
        """Nothing."""
