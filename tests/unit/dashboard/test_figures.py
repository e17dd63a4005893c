"""Figures of the overview, including their limits."""

from datetime import UTC, datetime, timedelta

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from surveillance.core.health import Health
from vigil_apps.dashboard.cards import Standing, in_order_of_trouble, standing
from vigil_apps.dashboard.figures import BAR_MAX, BAR_MIN, HOURS, MANY, figures_of, hour_bars
from vigil_contracts.names import REASON_TEXTS, CameraPhase, Reason

NOW = datetime(2026, 3, 1, 12, 34, 56, tzinfo=UTC)
HOUR = NOW.replace(minute=0, second=0)


def card(name: str, phase: CameraPhase, reason: Reason = Reason.STREAMING) -> Standing:
    health = Health(phase, reason, REASON_TEXTS[reason])
    return standing(len(name), name, health, site_id=None, is_active=phase is not CameraPhase.INACTIVE)


def test_bars_show_the_last_24_hours() -> None:
    counts = {HOUR: 3, HOUR - timedelta(hours=23): 1, HOUR - timedelta(hours=24): 99}
    bars = hour_bars(counts, NOW)
    assert [bar.count for bar in bars] == [1, *[0] * 22, 3]
    assert bars[-1].height == BAR_MAX


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)  # the machine may be busy
@given(st.dictionaries(st.integers(0, HOURS - 1), st.integers(0, 10**6)))
def test_bars_stay_inside_the_drawing(counts_by_age: dict[int, int]) -> None:
    bars = hour_bars({HOUR - timedelta(hours=age): count for age, count in counts_by_age.items()}, NOW)
    assert len(bars) == HOURS
    for bar in bars:
        assert BAR_MIN <= bar.height <= BAR_MAX
        assert abs(bar.y + bar.height - BAR_MAX) < 1e-6


def test_figures_count_cameras_by_state_and_list_problems() -> None:
    cards = [
        card("Gate", CameraPhase.STREAMING),
        card("Dock", CameraPhase.FAILED, Reason.STREAM_UNAUTHORIZED),
        card("Roof", CameraPhase.PENDING, Reason.INSUFFICIENT_GPU),
        card("Lobby", CameraPhase.INACTIVE, Reason.INACTIVE),
        card("Pier", CameraPhase.STREAMING, Reason.RECORDING_UNAVAILABLE),
    ]
    figures = figures_of(cards, open_alerts=7, hour_counts={HOUR: 2}, now=NOW)
    assert (figures.cameras, figures.active, figures.streaming, figures.trouble) == (5, 4, 2, 2)
    assert figures.trouble_names == "Dock, Roof"
    assert (figures.open_alerts_text, figures.alerts_day) == ("7", 2)


def test_count_is_capped() -> None:
    assert figures_of([], open_alerts=MANY, hour_counts={}, now=NOW).open_alerts_text == "999+"


def test_cameras_with_problems_are_listed_first() -> None:
    cards = [
        card("b", CameraPhase.STREAMING),
        card("A", CameraPhase.STREAMING),
        card("off", CameraPhase.INACTIVE, Reason.INACTIVE),
        card("frozen", CameraPhase.DEGRADED, Reason.STREAM_FROZEN),
        card("dead", CameraPhase.FAILED, Reason.STREAM_UNREACHABLE),
        card("unstored", CameraPhase.STREAMING, Reason.RECORDING_UNAVAILABLE),
    ]
    names = ["dead", "frozen", "unstored", "A", "b", "off"]
    assert [c.name for c in in_order_of_trouble(cards)] == names
