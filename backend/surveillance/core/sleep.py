"""Follow the sleep of cameras: the operator reports when it removes a detector, and until when."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Sleep:
    """A camera is asleep until `asleep_until`; its detector may start until `warm_until`."""

    asleep_until: datetime | None
    warm_until: datetime | None


def sleep_after_report(
    known: Sleep, *, wake_time: datetime | None, arm_time: datetime | None, now: datetime
) -> Sleep:
    """Return the camera's sleep after a report of its resource. `wake_time` None: it is awake.

    A camera that wakes up earlier than planned, for example because its schedule was edited, is awake from `now` on.
    After the planned wake time nothing changes: the time is needed until its detector reports.
    """
    if wake_time is not None:
        return Sleep(wake_time, max(wake_time, arm_time or wake_time))
    if known.asleep_until is not None and known.asleep_until > now:
        return Sleep(now, now)
    return known
