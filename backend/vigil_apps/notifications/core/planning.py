"""Decide which waiting alerts go into which message, and when."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

RATE_PERIOD = timedelta(hours=1)
MOST_ALERTS = 500
"""Maximum number of alerts in one message; more go into the next one."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How often a subscription may send. `messages_per_hour` None: no limit."""

    digest: timedelta = timedelta(0)
    messages_per_hour: int | None = None


def group_alerts(
    waiting_since: Sequence[datetime], pace: Pace, *, sent_within_period: int, now: datetime
) -> list[range]:
    """Return the messages to create now, each as the range of its alerts, the oldest first.

    The limit drops nothing: alerts beyond it wait, and the last permitted message takes all the rest.
    """
    count = min(len(waiting_since), MOST_ALERTS)
    if not count or now - waiting_since[0] < pace.digest:
        return []
    allowed = count if pace.messages_per_hour is None else pace.messages_per_hour - sent_within_period
    if allowed <= 0:
        return []
    messages = 1 if pace.digest else min(count, allowed)
    singles = [range(index, index + 1) for index in range(messages - 1)]
    return [*singles, range(messages - 1, count if pace.digest or count > allowed else messages)]
