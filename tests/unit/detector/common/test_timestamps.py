"""Detection of implausible stream timestamps."""

import numpy as np
import pytest

from cctv.common.timestamps import TimestampCheck


def findings(timestamps: list[float | None], interval: float = 0.1) -> list[float]:
    """When nonsense is found in the timestamps of frames that arrive evenly."""
    check = TimestampCheck()
    times = [number * interval for number in range(len(timestamps))]
    return [now for now, timestamp in zip(times, timestamps, strict=True) if check.finds_nonsense(timestamp, now)]


@pytest.mark.parametrize(
    "timestamps",
    [
        [5.0] * 600,
        [number * 0.001 for number in range(600)],
        [number * 4.0 for number in range(600)],
        [-number * 0.1 for number in range(600)],
        list(np.random.default_rng(1).uniform(0, 40_000, 600)),
    ],
    ids=["standing", "slow", "fast", "backward", "random"],
)
def test_invalid_timestamps_are_reported_once(timestamps: list[float | None]) -> None:
    found = findings(timestamps)

    assert len(found) == 1
    assert found[0] <= 20


@pytest.mark.parametrize(
    "timestamps",
    [
        [number * 0.1 for number in range(600)],
        [number * 0.1 - (3600.0 if number > 300 else 0.0) for number in range(600)],
        [number * 0.1 + min(number, 10) for number in range(600)],
        [None] * 600,
    ],
    ids=["right", "one jump", "sent at once at first", "missing"],
)
def test_plausible_timestamps_are_not_reported(timestamps: list[float | None]) -> None:
    assert findings(timestamps) == []
