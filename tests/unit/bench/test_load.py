"""The benchmark's search for the number of supported streams, with models of known speed."""

import time
from concurrent.futures import Future, ThreadPoolExecutor

import pytest
from tests.bench.detector.load import is_sustained, most_streams


@pytest.mark.parametrize("truth", [0, 1, 2, 3, 37, 64, 100])
def test_maximum_number_of_streams_is_found(truth: int) -> None:
    asked: list[int] = []

    def holds(streams: int) -> bool:
        asked.append(streams)
        return streams <= truth

    assert most_streams(holds, most=64) == min(truth, 64)
    assert len(asked) == len(set(asked)), "no trial is made twice"
    assert len(asked) <= 13


def test_a_model_that_is_slower_than_the_streams_does_not_hold() -> None:
    with ThreadPoolExecutor(1) as worker:

        def slow() -> "Future[None]":
            return worker.submit(time.sleep, 0.1)

        assert is_sustained(slow, streams=1, frames_per_second=2, seconds=2)
        assert not is_sustained(slow, streams=8, frames_per_second=5, seconds=1)
