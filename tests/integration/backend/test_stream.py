"""The alert stream on the real server: prompt, complete, permitted alerts only, no thread per viewer."""

import asyncio
import contextlib
import json
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import psycopg2
import pytest
from tests.integration.services.backend import BackendServer

from vigil_contracts.alert import AlertSubmission
from vigil_contracts.api_client import ApiClient
from vigil_contracts.names import AlertType

pytestmark = pytest.mark.timeout(400)
VIEWERS = 200


def _send(backend: BackendServer, token: str, camera_id: int, event_id: str) -> None:
    submission = AlertSubmission(
        event_id=event_id,
        camera=camera_id,
        alert_type=AlertType.PERSON,
        confidence=0.9,
        timestamp=datetime(2026, 11, 23, 12, tzinfo=UTC),
    )
    with ApiClient(backend.url, token) as client:
        assert client.send_alert(submission, None)


def _events(response: httpx.Response) -> Iterator[tuple[int, dict[str, Any]]]:
    event_id = 0
    for line in response.iter_lines():
        if line.startswith("id: "):
            event_id = int(line[4:])
        elif line.startswith("data: "):
            yield event_id, json.loads(line[6:])


class _Listener(threading.Thread):
    """Collects a stream's event ids until it has `count`."""

    def __init__(self, backend: BackendServer, token: str, count: int, last_event_id: int | None = None) -> None:
        super().__init__(daemon=True)
        self.open = threading.Event()
        self.got: list[tuple[int, str]] = []
        self._arguments = (backend, token, count, last_event_id)
        self.start()
        assert self.open.wait(60)

    def run(self) -> None:
        backend, token, count, last_event_id = self._arguments
        headers = {"Accept": "text/event-stream"}
        if last_event_id is not None:
            headers["Last-Event-ID"] = str(last_event_id)
        with backend.client(token) as client, client.stream("GET", "/api/alerts/stream/", headers=headers) as answer:
            assert answer.headers["content-type"] == "text/event-stream"
            assert "x-vigil-stream" not in answer.headers
            self.open.set()
            for event_id, alert in _events(answer):
                self.got.append((event_id, alert["event_id"]))
                if len(self.got) == count:
                    return


def test_alerts_are_streamed_in_time_to_permitted_viewers(backend: BackendServer) -> None:
    anna, ben = backend.create_user("anna"), backend.create_user("ben")
    pipeline = backend.token("anna", "pipeline")
    hers = backend.add_camera(anna.token, name="a", rtsp_url="rtsp://h/1")
    his = backend.add_camera(ben.token, name="b", rtsp_url="rtsp://h/1")
    first, second = _Listener(backend, anna.token, 2), _Listener(backend, ben.token, 1)
    time.sleep(3)  # the first viewer's stream settles
    for camera_id, event_id in ((hers, "event-a1"), (his, "event-b1"), (hers, "event-a2")):
        _send(backend, pipeline, camera_id, event_id)
    sent_at = time.monotonic()
    first.join(20)
    second.join(20)
    assert time.monotonic() - sent_at < 10
    assert [event for _, event in first.got] == ["event-a1", "event-a2"]
    assert [event for _, event in second.got] == ["event-b1"]

    resumed = _Listener(backend, anna.token, 1, last_event_id=first.got[0][0])
    resumed.join(20)
    assert [event for _, event in resumed.got] == ["event-a2"], "from where the other ended: no gap, none twice"

    with backend.client() as client:
        headers = {"Accept": "text/event-stream"}
        assert client.get("/api/alerts/stream/", headers=headers).status_code == 401
        headers |= {"Authorization": f"Token {anna.token}", "Last-Event-ID": "soon"}
        refused = client.get("/api/alerts/stream/", headers=headers)
        assert (refused.status_code, list(refused.json())) == (400, ["last_event_id"])


