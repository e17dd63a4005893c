"""Live frames carry the privacy masks with which they were taken."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime

import av
import numpy as np
import pytest

from cctv.delivery.live import LiveView
from cctv.metrics import Metrics


class Sent:
    """What a live view has sent: the masks of each frame."""

    def __init__(self) -> None:
        self.masks: list[str] = []
        self.view = LiveView(7, lambda _id, _jpeg, _at, masks: self.masks.append(masks), Metrics(), "old")

    def offer(self, received_at: float) -> None:
        picture = av.VideoFrame.from_ndarray(np.zeros((48, 64, 3), np.uint8), format="rgb24")
        self.view.offer(picture, datetime.now(UTC), received_at)

    def wait_for(self, count: int) -> None:
        deadline = time.monotonic() + 10
        while len(self.masks) < count and time.monotonic() < deadline:
            time.sleep(0.01)


@pytest.fixture
def sent() -> Iterator[Sent]:
    made = Sent()
    made.view.request(30)
    yield made
    made.view.end()


def test_a_frame_received_before_a_change_of_the_masks_is_not_sent(sent: Sent) -> None:
    sent.offer(time.monotonic())
    sent.wait_for(1)
    time.sleep(0.2)  # the next frame is due
    changed_at = time.monotonic()
    sent.view.change_masks("new", changed_at)
    sent.offer(changed_at - 0.01)
    time.sleep(0.3)
    assert sent.masks == ["old"]
    sent.offer(time.monotonic())
    sent.wait_for(2)
    assert sent.masks == ["old", "new"]
