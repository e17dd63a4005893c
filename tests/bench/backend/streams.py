"""Two thousand open event streams on one process: its memory, and the delay of an alert to all of them."""

import asyncio
import os
import resource
import time
from pathlib import Path

from tests.bench.backend.ingest import requests
from tests.bench.backend.load import Connection, get
from tests.bench.backend.world import children_of, resident_megabytes, vigil
from tests.bench.report import Measurement
from tests.integration.services.postgres import PostgresServer

VIEWERS = int(os.environ.get("VIGIL_BENCH_VIEWERS", "2000"))
ALERTS = 5
AT_ONCE = 50


def measure(folder: Path, postgres: PostgresServer) -> list[Measurement]:
    """Measure with one worker."""
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    unlimited = {"VIGIL_RATE_PER_TOKEN": "1000000/minute"}
    with vigil(folder, postgres.create_database(), workers=1, environment=unlimited) as backend:
        user = backend.create_user("bench")
        camera_id = backend.add_camera(user.token, name="Gate", rtsp_url="rtsp://10.0.0.1/1")
        alerts = requests("/api/send-alert/", backend.token("bench", "pipeline"), [camera_id], "event")
        (worker,) = children_of(backend.process.pid)
        before = resident_megabytes([worker])
        seconds, after = asyncio.run(_watch(backend.port, user.token, [next(alerts) for _ in range(ALERTS)], worker))
    return [
        Measurement.plain("streams: open on one process", VIEWERS, ""),
        Measurement.plain("streams: memory without any", before, "MB"),
        Measurement.at_most("streams: memory", after, "MB", 500),
        Measurement.at_most("streams: an alert is at all of them after (slowest of 5)", max(seconds), "s", 1),
    ]


async def _watch(port: int, token: str, alerts: list[bytes], worker: int) -> tuple[list[float], float]:
    gate = asyncio.Semaphore(AT_ONCE)

    async def opened() -> asyncio.StreamReader:
        async with gate:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writers.append(writer)
            writer.write(get("/api/alerts/stream/", token, accept="text/event-stream"))
            await asyncio.wait_for(reader.readuntil(b"retry: 2000"), 120)
            return reader

    writers: list[asyncio.StreamWriter] = []
    readers = await asyncio.gather(*(opened() for _ in range(VIEWERS)))
    await asyncio.sleep(5)  # the first subscription waits for older ids; after that, all are subscribed
    memory = resident_megabytes([worker])
    sender = Connection(port)
    seconds = []
    for alert in alerts:
        arrivals = [asyncio.create_task(reader.readuntil(b"event: alert\n")) for reader in readers]
        await asyncio.sleep(0)
        status, _ = await sender.ask(alert)
        stored = time.perf_counter()
        assert status == 201
        await asyncio.wait_for(asyncio.gather(*arrivals), 60)
        seconds.append(time.perf_counter() - stored)
        await asyncio.sleep(0.5)
    for writer in writers:
        writer.close()
    sender.close()
    return seconds, max(memory, resident_megabytes([worker]))
