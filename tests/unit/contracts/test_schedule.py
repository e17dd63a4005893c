"""Schedules on nights of a clock change, compared with reading the clock minute by minute."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from vigil_contracts.rules import Day, Schedule
from vigil_contracts.schedule import is_armed, next_change
from vigil_contracts.time_zones import load_time_zone

MINUTE = timedelta(minutes=1)
EVERY_DAY = tuple(Day)
CHANGES = {
    "autumn in Berlin": ("Europe/Berlin", date(2026, 10, 25)),
    "spring in Berlin": ("Europe/Berlin", date(2026, 3, 29)),
    "no change in Berlin": ("Europe/Berlin", date(2026, 7, 1)),
    "autumn in New York": ("America/New_York", date(2026, 11, 1)),
    "half an hour back at Lord Howe": ("Australia/Lord_Howe", date(2026, 4, 5)),
    "midnight back to 23:00 in Cairo": ("Africa/Cairo", date(2026, 10, 29)),
    "midnight is skipped in Cairo": ("Africa/Cairo", date(2026, 4, 24)),
    "00:01 back to 23:01 the day before in St. John's": ("America/St_Johns", date(2010, 11, 7)),
    "a whole day is skipped in Samoa": ("Pacific/Apia", date(2011, 12, 30)),
}


def schedule_of(zone: str, start: str, end: str, days: tuple[Day, ...] = EVERY_DAY) -> Schedule:
    return Schedule.model_validate(
        {"time_zone": zone, "windows": [{"days": [str(day) for day in days], "start": start, "end": end}]}
    )


def stretches(schedule: Schedule, begin: datetime, end: datetime) -> list[tuple[str, str]]:
    """When the schedule arms and disarms in this time, in UTC."""
    found: list[tuple[str, str]] = []
    armed_since: datetime | None = None
    moment = begin
    while moment <= end:
        if is_armed(schedule, moment) and armed_since is None:
            armed_since = moment
        elif not is_armed(schedule, moment) and armed_since is not None:
            found.append((f"{armed_since:%H:%M}", f"{moment:%H:%M}"))
            armed_since = None
        moment += MINUTE
    return found


AUTUMN = (datetime(2026, 10, 24, 12, tzinfo=UTC), datetime(2026, 10, 25, 12, tzinfo=UTC))
SPRING = (datetime(2026, 3, 28, 12, tzinfo=UTC), datetime(2026, 3, 29, 12, tzinfo=UTC))


@pytest.mark.parametrize(
    ("night", "start", "end", "utc"),
    [
        (AUTUMN, "02:30", "06:00", ("00:30", "05:00")),  # from the first 02:30; it was disarmed 01:00 to 01:30
        (AUTUMN, "22:00", "02:30", ("20:00", "01:30")),  # until the second 02:30; it armed twice
        (AUTUMN, "02:10", "02:50", ("00:10", "01:50")),
        (AUTUMN, "22:00", "02:00", ("20:00", "00:00")),  # the first 02:00: no time inside it comes again
        (AUTUMN, "03:00", "06:00", ("02:00", "05:00")),
        (AUTUMN, "20:00", "06:00", ("18:00", "05:00")),
        (SPRING, "02:30", "06:00", ("01:00", "04:00")),  # 02:30 is skipped: from 03:00
        (SPRING, "22:00", "02:30", ("21:00", "01:00")),
        (SPRING, "01:30", "03:30", ("00:30", "01:30")),
    ],
)
def test_window_is_contiguous_on_the_night_of_a_change(
    night: tuple[datetime, datetime], start: str, end: str, utc: tuple[str, str]
) -> None:
    assert stretches(schedule_of("Europe/Berlin", start, end), *night) == [utc]


def test_window_inside_the_skipped_hour_is_skipped() -> None:
    assert stretches(schedule_of("Europe/Berlin", "02:10", "02:50"), *SPRING) == []


def test_window_belongs_to_the_day_of_its_start() -> None:
    saturday = schedule_of("Europe/Berlin", "22:00", "02:30", (Day.SATURDAY,))
    assert stretches(saturday, *AUTUMN) == [("20:00", "01:30")]
    assert stretches(schedule_of("Europe/Berlin", "22:00", "02:30", (Day.SUNDAY,)), *AUTUMN) == []


@pytest.mark.parametrize(
    ("zone", "start", "end", "days", "now", "expected"),
    [
        ("UTC", "18:00", "06:00", EVERY_DAY, "2026-07-01T12:00", "2026-07-01T18:00"),
        ("UTC", "18:00", "06:00", EVERY_DAY, "2026-07-01T18:00", "2026-07-02T06:00"),
        ("UTC", "18:00", "24:00", (Day.MONDAY,), "2026-07-01T12:00", "2026-07-06T18:00"),
        ("Europe/Berlin", "18:00", "06:00", EVERY_DAY, "2026-01-15T12:00", "2026-01-15T17:00"),
        ("Europe/Berlin", "18:00", "06:00", EVERY_DAY, "2026-07-15T12:00", "2026-07-15T16:00"),
        # Saturday's window ends on the morning on which clocks change: an hour earlier or later by UTC.
        ("Europe/Berlin", "18:00", "06:00", (Day.SATURDAY,), "2026-03-28T20:00", "2026-03-29T04:00"),
        ("Europe/Berlin", "18:00", "06:00", (Day.SATURDAY,), "2026-10-24T20:00", "2026-10-25T05:00"),
        # 02:30 is skipped on 29 March: the window starts when clocks change, and one inside the hour a week later.
        ("Europe/Berlin", "02:30", "06:00", (Day.SUNDAY,), "2026-03-28T12:00", "2026-03-29T01:00"),
        ("Europe/Berlin", "02:10", "02:50", (Day.SUNDAY,), "2026-03-28T12:00", "2026-04-05T00:10"),
        # The repeated hour of 25 October: from its first pass, until its second.
        ("Europe/Berlin", "02:30", "06:00", (Day.SUNDAY,), "2026-10-24T12:00", "2026-10-25T00:30"),
        ("Europe/Berlin", "02:10", "02:50", (Day.SUNDAY,), "2026-10-25T00:30", "2026-10-25T01:50"),
        ("UTC", "00:00", "24:00", EVERY_DAY, "2026-07-01T12:00", None),
    ],
)
def test_next_change(zone: str, start: str, end: str, days: tuple[Day, ...], now: str, expected: str | None) -> None:
    found = next_change(schedule_of(zone, start, end, days), datetime.fromisoformat(f"{now}+00:00"))
    assert (found and f"{found:%Y-%m-%dT%H:%M}") == expected


def test_windows_that_meet_are_one() -> None:
    windows = [
        {"days": [str(day) for day in EVERY_DAY], "start": start, "end": end}
        for start, end in (("18:00", "24:00"), ("00:00", "06:00"))
    ]
    schedule = Schedule.model_validate({"time_zone": "UTC", "windows": windows})
    assert next_change(schedule, datetime(2026, 7, 1, 20, tzinfo=UTC)) == datetime(2026, 7, 2, 6, tzinfo=UTC)


@pytest.mark.parametrize("change", sorted(CHANGES))
@pytest.mark.parametrize(("start", "end"), [("02:30", "06:00"), ("23:30", "00:30")])
def test_next_change_agrees_with_asking_every_minute(change: str, start: str, end: str) -> None:
    zone, changed_on = CHANGES[change]
    schedule = schedule_of(zone, start, end)
    begin = datetime.combine(changed_on, time.min, UTC) - timedelta(hours=12)
    states = [is_armed(schedule, begin + number * MINUTE) for number in range(26 * 60)]
    changes = [begin + number * MINUTE for number in range(1, len(states)) if states[number] != states[number - 1]]
    found, moment = [], begin
    while (moment_of_change := next_change(schedule, moment)) is not None and moment_of_change <= changes[-1]:
        found.append(moment_of_change)
        moment = moment_of_change
    assert found == changes


def clocks() -> st.SearchStrategy[str]:
    near_a_change = st.integers(0, 4 * 12).map(lambda step: (23 * 60 + step * 5) % 1440)
    return (near_a_change | st.integers(0, 1439)).map(lambda minute: f"{minute // 60:02}:{minute % 60:02}")


@given(
    st.sampled_from(sorted(CHANGES)), clocks(), clocks() | st.just("24:00"), st.sets(st.sampled_from(Day), min_size=1)
)
@example("00:01 back to 23:01 the day before in St. John's", "00:00", "00:30", set(Day))
@example("midnight back to 23:00 in Cairo", "23:30", "06:00", {Day.THURSDAY})
@settings(max_examples=12, deadline=None)
def test_agrees_with_reading_the_clock_every_minute(change: str, start: str, end: str, days: set[Day]) -> None:
    zone, changed_on = CHANGES[change]
    schedule = schedule_of(zone, start, end, tuple(days))
    first = datetime.combine(changed_on, time.min, UTC) - timedelta(hours=20)
    moments = [first + number * MINUTE for number in range(44 * 60)]
    expected = _armed_minutes(schedule, first - timedelta(days=2), first + timedelta(days=5))
    wrong = [moment for moment in moments if is_armed(schedule, moment) is not (moment in expected)]
    assert not wrong, f"{len(wrong)} minutes from {wrong[0]}"


def _armed_minutes(schedule: Schedule, begin: datetime, end: datetime) -> set[datetime]:
    """Read the clock every minute; a window lasts from the first minute to the last that shows a time inside it."""
    zone, window = load_time_zone(schedule.time_zone), schedule.windows[0]
    shown = [(moment, moment.astimezone(zone).replace(tzinfo=None)) for moment in _minutes(begin, end)]
    armed: set[datetime] = set()
    for day in (begin.date() + timedelta(days=offset) for offset in range(-1, (end - begin).days + 1)):
        if tuple(Day)[day.weekday()] in window.days:
            opens = datetime.fromisoformat(f"{day}T{window.start}")
            closes = datetime.combine(day, time.min) + _duration(window.end)
            if closes <= opens:
                closes += timedelta(days=1)
            inside = [moment for moment, clock in shown if opens <= clock < closes]
            armed.update(_minutes(inside[0], inside[-1]) if inside else ())
    return armed


def _minutes(first: datetime, last: datetime) -> Iterator[datetime]:
    """Every minute, both ends included."""
    while first <= last:
        yield first
        first += MINUTE


def _duration(clock: str) -> timedelta:
    hours, minutes = clock.split(":")
    return timedelta(hours=int(hours), minutes=int(minutes))
