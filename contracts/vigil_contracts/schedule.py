"""Decide whether a schedule is armed, by the clock of its time zone.

A window is one uninterrupted stretch of time, on the nights of a clock change too: it lasts from the first to the
last moment at which the clock reads a time inside it. When clocks go back, an hour is shown twice. A window that
starts in that hour starts at its first pass, and one that ends in it ends at its second: in doubt it is armed.
When clocks go forward, a window that starts in the skipped hour starts at the end of that hour.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta, tzinfo
from itertools import pairwise

from vigil_contracts.rules import Day, Schedule, Window
from vigil_contracts.time_zones import load_time_zone

_WEEKDAYS = tuple(Day)
_DAYS_AROUND = (-2, -1, 0, 1)
"""Start days, relative to the clock's date, of windows that can contain now. Yesterday's may last past midnight; two
days ago and tomorrow matter where clocks go back at midnight, to the day before."""

_DAYS_AHEAD = 15
"""Clocks jump over a weekly window at most once: the next one is a week later."""


def is_armed(schedule: Schedule | None, now: datetime) -> bool:
    """Return whether `now` (time-zone aware) lies in a window of the schedule; without a schedule, always true."""
    if schedule is None:
        return True
    local = now.astimezone(load_time_zone(schedule.time_zone))
    return any(
        _contains(start, end, local) for window in schedule.windows for start, end in _occurrences(window, local)
    )


def next_change(schedule: Schedule, now: datetime) -> datetime | None:
    """Return when the schedule is next armed or disarmed after `now` (time-zone aware), in UTC.

    None if that does not happen within 15 days, as with windows that cover the whole week.
    """
    is_armed_now = is_armed(schedule, now)
    moments = sorted(moment for moment in set(_possible_changes(schedule, now)) if moment > now)
    return next((moment for moment in moments if is_armed(schedule, moment) is not is_armed_now), None)


def _possible_changes(schedule: Schedule, now: datetime) -> Iterator[datetime]:
    """Yield every moment, in UTC, at which the schedule can change: when the clock shows a window's start or end, in
    both passes of a repeated hour, and when clocks change."""
    zone = load_time_zone(schedule.time_zone)
    midnight = datetime.combine(now.astimezone(zone).date(), time.min, zone)
    days = [midnight + timedelta(days=offset) for offset in range(_DAYS_AROUND[0], _DAYS_AHEAD + 1)]
    for window in schedule.windows:
        for clock in (window.start, window.end):
            shown = [day + _since_midnight(clock) for day in days]
            yield from (moment.replace(fold=fold).astimezone(UTC) for moment in shown for fold in (0, 1))
    starts = [day.astimezone(UTC) for day in days]
    for start, end in pairwise(starts):
        if start.astimezone(zone).utcoffset() != end.astimezone(zone).utcoffset():
            yield _clock_change(start, end, zone)


def _clock_change(start: datetime, end: datetime, zone: tzinfo) -> datetime:
    """Return the first whole second after `start`, at the latest `end`, at which the zone's offset differs."""
    before = start.astimezone(zone).utcoffset()
    while end - start > timedelta(seconds=1):
        middle = start + timedelta(seconds=(end - start) // timedelta(seconds=2))
        if middle.astimezone(zone).utcoffset() == before:
            start = middle
        else:
            end = middle
    return end


def _occurrences(window: Window, local: datetime) -> Iterator[tuple[datetime, datetime]]:
    """Yield start and end of the window on each day that can matter, in `local`'s time zone."""
    midnight = datetime.combine(local.date(), time.min, local.tzinfo)
    start, end = _since_midnight(window.start), _since_midnight(window.end)
    if end <= start:
        end += timedelta(days=1)
    for offset in _DAYS_AROUND:
        day = midnight + timedelta(days=offset)
        if _WEEKDAYS[day.weekday()] in window.days:
            yield day + start, day + end


def _contains(start: datetime, end: datetime, local: datetime) -> bool:
    """Return whether the clock is between start and end, or runs through the repeated hour for a window in progress.

    All three share one time zone, so Python compares and adds what the clock shows (PEP 495).
    """
    clock = local.replace(fold=0)
    if start <= clock < end:
        return True
    if local.fold:  # second pass: the window has started in the first, and starts «again» later in this one
        return clock < start and _is_repeated(start)
    # First pass: the window has ended by the clock, which will go back to before that end.
    return clock >= end and _is_repeated(clock) and _is_repeated(end - timedelta.resolution)


def _is_repeated(clock: datetime) -> bool:
    """Return whether clocks go back over this time, so that they show it twice."""
    first, second = clock.replace(fold=0).utcoffset(), clock.replace(fold=1).utcoffset()
    return first is not None and second is not None and first > second


def _since_midnight(clock: str) -> timedelta:
    hours, minutes = clock.split(":")
    return timedelta(hours=int(hours), minutes=int(minutes))
