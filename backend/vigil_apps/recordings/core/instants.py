"""Write times. Pure."""

from datetime import UTC, datetime
from functools import lru_cache

_MINUTE_MS = 60_000


def instant(milliseconds: int) -> str:
    """Return the time in milliseconds since 1970 as in RFC 3339, with milliseconds, in UTC.

    Timelines and playlists contain thousands, most of them of the same days: the minutes are cached.
    """
    minute, rest = divmod(milliseconds, _MINUTE_MS)
    return f"{_minute(minute)}{rest / 1000:06.3f}Z"


@lru_cache(maxsize=16_384)
def _minute(minute: int) -> str:
    return datetime.fromtimestamp(minute * 60, UTC).isoformat()[:17]
