"""The time to deliver ten thousand spooled alerts, compared with the backend's throughput on this machine.

The throughput is measured with the same client and the same number of threads that only post.
"""

import contextlib
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import psycopg2
from tests.integration.services.backend import backend_server
from tests.integration.services.detector import a_person
from tests.integration.services.postgres import postgres_server

from cctv.config import Settings
from cctv.delivery.sender import Sender
from cctv.delivery.spool import Spool
from cctv.metrics import Metrics
from cctv.runtime.api import Api
from vigil_contracts.alert import AlertSubmission

WAITING, PLAIN = 10_000, 2_000
CAMERAS = 4
_LONGEST_SECONDS = 300.0


@dataclass(frozen=True, slots=True)
class Drain:
    """Alerts per second, posted directly and from the spool; and the final number of rows."""

    backend_per_second: float
    spool_per_second: float
    rows_of_waiting: int


def measure_drain() -> Drain:
    """Post some alerts, then deliver a full spool of others."""
    with contextlib.ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="vigil-bench-")))
        postgres = stack.enter_context(postgres_server())
        database_url = postgres.create_database()
        backend = stack.enter_context(backend_server(directory / "backend", database_url=database_url, workers=2))
        user = backend.create_user("anna")
        cameras = [
            backend.add_camera(user.token, name=f"bench {number}", rtsp_url="rtsp://127.0.0.1:9/cam")
            for number in range(CAMERAS)
        ]
        metrics = Metrics()
        api = Api(Settings(api_url=backend.url, token=backend.token("anna", "pipeline")), metrics)
        stack.callback(api.close)
        spool = Spool(directory / "spool", 1 << 30)
        stack.callback(spool.close)
        waiting = [a_person(cameras[number % CAMERAS]) for number in range(WAITING)]
        for alert in waiting:
            spool.append(alert, b"")

        backend_per_second = _post_plainly(api, [a_person(cameras[number % CAMERAS]) for number in range(PLAIN)])
        sender = Sender(spool, api.deliver, metrics)
        began = time.monotonic()
        sender.start()
        while spool.waiting().alerts and time.monotonic() - began < _LONGEST_SECONDS:
            time.sleep(1.0)  # counting thousands of rows takes time, too
        seconds = time.monotonic() - began
        drained = WAITING - spool.waiting().alerts
        sender.stop(10)
        return Drain(backend_per_second, drained / seconds, _rows(database_url) - PLAIN)


def _post_plainly(api: Api, alerts: list[AlertSubmission]) -> float:
    began = time.monotonic()
    with ThreadPoolExecutor(CAMERAS) as threads:
        list(threads.map(lambda alert: api.deliver(alert, b""), alerts))
    return len(alerts) / (time.monotonic() - began)


def _rows(database_url: str) -> int:
    with contextlib.closing(psycopg2.connect(database_url)) as connection, connection.cursor() as cursor:
        # Exclude the backend's own offline alerts, since these cameras have no detector.
        cursor.execute("SELECT count(*) FROM surveillance_alert WHERE alert_type = 'person'")
        return int(cursor.fetchall()[0][0])
