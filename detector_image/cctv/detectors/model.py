"""The interface of object detection models. `cctv.detectors.loader` creates a model from a name or path."""

from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from cctv.common.frame import Frame

DEFAULT_BATCH_SIZE = 32
"""Frames that a model takes together at most, where it can. Not measured yet: there was no GPU at hand."""


@dataclass(frozen=True, slots=True)
class Detections:
    """The detections of one frame: row i of each array is one detection, the most confident first."""

    boxes: npt.NDArray[np.float32]
    """(N, 4): x_min, y_min, x_max, y_max in fractions of the frame."""
    confidences: npt.NDArray[np.float32]
    """(N,), 0.0 to 1.0."""
    class_ids: npt.NDArray[np.int32]
    """(N,), indexes into the model's labels."""

    @classmethod
    def none(cls) -> "Detections":
        """Return an empty result."""
        return cls(np.empty((0, 4), np.float32), np.empty(0, np.float32), np.empty(0, np.int32))

    def __len__(self) -> int:
        return len(self.confidences)


@runtime_checkable
class Model(Protocol):
    """A loaded model. Thread-safe, since cameras share it."""

    @property
    def labels(self) -> tuple[str, ...]:
        """Class names by class id."""

    @property
    def input_size(self) -> tuple[int, int]:
        """(width, height) of the network's largest input, in pixels."""

    def submit(self, frame: Frame) -> Future[Detections]:
        """Start an inference; requests of several cameras run concurrently. The future carries errors."""

    def detect(self, frame: Frame) -> Detections:
        """Call `submit` and wait for the result."""

    def close(self) -> None:
        """Release memory and threads; the model must not be used afterwards."""


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """How a model actually runs."""

    runtime: str
    """`openvino`, `ultralytics` or `triton`."""
    device: str
    """`cpu`, `cuda:0`, `intel-gpu`, `npu`; `server` for an inference server."""
    precision: str
    """`float32`, `float16`, `bfloat16`, `int8`."""


@runtime_checkable
class DescribedModel(Protocol):
    """A model that reports how it runs. Do not cache the answer: a model may be replaced while it runs."""

    @property
    def info(self) -> ModelInfo:
        """How the model runs at the moment."""


@runtime_checkable
class RemoteModel(Protocol):
    """A model on another machine, which may be unreachable."""

    def check(self) -> None:
        """Raise `ModelUnavailableError` while the model is unavailable."""

    def for_camera(self, camera_id: int) -> Model:
        """Return this model for the frames of one camera, which is named to the server."""


@runtime_checkable
class BatchModel(Protocol):
    """A model that runs frames faster together than one by one."""

    def submit_batch(self, frames: Sequence[Frame]) -> list[Future[Detections]]:
        """Start a detection of all frames at once; return the futures in their order."""
