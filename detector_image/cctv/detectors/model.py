"""The one interface to object detection models. `cctv.detectors.loader` makes a model of a name or path."""

from concurrent.futures import Future
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from cctv.common.frame import Frame


@dataclass(frozen=True, slots=True)
class Detections:
    """What a model found in one picture: row i of each array is one detection, the most confident first."""

    boxes: npt.NDArray[np.float32]
    """(N, 4): x_min, y_min, x_max, y_max in fractions of the picture."""
    confidences: npt.NDArray[np.float32]
    """(N,), 0.0 to 1.0."""
    class_ids: npt.NDArray[np.int32]
    """(N,), indexes into the model's labels."""

    @classmethod
    def none(cls) -> "Detections":
        """No detection at all."""
        return cls(np.empty((0, 4), np.float32), np.empty(0, np.float32), np.empty(0, np.int32))

    def __len__(self) -> int:
        return len(self.confidences)


@runtime_checkable
class Model(Protocol):
    """A loaded model. Safe to be called from several threads: cameras share one."""

    @property
    def labels(self) -> tuple[str, ...]:
        """The classes' names, by class id."""

    @property
    def input_size(self) -> tuple[int, int]:
        """(width, height) of the largest picture that the network takes, in pixels."""

    def submit(self, frame: Frame) -> Future[Detections]:
        """Starts a detection; requests of several cameras run together. Errors come out of the future."""

    def detect(self, frame: Frame) -> Detections:
        """`submit` and wait."""

    def close(self) -> None:
        """Gives memory and threads back; the model must not be used afterwards."""


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """How a model really runs."""

    runtime: str
    """`openvino`, `ultralytics` or `triton`."""
    device: str
    """`cpu`, `cuda:0`, `intel-gpu`, `npu`; `server` where an inference server has it."""
    precision: str
    """`float32`, `float16`, `bfloat16`, `int8`."""


@runtime_checkable
class DescribedModel(Protocol):
    """A model that can say how it runs; read it anew, since a model may be exchanged while it runs."""

    @property
    def info(self) -> ModelInfo:
        """How it runs now."""


@runtime_checkable
class RemoteModel(Protocol):
    """A model that runs elsewhere, and may be away."""

    def check(self) -> None:
        """Raises `ModelUnavailableError` while it cannot be asked."""
