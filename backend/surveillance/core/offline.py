"""Decide when an unwatched camera becomes an alert, and when that alert ends."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from surveillance.core.health import REPORT_VALID_FOR

STARTING_MAY_TAKE = timedelta(minutes=2)
"""Time from activation to the first report: the pod is scheduled, the image pulled, the model loaded."""


@dataclass(frozen=True, slots=True)
class Watch:
    """The state of an active camera: when it was activated or woke up, and when its detector last reported."""

    activated_at: datetime | None
    reported_at: datetime | None


def watched_since(activated_at: datetime | None, warm_until: datetime | None) -> datetime | None:
    """Return from when the camera must be watched: its activation, or the end of its last sleep if that is later."""
    return max((moment for moment in (activated_at, warm_until) if moment is not None), default=None)


def offline_since(watch: Watch, *, now: datetime) -> datetime | None:
    """Return since when no detector reports; None while one does or may still be starting.

    The result is constant during an outage, so it identifies the outage.
    """
    reported, activated = watch.reported_at, watch.activated_at
    if reported is not None and (activated is None or reported >= activated):
        return reported if now - reported > REPORT_VALID_FOR else None
    if activated is None:
        return None
    return activated if now - activated > STARTING_MAY_TAKE else None


def event_id(since: datetime) -> str:
    """Return the outage's event id: the database stores it once per camera, whichever process detects it first."""
    return f"offline-{int(since.timestamp() * 1000)}"