_COPY = (
    "INSERT INTO surveillance_alert SELECT (jsonb_populate_record(NULL::surveillance_alert, to_jsonb(a) ||"
    " jsonb_build_object('id', nextval(pg_get_serial_sequence('surveillance_alert', 'id')), 'event_id', %s::text))).*"
    " FROM surveillance_alert a ORDER BY id LIMIT 1"
)


def test_slowly_committed_alert_is_not_skipped(backend: BackendServer, database_url: str) -> None:
    """Later ids are committed and delivered before it."""
    anna = backend.create_user("anna")
    pipeline = backend.token("anna", "pipeline")
    camera_id = backend.add_camera(anna.token, name="a", rtsp_url="rtsp://h/1")
    _send(backend, pipeline, camera_id, "event-0001")
    with contextlib.closing(psycopg2.connect(database_url)) as slow, slow.cursor() as cursor:
        watching = _Listener(backend, anna.token, 4)
        time.sleep(1)
        cursor.execute(_COPY, ["event-0002"])
        _send(backend, pipeline, camera_id, "event-0003")
        with contextlib.closing(psycopg2.connect(database_url)) as undone, undone.cursor() as other:
            other.execute(_COPY, ["event-undone"])
            undone.rollback()
        _send(backend, pipeline, camera_id, "event-0004")
        resumed = [_Listener(backend, anna.token, 4, last_event_id=0) for _ in range(4)]  # by either worker
        time.sleep(5)
        assert watching.got == []
        slow.commit()
    _send(backend, pipeline, camera_id, "event-0005")
    for listener in (watching, *resumed):
        listener.join(30)
    wanted = [f"event-{number:04}" for number in range(2, 6)]
    assert [event for _, event in watching.got] == wanted
    for listener in resumed:
        assert [event for _, event in listener.got] == ["event-0001", *wanted[:3]]


def _threads_and_memory(backend: BackendServer) -> tuple[int, float]:
    """Return threads and resident memory (MiB) of gunicorn's children."""
    threads, kibibytes = 0, 0
    children = Path(f"/proc/{backend.process.pid}/task/{backend.process.pid}/children").read_text().split()
    for child in children:
        for line in Path(f"/proc/{child}/status").read_text().splitlines():
            if line.startswith("Threads:"):
                threads += int(line.split()[1])
            elif line.startswith("VmRSS:"):
                kibibytes += int(line.split()[1])
    return threads, kibibytes / 1024


def test_idle_viewers_need_no_threads(backend: BackendServer) -> None:
    anna = backend.create_user("anna")
    pipeline = backend.token("anna", "pipeline")
    camera_id = backend.add_camera(anna.token, name="a", rtsp_url="rtsp://h/1")

    async def watch() -> tuple[int, float]:
        limits = httpx.Limits(max_connections=VIEWERS)
        headers = {"Authorization": f"Token {anna.token}", "Accept": "text/event-stream"}
        gate = asyncio.Semaphore(20)
        ready = asyncio.Barrier(VIEWERS + 1)
        options: dict[str, Any] = {"headers": headers, "limits": limits, "timeout": 120, "verify": False}
        async with httpx.AsyncClient(base_url=backend.url, **options) as client:

            async def view() -> float:
                async with gate:
                    request = client.build_request("GET", "/api/alerts/stream/")
                    answer = await client.send(request, stream=True)
                lines = answer.aiter_lines()
                assert (await anext(lines)).startswith("retry:")
                await ready.wait()
                async for line in lines:
                    if line.startswith("data: "):
                        break
                await answer.aclose()
                return time.monotonic()

            viewers = [asyncio.create_task(view()) for _ in range(VIEWERS)]
            await ready.wait()
            await asyncio.sleep(3)
            threads, _ = _threads_and_memory(backend)
            sent_at = time.monotonic()
            await asyncio.to_thread(_send, backend, pipeline, camera_id, "event-a1")
            return threads, max(await asyncio.gather(*viewers)) - sent_at

    threads, seconds = asyncio.run(watch())
    assert threads < 60, f"{threads} threads for {VIEWERS} viewers"
    assert seconds < 15, "on a machine that does other things too; a second is the goal"
