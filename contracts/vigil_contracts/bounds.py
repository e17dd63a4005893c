"""Limits in every contract, so that any accepted input can be stored, listed and sorted.

Numbers are finite (`allow_inf_nan=False` in each model: JSON has no infinity, but `1e999` is parsed as one). Times
lie between 1990 and 2100: times near the limits of a database or Python overflow when converted to another time zone.
"""

from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, Field

EARLIEST = datetime(1990, 1, 1, tzinfo=UTC)
LATEST = datetime(2100, 1, 1, tzinfo=UTC)
MAX_SIDE_PIXELS = 65_535
"""Maximum side length of a frame: the limit of JPEG and H.265."""
MAX_FRAMES_PER_SECOND = 1000.0
"""More than any camera sends; a stream's header may declare any rate."""
MAX_COUNT = 2**63 - 1
"""The largest integer that a database column can store."""
MAX_DISPLAY_NAME_LENGTH = 100
"""Of a camera's name, in the API and in a Camera resource."""

MAX_URL_LENGTH = 2048
"""As in the Camera resource."""
MAX_SECONDS_IN_ZONE = 1e9
"""Thirty years, for a camera that never restarts."""
INSTANT_RANGE = "must be a time between 1990 and 2100, as in 2026-05-17T12:00:00Z"


def is_plausible(instant: datetime) -> bool:
    """Return whether a time with time zone lies within the limits."""
    return EARLIEST <= instant <= LATEST


def _check_instant(instant: datetime) -> datetime:
    if not is_plausible(instant):
        raise ValueError(INSTANT_RANGE)
    return instant


RowId = Annotated[int, Field(ge=1, le=MAX_COUNT)]
"""The id of an API object, such as a camera."""
Count = Annotated[int, Field(ge=0, le=MAX_COUNT)]
FrameRate = Annotated[float, Field(ge=0, le=MAX_FRAMES_PER_SECOND)]
Pixels = Annotated[int, Field(ge=1, le=MAX_SIDE_PIXELS)]
Instant = Annotated[AwareDatetime, AfterValidator(_check_instant)]
"""A time with time zone, within the limits."""
