"""Real clips as frames, and a real model that analyses each frame once."""

from collections.abc import Iterator
from concurrent.futures import Future
from datetime import UTC, datetime, timedelta
from pathlib import Path

import av
import numpy as np

from cctv.common.frame import WHOLE, Frame
from cctv.detectors.model import Detections, Model
from vigil_contracts.geometry import Box

START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
PERSONS, CARS = "one-by-one-person-detection.mp4", "car-detection.mp4"


def frames_of(clip: Path) -> Iterator[Frame]:
    with av.open(str(clip)) as container:
        for sequence, picture in enumerate(container.decode(video=0)):
            seconds = float(picture.time or 0.0)
            yield Frame.from_av(picture, START + timedelta(seconds=seconds), seconds, sequence)


def sampled(clip: Path, frames_per_second: float, first_seconds: float = 0.0) -> Iterator[Frame]:
    """The frames that a camera of this rate would have sent; never two within one interval."""
    due = first_seconds
    for frame in frames_of(clip):
        if frame.monotonic_seconds >= due - 1e-6:
            yield frame
            due = max(due + 1 / frames_per_second, frame.monotonic_seconds)


class RememberingModel:
    """A real model that analyses each frame of a clip once. Frames within `alike` grey levels count as equal."""

    def __init__(self, model: Model, alike: float = 1.0) -> None:
        self._model, self._alike = model, alike
        self.labels, self.input_size = model.labels, model.input_size
        self._known: dict[tuple[int, Box], Detections] = {}
        self._last: tuple[np.ndarray, Detections] | None = None
        self.inferences = 0
        """The number of answers given, remembered or not."""

    def detect(self, frame: Frame) -> Detections:
        self.inferences += 1
        key = frame.sequence, frame.region
        if key not in self._known:
            self._known[key] = self._detect(frame)
        return self._known[key]

    def _detect(self, frame: Frame) -> Detections:
        if frame.region != WHOLE:
            return self._model.detect(frame)
        small = frame.luma()[::4, ::4].astype(np.int16)
        if self._last is None or np.abs(small - self._last[0]).mean() > self._alike:
            self._last = small, self._model.detect(frame)
        return self._last[1]

    def submit(self, frame: Frame) -> Future[Detections]:
        future: Future[Detections] = Future()
        future.set_result(self.detect(frame))
        return future

    def close(self) -> None:
        self._model.close()
