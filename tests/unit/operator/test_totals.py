from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from tests.unit.operator.builders import NOW

from vigil_contracts.camera import AlertTotals
from vigil_operator.core.conditions import rfc3339
from vigil_operator.core.totals import alerts_status


def totals(total: int, seconds_ago: float) -> AlertTotals:
    return AlertTotals(total=total, last_alert_time=NOW - timedelta(seconds=seconds_ago))


def said(total: int, seconds_ago: float) -> dict[str, Any]:
    return {"total": total, "lastAlertTime": rfc3339(NOW - timedelta(seconds=seconds_ago))}


@pytest.mark.parametrize(
    ("told", "previous", "expected"),
    [
        (None, {}, ({}, None)),
        (None, said(4, 90), (said(4, 90), None)),
        (AlertTotals(), {}, ({}, None)),
        (totals(1, 0), {}, (said(1, 0), None)),
        (totals(4, 90), said(4, 90), (said(4, 90), None)),
        (totals(5, 0), said(4, 90), (said(5, 0), None)),
        (totals(5, 0), said(4, 20), (said(4, 20), 40.0)),
        (totals(5, 0), said(4, -7200), (said(5, 0), None)),
        (totals(1, 30), said(900, 30), (said(900, 30), 30.0)),
    ],
)
def test_alert_totals_status(
    told: AlertTotals | None, previous: dict[str, Any], expected: tuple[dict[str, Any], float | None]
) -> None:
    assert alerts_status(told, previous, NOW) == expected


def test_frequent_alerts_update_the_status_once_a_minute() -> None:
    written, previous = 0, dict[str, Any]()
    for second in range(600):
        now = NOW + timedelta(seconds=second)
        status, _ = alerts_status(AlertTotals(total=second + 1, last_alert_time=now), previous, now)
        written += status != previous
        previous = status
    assert written == 10
