"""Group the motion of segments into periods. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass

from vigil_apps.recordings.core.timeline import ADJACENT_MS

MOST_PERIODS = 720
"""What a screen can show of a day; a narrower period is requested for more detail."""


@dataclass(frozen=True, slots=True)
class MotionPeriod:
    """A period with motion. `percent`: the largest share of the analysed frames of one of its segments."""

    start_ms: int
    end_ms: int
    percent: int


def step_ms(*, first_ms: int, last_ms: int) -> int:
    """Return the length of the steps by which motion is summarised, so that there are at most `MOST_PERIODS`."""
    return max(1000, -(-(last_ms - first_ms) // MOST_PERIODS))


def joined_motion(periods: Iterable[MotionPeriod]) -> list[MotionPeriod]:
    """Return the periods, which are in order; those that follow each other as one."""
    found: list[MotionPeriod] = []
    for one in periods:
        former = found[-1] if found else None
        if former is not None and one.start_ms - former.end_ms <= ADJACENT_MS:
            end_ms = max(former.end_ms, one.end_ms)
            found[-1] = MotionPeriod(former.start_ms, end_ms, max(former.percent, one.percent))
        else:
            found.append(one)
    return found
