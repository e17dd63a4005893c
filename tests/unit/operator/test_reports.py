"""Reports about cameras are compared unread, and read when a camera is reconciled."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from tests.unit.operator.builders import camera_body, configuration

from vigil_contracts.api_client import ActiveCameras
from vigil_operator.core.observed import camera_from_body
from vigil_operator.sync.directory import Directory
from vigil_operator.sync.reports import UnreadReport, fetch_reports

HEALTH: dict[str, Any] = {
    "phase": "Streaming",
    "reason": "Streaming",
    "stream": {"width": 1280, "height": 720, "codec": "h264", "frames_per_second": 5.0},
    "reported_at": "2026-03-01T12:00:00Z",
}
ALERTS = {"total": 3, "last_alert_time": "2026-03-01T12:00:00Z"}


class Pages:
    """The API with several pages of cameras."""

    def __init__(self, *pages: list[dict[str, Any]]) -> None:
        self.pages = pages

    async def active_cameras_page(self, following: str = "") -> bytes:
        number = int(following or 0)
        after = str(number + 1) if number + 1 < len(self.pages) else None
        return json.dumps({"count": 9, "results": self.pages[number], "next": after}).encode()


def row(number: int, *, alerts: Any = ALERTS, **health: Any) -> dict[str, Any]:
    return {"id": number, "name": "not read", "health": HEALTH | health, "alerts": alerts}


def test_all_pages_are_read() -> None:
    found = asyncio.run(fetch_reports(Pages([row(1), row(2)], [row(3)])))
    assert sorted(found) == [1, 2, 3]
    report = found[3].read()
    assert report is not None
    assert (report.health.stream.frames_per_second, report.alerts.total) == (5.0, 3)


@pytest.mark.parametrize(
    ("change", "is_relevant"),
    [
        ({"reported_at": "2026-03-01T12:00:10Z"}, False),
        ({"stream": {**HEALTH["stream"], "frames_per_second": 4.9}}, False),
        ({"stream": {**HEALTH["stream"], "width": 640}}, True),
        ({"phase": "Degraded", "reason": "StreamUnreachable"}, True),
        ({"message": "no route to host"}, True),
        ({"alerts": ALERTS | {"total": 4}}, True),
    ],
)
def test_times_and_frame_rates_reconcile_no_camera(change: dict[str, Any], is_relevant: bool) -> None:
    directory = Directory()
    assert directory.update_reports(asyncio.run(fetch_reports(Pages([row(7)])))) == {7}
    changed = directory.update_reports(asyncio.run(fetch_reports(Pages([row(7, **change)]))))
    assert changed == ({7} if is_relevant else set())


@pytest.mark.parametrize("health", [{"phase": "Dancing"}, {"message": None}, {"stream": "none"}])
def test_report_that_cannot_be_read_affects_only_its_camera(health: dict[str, Any]) -> None:
    found = asyncio.run(fetch_reports(Pages([row(1, **health), row(2)])))
    assert found[1].read() is None
    assert found[2].read() is not None


def test_camera_is_decided_with_the_newest_report() -> None:
    directory = Directory()
    directory.update(ActiveCameras((configuration(7),)))
    directory.update_reports({7: UnreadReport.of(json.dumps(HEALTH).encode(), json.dumps(ALERTS).encode())})
    view = directory.view(camera_from_body(camera_body("cam-7")))
    assert view.health is not None
    assert view.health.stream.codec == "h264"
    assert view.alerts is not None
    assert view.alerts.total == 3


def test_reports_of_a_trial_are_found() -> None:
    directory = Directory()
    rows = [row(1, shadow={"trial": "ab12"}), row(2), row(3, shadow={"trial": "cd34"}), row(4, message="ab12")]
    directory.update_reports(asyncio.run(fetch_reports(Pages(rows))))
    assert [(camera_id, report.trial) for camera_id, report in directory.shadow_reports("ab12")] == [(1, "ab12")]
