"""Responses of the detector's status server."""

import httpx
import pytest
import tzdata
from prometheus_client import CollectorRegistry

from cctv.runtime.http_server import StatusServer


@pytest.mark.parametrize(("problem", "status"), [(None, 200), ("the watchdog has not run for 90 s", 503)])
def test_healthz_says_which_time_zone_database_is_in_use(problem: str | None, status: int) -> None:
    server = StatusServer(
        "127.0.0.1", 0, CollectorRegistry(), liveness_problem=lambda: problem, readiness_problem=lambda: None
    )
    server.start()
    try:
        answer = httpx.get(f"http://127.0.0.1:{server.server_address[1]}/healthz")
    finally:
        server.close()
    assert answer.status_code == status
    assert answer.text == f"{problem or 'ok'}\ntime zone database {tzdata.IANA_VERSION}\n"
