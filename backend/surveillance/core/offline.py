"""When a camera that nobody watches becomes an alert, and when that alert is over."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from surveillance.core.health import REPORT_VALID_FOR

STARTING_MAY_TAKE = timedelta(minutes=2)
"""From activation to the first report: a pod is scheduled, an image pulled, a model loaded."""


@dataclass(frozen=True, slots=True)
class Watch:
    """What is known of an active camera: when it was activated, and when its detector reported last."""

    activated_at: datetime | None
    reported_at: datetime | None


def offline_since(watch: Watch, *, now: datetime) -> datetime | None:
    """Since when nobody watches the camera; None while it is watched, or may still be starting.

    The answer stays the same for as long as the outage lasts, so it names the outage.
    """
    reported, activated = watch.reported_at, watch.activated_at
    if reported is not None and (activated is None or reported >= activated):
        return reported if now - reported > REPORT_VALID_FOR else None
    if activated is None:
        return None
    return activated if now - activated > STARTING_MAY_TAKE else None


def event_id(since: datetime) -> str:
    """The outage's name: the database stores it once per camera, whoever finds it first."""
    return f"offline-{int(since.timestamp() * 1000)}"
