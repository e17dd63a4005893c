"""`status.alerts`: how many alerts a camera has given, and when the last one happened.

A busy camera gives an alert every few seconds; its status is written at most once a minute for that. The first alert
after a quiet minute shows at once.
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
    """What `status.alerts` is to say, and after how many seconds it will say more (None: it says all).

    `totals` None: the API has not told; what stands there stays.
    """
    if totals is None or totals.total == 0 or totals.last_alert_time is None:
        return dict(previous), None
    wanted = {"total": totals.total, "lastAlertTime": rfc3339(totals.last_alert_time)}
    if wanted == previous or "lastAlertTime" not in previous:
        return wanted, None
    age = (now - datetime.fromisoformat(previous["lastAlertTime"])).total_seconds()
    # An age below zero is a clock that was put back: better a write too many than none for hours.
    if 0 <= age < WRITTEN_EVERY_SECONDS:
        return dict(previous), WRITTEN_EVERY_SECONDS - age
    return wanted, None
