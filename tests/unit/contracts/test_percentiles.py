"""Percentiles of measurements."""

import pytest

from vigil_contracts.percentiles import percentile


@pytest.mark.parametrize(("share", "expected"), [(0.0, 1), (0.5, 2), (0.75, 3), (0.95, 4), (1.0, 4)])
def test_percentile_is_a_value_that_occurred(share: float, expected: int) -> None:
    assert percentile([4, 1, 3, 2], share) == expected
