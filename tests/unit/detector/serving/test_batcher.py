"""Images that wait together run together; each camera has its turn; late images are not run."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future
from datetime import UTC, datetime

import numpy as np
import pytest
from tests.cluster.polling import eventually
from tests.unit.detector.serving.models import FakeModel, SingleModel

from cctv.common.frame import Frame
from cctv.detectors.model import Detections
from cctv.serving.batcher import Batcher, BatchOptions, DeadlineExceededError
from cctv.serving.fair_queue import QueueFullError
from cctv.serving.metrics import ServingMetrics

TIMEOUT = 10.0


class Clock:
    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


class Bench:
    """A batcher with its model, metrics and clock."""

    def __init__(self, *, max_batch: int = 4, deadline_seconds: float = 1.0, single: bool = False) -> None:
        self.model, self.clock, self.metrics = FakeModel(), Clock(), ServingMetrics()
        options = BatchOptions(max_batch, 0.0, deadline_seconds, queue_limit=64, sender_limit=8)
        model = SingleModel(self.model) if single else self.model
        self.batcher = Batcher("fake", model, options, self.metrics.of("fake"), self.clock)

    def submit(self, value: int, sender: str) -> Future[Detections]:
        rgb = np.full((4, 4, 3), 7, np.uint8)
        rgb[0, 0, 0] = value
        (future,) = self.batcher.submit([Frame.from_rgb(rgb, datetime.now(UTC), 0.0, 0)], sender)
        return future

    def fill(self, count: int) -> list[Future[Detections]]:
        """Give the model as many images as it takes; it holds them."""
        self.model.is_held = True
        futures = []
        for number in range(count):
            futures.append(self.submit(number, f"filler {number}"))
            eventually(lambda wanted=number + 1: sum(map(len, self.model.batches)) == wanted)  # type: ignore[misc]
        return futures

    def metric(self, name: str) -> float:
        return self.metrics.registry.get_sample_value(f"vigil_inference_server_{name}", {"model": "fake"}) or 0.0


@pytest.fixture
def bench() -> Iterator[Bench]:
    made = Bench()
    yield made
    made.model.is_held = False
    made.model.release()
    made.batcher.close()


def class_of(future: Future[Detections]) -> int:
    return int(future.result(TIMEOUT).class_ids[0])


def test_images_that_arrive_while_the_model_is_busy_run_as_one_batch_in_turns(bench: Bench) -> None:
    first = bench.fill(8)  # two batches of four may be under way
    waiting = [bench.submit(value, "busy") for value in (100, 101, 102)]
    waiting += [bench.submit(200, "calm"), bench.submit(210, "slow")]
    assert bench.metric("queued_images") == 5.0
    bench.model.is_held = False
    bench.model.release()
    assert [class_of(future) for future in (*first, *waiting)] == [*range(8), 100, 101, 102, 200, 210]
    assert bench.model.batches[8:] == [[100, 200, 210, 101], [102]]
    assert bench.metric("queued_images") == 0.0
    assert bench.metric("batch_size_sum") == 13.0
    assert bench.metric("inference_seconds_count") == 13.0


def test_model_without_batches_gets_the_images_one_by_one() -> None:
    bench = Bench(single=True)
    assert [class_of(bench.submit(value, "one")) for value in (1, 2)] == [1, 2]
    bench.batcher.close()


def test_error_of_the_model_reaches_each_image_and_later_ones_are_served(bench: Bench) -> None:
    with pytest.raises(RuntimeError, match="is broken"):
        bench.submit(255, "one").result(TIMEOUT)
    assert class_of(bench.submit(3, "one")) == 3


def test_image_that_waited_too_long_is_not_run(bench: Bench) -> None:
    first = bench.fill(8)
    late = bench.submit(9, "one")
    bench.clock.seconds = 2.5
    bench.model.is_held = False
    bench.model.release()
    with pytest.raises(DeadlineExceededError, match=r"waited 2\.5 s for the model; too many cameras"):
        late.result(TIMEOUT)
    assert [class_of(future) for future in first] == list(range(8))
    assert [9] not in bench.model.batches


def test_seconds_under_way_are_those_of_the_oldest_image(bench: Bench) -> None:
    assert bench.batcher.seconds_under_way() == 0.0
    (future,) = bench.fill(1)
    bench.clock.seconds = 40.0
    assert bench.batcher.seconds_under_way() == 40.0
    bench.model.release()
    class_of(future)
    assert bench.batcher.seconds_under_way() == 0.0


def test_closing_runs_what_waits_and_takes_no_more(bench: Bench) -> None:
    first = bench.fill(8)
    waiting = bench.submit(50, "one")
    bench.model.is_held = False
    bench.model.release()
    bench.batcher.close()
    assert [class_of(future) for future in (*first, waiting)] == [*range(8), 50]
    with pytest.raises(QueueFullError, match="the server is ending"):
        bench.submit(1, "one")


def test_idle_model_waits_for_a_batch_only_as_long_as_it_is_told() -> None:
    model, metrics = FakeModel(), ServingMetrics()
    batcher = Batcher("fake", model, BatchOptions(2, 30.0, 60.0, 64, 8), metrics.of("fake"))
    rgb = np.zeros((4, 4, 3), np.uint8)
    frame = Frame.from_rgb(rgb, datetime.now(UTC), 0.0, 0)
    first, second = batcher.submit([frame], "one"), batcher.submit([frame], "two")
    assert class_of(first[0]) == class_of(second[0]) == 0
    assert model.batches == [[0, 0]]
    batcher.close()
