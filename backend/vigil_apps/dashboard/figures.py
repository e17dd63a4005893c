"""The figures at the top of the overview, computed from rows that are already loaded."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from vigil_apps.dashboard.cards import Standing

HOURS = 24
BAR_STEP, BAR_MAX, BAR_MIN = 4, 40.0, 2.0
MANY = 1000
"""Counting stops here and displays «999+»: exact counts are expensive with a million alerts."""


@dataclass(frozen=True, slots=True)
class Bar:
    """The alerts of one hour, as a rectangle in a drawing of 96 x 40."""

    count: int
    x: int
    y: float
    height: float


@dataclass(frozen=True, slots=True)
class Figures:
    """The figures of the overview."""

    cameras: int
    active: int
    streaming: int
    trouble: int
    trouble_names: str
    open_alerts: int
    open_alerts_text: str
    alerts_day: int
    hours: tuple[Bar, ...]


def hour_bars(counts: Mapping[datetime, int], now: datetime) -> tuple[Bar, ...]:
    """Return the last 24 hours up to the hour of `now`; the keys of `counts` are the starts of hours (UTC)."""
    latest = now.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    values = [counts.get(latest - timedelta(hours=back), 0) for back in range(HOURS - 1, -1, -1)]
    peak = max(values) or 1
    bars = []
    for index, value in enumerate(values):
        height = max(BAR_MIN, round(BAR_MAX * value / peak, 1)) if value else BAR_MIN
        bars.append(Bar(value, index * BAR_STEP, round(BAR_MAX - height, 1), height))
    return tuple(bars)


def figures_of(
    cameras: Iterable[Standing], *, open_alerts: int, hour_counts: Mapping[datetime, int], now: datetime
) -> Figures:
    """Return the figures; `open_alerts` is counted up to `MANY`."""
    cards = list(cameras)
    troubled = [card.name for card in cards if card.is_trouble]
    bars = hour_bars(hour_counts, now)
    return Figures(
        cameras=len(cards),
        active=sum(card.is_active for card in cards),
        streaming=sum(card.tone == "ok" for card in cards),
        trouble=len(troubled),
        trouble_names=", ".join(troubled[:3]) + (" …" if len(troubled) > 3 else ""),
        open_alerts=open_alerts,
        open_alerts_text=f"{MANY - 1}+" if open_alerts >= MANY else str(open_alerts),
        alerts_day=sum(bar.count for bar in bars),
        hours=bars,
    )
