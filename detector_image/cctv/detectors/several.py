"""Combine several models into one: each analyses the same frame, and the class id identifies the model."""

import threading
from collections.abc import Sequence
from concurrent.futures import Future

import numpy as np

from cctv.common.frame import Frame
from cctv.detectors.model import Detections, Model


class SeveralModels:
    """Several models that behave as one `cctv.detectors.model.Model`. Its labels are the first's, then the second's.

    All models analyse the frame at the same time if their runtimes can.
    """

    def __init__(self, models: Sequence[Model]) -> None:
        self._models = tuple(models)
        self.labels = tuple(label for model in self._models for label in model.labels)
        self.input_size = (
            max(model.input_size[0] for model in self._models),
            max(model.input_size[1] for model in self._models),
        )
        self.owners = tuple(number for number, model in enumerate(self._models) for _ in model.labels)
        """The index of the model for each class id."""

    def submit(self, frame: Frame) -> Future[Detections]:
        """Start an inference by each model; if one fails, the result is its error."""
        joined: Future[Detections] = Future()
        answers = [model.submit(frame) for model in self._models]
        left, counting = [len(answers)], threading.Lock()

        def count(_: Future[Detections]) -> None:
            with counting:
                left[0] -= 1
                if left[0]:
                    return
            try:
                joined.set_result(self._join([answer.result() for answer in answers]))
            except Exception as error:  # noqa: BLE001 - the waiting caller must get the error
                joined.set_exception(error)

        for answer in answers:
            answer.add_done_callback(count)
        return joined

    def detect(self, frame: Frame) -> Detections:
        """Call `submit` and wait for the result."""
        return self.submit(frame).result()

    def close(self) -> None:
        """Do nothing: the caller who loaded the models closes them."""

    def _join(self, answers: Sequence[Detections]) -> Detections:
        first_ids = np.cumsum([0, *(len(model.labels) for model in self._models)])
        confidences = np.concatenate([answer.confidences for answer in answers])
        class_ids = [answer.class_ids + first for answer, first in zip(answers, first_ids[:-1], strict=True)]
        order = np.argsort(-confidences, kind="stable")
        return Detections(
            np.concatenate([answer.boxes for answer in answers])[order],
            confidences[order],
            np.concatenate(class_ids)[order].astype(np.int32),
        )


def as_one(models: Sequence[Model]) -> Model:
    """Return the models as one; a single model is returned unchanged."""
    return models[0] if len(models) == 1 else SeveralModels(models)
