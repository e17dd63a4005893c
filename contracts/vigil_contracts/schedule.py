"""When a schedule is on, by the clock of its own time zone."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from vigil_contracts.rules import Day, Schedule, Window


def is_armed(schedule: Schedule | None, now: datetime) -> bool:
    """Whether `now` (aware) lies in one of the schedule's windows; without a schedule, always."""
    if schedule is None:
        return True
    local = now.astimezone(ZoneInfo(schedule.time_zone))
    today, yesterday = _day(local), _day(local - timedelta(days=1))
    minute = local.hour * 60 + local.minute
    return any(_holds(window, minute, today, yesterday) for window in schedule.windows)


def _holds(window: Window, minute: int, today: Day, yesterday: Day) -> bool:
    start, end = _minutes(window.start), _minutes(window.end)
    if end > start:
        return today in window.days and start <= minute < end
    return (today in window.days and minute >= start) or (yesterday in window.days and minute < end)


def _day(moment: datetime) -> Day:
    return tuple(Day)[moment.weekday()]


def _minutes(clock: str) -> int:
    hours, minutes = clock.split(":")
    return int(hours) * 60 + int(minutes)
