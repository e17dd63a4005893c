"""Statistics: alerts over time, by type and camera, the time until they are acknowledged, and trials of models."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from statistics import quantiles
from typing import Any

from django.contrib.auth.models import User
from django.core.cache import cache
from django.db.models import Count
from django.db.models.functions import TruncDay, TruncHour
from django.utils.translation import gettext_lazy as _

from surveillance.models import Camera
from surveillance.selectors.access import alerts_visible_to
from vigil_apps.accounts.principal import Principal
from vigil_apps.dashboard.cards import Standing
from vigil_apps.dashboard.vocabulary import ALERT_KINDS, PHASE_LOOKS, Tone, Words
from vigil_contracts.names import AlertType
from vigil_contracts.shadow import ShadowCounts, ShadowReport, ShadowState

PERIODS: dict[str, tuple[Words, timedelta, timedelta]] = {
    "24": (_("Last 24 hours"), timedelta(hours=24), timedelta(hours=1)),
    "168": (_("Last 7 days"), timedelta(days=7), timedelta(hours=1)),
    "720": (_("Last 30 days"), timedelta(days=30), timedelta(days=1)),
}
"""Maps the name in the URL to its label, its duration and its interval."""
DEFAULT_PERIOD = "168"
VALID_SECONDS = 30
CAMERAS_SHOWN = 10
MAX_ANSWERS = 5000
"""Response times are computed from this many newest alerts, which is enough for a median."""


@dataclass(frozen=True, slots=True)
class Counted:
    """Counts from the database at `at`. Two small aggregates: counts by interval, type and camera together would have
    nearly as many rows as there are alerts.
    """

    steps: Sequence[tuple[datetime, str, int]]
    """Start of the interval, alert type, number of alerts."""
    cameras: Sequence[tuple[int, str, int]]
    """Id, name and number of alerts, the highest first."""
    waits: Sequence[float]
    """Seconds until each acknowledgement."""
    at: datetime


@dataclass(frozen=True, slots=True)
class Share:
    """One line of a list; `percent` of the largest value, for a bar."""

    text: Words
    count: int
    percent: int
    query: str
    tone: Tone = "info"


@dataclass(frozen=True, slots=True)
class ResponseTimes:
    """Seconds from arrival to acknowledgement: half were faster than the median, nine in ten faster than p90."""

    count: int
    median_seconds: float
    p90_seconds: float


@dataclass(frozen=True, slots=True)
class TrialTotals:
    """The comparison of one new model with the model in use, summed up over cameras."""

    model: str
    """The new one."""
    cameras: int
    failed: int
    """The cameras on which it does not run."""
    counts: ShadowCounts


@dataclass(frozen=True, slots=True)
class Statistics:
    """All statistics of one period. `starts` are Unix times in seconds; each series has a count for each."""

    starts: list[int]
    series: list[tuple[AlertType, list[int]]]
    kinds: list[Share]
    cameras: list[Share]
    total: int
    response: ResponseTimes | None

    def chart(self) -> dict[str, Any]:
        """Return the chart's data for the page's script."""
        series = [{"name": str(ALERT_KINDS[kind].text), "counts": counts} for kind, counts in self.series]
        return {"starts": self.starts, "series": series}


def statistics_of(user: User, period: str, *, now: datetime) -> Statistics:
    """Return the statistics of a period of `PERIODS`; viewers share the counts for some seconds."""
    key = f"dashboard-statistics-{user.pk}-{period}"
    known: Counted | None = cache.get(key)
    if known is None:
        known = _count(user, period, now=now)
        cache.set(key, known, VALID_SECONDS)
    return compute(known, period)


def compute(counted: Counted, period: str) -> Statistics:
    """Compute the statistics from the counts."""
    starts = _starts(period, now=counted.at)
    place = {start: index for index, start in enumerate(starts)}
    series: dict[AlertType, list[int]] = {}
    of_kind: Counter[AlertType] = Counter()
    for start, kind_name, count in counted.steps:
        kind = AlertType(kind_name)
        series.setdefault(kind, [0] * len(starts))[place[start]] += count
        of_kind[kind] += count
    return Statistics(
        starts=[int(start.timestamp()) for start in starts],
        series=[(kind, series[kind]) for kind, _count in of_kind.most_common()],
        kinds=_shares(
            (ALERT_KINDS[kind].text, count, f"alert_type={kind.value}", ALERT_KINDS[kind].tone)
            for kind, count in of_kind.most_common()
        ),
        cameras=_shares((name, count, f"camera={camera_id}", "info") for camera_id, name, count in counted.cameras),
        total=of_kind.total(),
        response=_response(counted.waits),
    )


def states_of(cameras: Iterable[Standing]) -> list[Share]:
    """Return the number of cameras by state, sorted by severity."""
    cards = list(cameras)
    counts = Counter(str(card.phase_text) for card in cards)
    looks = sorted(PHASE_LOOKS.values(), key=lambda look: look.trouble_rank)
    return _shares((look.text, counts[str(look.text)], "", look.tone) for look in looks if counts[str(look.text)])


def trials_of(reports: Iterable[ShadowReport]) -> list[TrialTotals]:
    """Sum up the reports of cameras by new model, sorted by its name."""
    by_model: dict[str, list[ShadowReport]] = {}
    for report in reports:
        by_model.setdefault(report.model, []).append(report)
    return [
        TrialTotals(
            model=model,
            cameras=len(found),
            failed=sum(report.state is ShadowState.FAILED for report in found),
            counts=sum((report.counts for report in found), ShadowCounts()),
        )
        for model, found in sorted(by_model.items())
    ]


def _shares(lines: Iterable[tuple[Words, int, str, Tone]]) -> list[Share]:
    known = list(lines)
    largest = max((count for _text, count, _query, _tone in known), default=0)
    return [Share(text, count, round(100 * count / largest), query, tone) for text, count, query, tone in known]


def _response(waits: Sequence[float]) -> ResponseTimes | None:
    if not waits:
        return None
    if len(waits) == 1:
        return ResponseTimes(1, waits[0], waits[0])
    tenths = quantiles(waits, n=10, method="inclusive")
    return ResponseTimes(len(waits), tenths[4], tenths[8])


def _count(user: User, period: str, *, now: datetime) -> Counted:
    _text, _length, step = PERIODS[period]
    starts = _starts(period, now=now)
    # Alerts of a camera with a fast clock are in no interval, and in no other count either.
    in_period = {"timestamp__gte": starts[0], "timestamp__lt": starts[-1] + step}
    visible = alerts_visible_to(Principal.of_user(user))
    alerts = visible.select_related(None).defer(None).order_by().filter(**in_period)
    truncate = TruncHour if step < timedelta(days=1) else TruncDay
    steps = (
        alerts.annotate(start=truncate("timestamp", tzinfo=UTC))
        .values("start", "alert_type")
        .annotate(count=Count("id"))
        .values_list("start", "alert_type", "count")
    )
    of_camera = (
        alerts.values("camera_id")
        .annotate(count=Count("id"))
        .order_by("-count", "camera_id")
        .values_list("camera_id", "count")[:CAMERAS_SHOWN]
    )
    cameras = dict(of_camera)
    names = dict(Camera.objects.filter(pk__in=cameras).values_list("pk", "name"))
    answered = alerts.filter(acknowledged_by__isnull=False, acknowledged_at__isnull=False)
    times = answered.order_by("-id").values_list("received_at", "acknowledged_at")[:MAX_ANSWERS]
    return Counted(
        steps=list(steps),
        cameras=[(pk, names[pk], count) for pk, count in cameras.items() if pk in names],
        waits=[max(0.0, (seen - came).total_seconds()) for came, seen in times if seen is not None],
        at=now,
    )


def _starts(period: str, *, now: datetime) -> list[datetime]:
    _text, length, step = PERIODS[period]
    last = _start(now, step)
    return [last - step * back for back in range(length // step - 1, -1, -1)]


def _start(moment: datetime, step: timedelta) -> datetime:
    start = moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    return start.replace(hour=0) if step >= timedelta(days=1) else start
