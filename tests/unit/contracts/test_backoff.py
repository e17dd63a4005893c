from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vigil_contracts.backoff import Backoff, Jitter, pause_seconds

FAILURES = st.integers(min_value=1, max_value=2000)


@given(st.integers(min_value=1, max_value=200))
def test_delays_grow_from_one_second_to_sixty(failures: int) -> None:
    backoff = Backoff(1.0, 60.0)
    pauses = [backoff.next_seconds() for _ in range(failures)]

    assert 0.75 <= pauses[0] <= 1.25
    assert all(pause <= 60.0 for pause in pauses)
    assert all(pause >= 45.0 for pause in pauses[6:])
    assert backoff.failures == failures

    backoff.reset()
    assert backoff.next_seconds() <= 1.25


@pytest.mark.parametrize("jitter", Jitter)
def test_delays_differ_between_clients(jitter: Jitter) -> None:
    assert len({Backoff(1.0, 60.0, jitter=jitter).next_seconds() for _ in range(20)}) > 10


@given(FAILURES, st.sampled_from(Jitter), st.floats(min_value=0.0, max_value=7200.0))
def test_delay_is_at_least_retry_after(failures: int, jitter: Jitter, at_least_seconds: float) -> None:
    pause = pause_seconds(failures, 0.5, 30.0, jitter=jitter, at_least_seconds=at_least_seconds)
    assert pause >= at_least_seconds
    assert pause <= 1.5 * max(30.0, at_least_seconds)


@given(FAILURES)
def test_equal_jitter_is_monotonic_and_full_jitter_is_not(failures: int) -> None:
    exponential = min(30.0, 0.5 * 2.0 ** min(failures - 1, 10))
    assert exponential <= pause_seconds(failures, 0.5, 30.0, jitter=Jitter.LATER) <= 1.5 * exponential
    assert 0.0 <= pause_seconds(failures, 0.5, 30.0, jitter=Jitter.FULL) <= exponential
