"""Memory of an export does not grow with the number of alerts, on the real server with PostgreSQL."""

import contextlib
import re
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import psycopg2
import pytest
from tests.integration.backend.test_ingest import make_scene
from tests.integration.services.backend import BackendServer, backend_server

from vigil_contracts.api_client import ApiClient

FEW, MANY = 1_000, 12_000
DESCRIPTION_LENGTH = 500
"""The longest allowed: the time depends on the number of rows, the memory on their size."""
GROWTH_MEGABYTES = 8
"""Memory for a batch and uncollected garbage. The exports of many alerts have 8 and 12 MB."""
_COPIES = (
    "INSERT INTO surveillance_alert SELECT (jsonb_populate_record(NULL::surveillance_alert, to_jsonb(a) ||"
    " jsonb_build_object('id', a.id + n, 'event_id', 'event-copy-' || n, 'description', repeat('x', %s)))).*"
    " FROM (SELECT * FROM surveillance_alert LIMIT 1) a, generate_series(1, %s) n"
)


@pytest.fixture
def single(tmp_path: Path, database_url: str) -> Iterator[BackendServer]:
    """A backend with one worker, whose memory is measured."""
    with backend_server(tmp_path / "backend", database_url=database_url) as server:
        yield server


@pytest.mark.timeout(300)
def test_memory_does_not_grow_with_the_number_of_alerts(single: BackendServer, database_url: str) -> None:
    scene = make_scene(single)
    with ApiClient(single.url, scene.token) as client:
        client.send_alert(scene.submission("event-0001"), None)
    (worker,) = Path(f"/proc/{single.process.pid}/task/{single.process.pid}/children").read_text().split()

    def export(form: str) -> int:
        with single.client(scene.user_token) as reader, reader.stream("GET", f"/api/alerts/export.{form}") as answer:
            return sum(map(len, answer.iter_bytes()))

    def copies(number: int) -> None:
        with (
            contextlib.closing(psycopg2.connect(database_url)) as connection,
            connection,
            connection.cursor() as cursor,
        ):
            cursor.execute("DELETE FROM surveillance_alert WHERE event_id LIKE 'event-copy-%%'")
            cursor.execute(_COPIES, [DESCRIPTION_LENGTH, number])
            cursor.execute("ANALYZE surveillance_alert")

    copies(FEW)
    for form in ("csv", "json"):
        export(form)
    small = {form: _peak(worker, partial(export, form)) for form in ("csv", "json")}
    copies(MANY)
    for form, least in small.items():
        most = _peak(worker, partial(export, form))
        assert most - least < GROWTH_MEGABYTES, f"{form}: {least:.1f} MB for {FEW} alerts, {most:.1f} MB for {MANY}"


def _peak(pid: str, work: Callable[[], int]) -> float:
    """Return the peak resident memory of the process in MB."""
    Path(f"/proc/{pid}/clear_refs").write_text("5")  # proc(5): resets the peak to the current value
    assert work() > 100_000
    found = re.search(r"^VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
    assert found is not None
    return int(found[1]) / 1024
