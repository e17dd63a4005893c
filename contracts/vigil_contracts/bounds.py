"""Bounds that every contract keeps, so that what one client sends can be stored, listed and sorted for all others.

A number is finite (`allow_inf_nan=False` in each model: JSON has no infinity, and `1e999` is read as one). A time
lies within 1990 to 2100: a time at the end of what a database or Python can express overflows when it is converted
to another zone.
"""

from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, Field

EARLIEST = datetime(1990, 1, 1, tzinfo=UTC)
LATEST = datetime(2100, 1, 1, tzinfo=UTC)
MAX_SIDE_PIXELS = 65_535
"""The longest side of a picture: what JPEG and H.265 can express at most."""
MAX_FRAMES_PER_SECOND = 1000.0
"""Above what cameras send; a stream's header may claim any rate."""
MAX_COUNT = 2**63 - 1
"""The largest integer that a database column holds."""
MAX_URL_LENGTH = 2048
"""As in the Camera resource."""
MAX_SECONDS_IN_ZONE = 1e9
"""Thirty years: a camera that never restarts."""
INSTANT_RANGE = "must be a time between 1990 and 2100, as in 2026-05-17T12:00:00Z"


def is_plausible(instant: datetime) -> bool:
    """Return whether an aware time lies within the bounds."""
    return EARLIEST <= instant <= LATEST


def _check_instant(instant: datetime) -> datetime:
    if not is_plausible(instant):
        raise ValueError(INSTANT_RANGE)
    return instant


RowId = Annotated[int, Field(ge=1, le=MAX_COUNT)]
"""The id of a row of the API, such as a camera's."""
Count = Annotated[int, Field(ge=0, le=MAX_COUNT)]
FrameRate = Annotated[float, Field(ge=0, le=MAX_FRAMES_PER_SECOND)]
Pixels = Annotated[int, Field(ge=1, le=MAX_SIDE_PIXELS)]
Instant = Annotated[AwareDatetime, AfterValidator(_check_instant)]
"""A time with its zone, within the bounds."""
