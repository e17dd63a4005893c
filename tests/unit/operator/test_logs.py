"""Log lines about a camera name it: as a JSON field, or in front of the text."""

from __future__ import annotations

import asyncio
import json
import logging
import sys

from tests.unit.operator.test_flow import World

from vigil_operator.core.observed import Key
from vigil_operator.logs import JsonFormatter, TextFormatter, about_camera


def record(message: str) -> logging.LogRecord:
    return logging.LogRecord("vigil_operator.x", logging.INFO, "x.py", 1, message, None, None)


def test_log_line_names_its_camera() -> None:
    with about_camera("cam-7"):
        line = json.loads(JsonFormatter().format(record("written")))
        text = TextFormatter().format(record("written"))
    assert (line["camera"], line["level"], line["message"]) == ("cam-7", "INFO", "written")
    assert text.endswith("INFO [cam-7]    written")
    assert "camera" not in json.loads(JsonFormatter().format(record("listing failed")))


def test_error_is_one_line_with_its_traceback() -> None:
    try:
        raise ValueError("two\nlines")
    except ValueError:
        failed = record("unforeseen")
        failed.exc_info = sys.exc_info()
    (line,) = JsonFormatter().format(failed).splitlines()
    assert "ValueError: two" in json.loads(line)["exception"]


def test_lines_logged_during_a_reconcile_name_the_camera() -> None:
    lines: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: lines.append(JsonFormatter().format(record))  # type: ignore[method-assign]
    logger = logging.getLogger("vigil_operator")
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        world = World()
        world.server.fail = lambda method, path: 500 if method == "PATCH" and "deployments" in path else None
        work_off(world)
    finally:
        logger.removeHandler(handler)
        logger.setLevel(logging.NOTSET)
    about = [json.loads(line) for line in lines]
    assert {"created the Camera resource: the camera is active in the API", "applied the Secret"} <= {
        line["message"] for line in about
    }
    assert [line for line in about if line.get("camera") != "cam-7"] == []
    assert any("deployments/cam-7-detector: 500" in line["message"] for line in about)


def work_off(world: World) -> None:
    """As the reconciler's workers do it."""

    failed = asyncio.Event()
    retry = world.queue.retry

    def noticed(key: Key, at_least_seconds: float = 0.0) -> float:
        failed.set()
        return retry(key, at_least_seconds)

    world.queue.retry = noticed  # type: ignore[method-assign]

    async def main() -> None:
        await world.resync.first()
        await world.poller.poll_once()
        run = asyncio.create_task(world.reconciler.run(workers=2))
        await failed.wait()
        await asyncio.sleep(0)  # the warning is the next thing that it does
        run.cancel()
        await asyncio.gather(run, return_exceptions=True)

    asyncio.run(asyncio.wait_for(main(), timeout=10))
