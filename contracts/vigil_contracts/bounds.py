"""Bounds that every contract keeps, so that what one client sends can be stored, listed and sorted for all others.

A number is finite (`allow_inf_nan=False` in each model: JSON has no infinity, and `1e999` is read as one). A time
lies within 1990 to 2100: a time at the end of what a database or Python can express overflows when it is converted
to another zone.
"""

from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime

EARLIEST = datetime(1990, 1, 1, tzinfo=UTC)
LATEST = datetime(2100, 1, 1, tzinfo=UTC)
MAX_SIDE_PIXELS = 65_535
"""The longest side of a picture: what JPEG and H.265 can express at most."""
INSTANT_RANGE = "must be a time between 1990 and 2100, as in 2026-05-17T12:00:00Z"


def is_plausible(instant: datetime) -> bool:
    """Return whether an aware time lies within the bounds."""
    return EARLIEST <= instant <= LATEST


def _check_instant(instant: datetime) -> datetime:
    if not is_plausible(instant):
        raise ValueError(INSTANT_RANGE)
    return instant


Instant = Annotated[AwareDatetime, AfterValidator(_check_instant)]
"""A time with its zone, within the bounds."""
