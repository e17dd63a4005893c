"""`status.alerts`: the number of a camera's alerts and the time of the last one.

A busy camera has an alert every few seconds, so its status is updated at most once a minute. The first alert after a
quiet minute is shown immediately.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from vigil_contracts.camera import AlertTotals
from vigil_operator.core.conditions import rfc3339

WRITTEN_EVERY_SECONDS = 60.0


def alerts_status(
    totals: AlertTotals | None, previous: Mapping[str, Any], now: datetime
) -> tuple[dict[str, Any], float | None]:
    """Return the new `status.alerts`, and the seconds until it must be updated (None: it is up to date).

    `totals` None: unknown; the existing values stay.
    """
    if totals is None or totals.total == 0 or totals.last_alert_time is None:
        return dict(previous), None
    wanted = {"total": totals.total, "lastAlertTime": rfc3339(totals.last_alert_time)}
    if wanted == previous or "lastAlertTime" not in previous:
        return wanted, None
    age = (now - datetime.fromisoformat(previous["lastAlertTime"])).total_seconds()
    # A negative age is a clock that was set back: one write too many is better than none for hours.
    if 0 <= age < WRITTEN_EVERY_SECONDS:
        return dict(previous), WRITTEN_EVERY_SECONDS - age
    return wanted, None
