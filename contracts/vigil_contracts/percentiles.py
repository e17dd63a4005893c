"""Percentiles of measurements."""

import math
from collections.abc import Sequence


def percentile(values: Sequence[float], share: float) -> float:
    """Return the smallest of `values` that at least `share` (0 to 1) of them do not exceed: the nearest-rank method.

    `values` must not be empty.
    """
    return sorted(values)[max(math.ceil(share * len(values)) - 1, 0)]
