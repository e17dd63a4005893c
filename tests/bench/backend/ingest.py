"""Alerts with an image of 60 KB: maximum throughput, and latency at half of it."""

import io
import itertools
import json
import statistics
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import httpx
from PIL import Image, ImageFilter
from tests.bench.backend.load import Answers, as_fast_as_possible, at_rate
from tests.bench.backend.world import (
    WORKERS,
    add_cameras,
    cpu_seconds,
    plain,
    stream_url_at_rest,
    user_id_of,
    vigil,
)
from tests.bench.report import Measurement
from tests.cluster.processes import ServerProcess
from tests.integration.services.postgres import PostgresServer

PICTURE_BYTES = 60_000
CAMERAS = 200
CONNECTIONS = 16
SECONDS = 6.0
ROUNDS = 3
BOUNDARY = b"vigil-bench-boundary"


def picture() -> bytes:
    """Return a JPEG of 1280 x 720 pixels, the detectors' width, of about 60 KB."""
    size = (1280, 720)
    coarse = Image.effect_noise((80, 45), 90).resize(size)
    fine = Image.effect_noise(size, 40).filter(ImageFilter.GaussianBlur(2))
    image = Image.merge("RGB", [Image.blend(coarse, fine, 0.35), coarse, Image.linear_gradient("L").resize(size)])
    for quality in range(90, 10, -2):
        output = io.BytesIO()
        image.save(output, format="JPEG", quality=quality)
        if output.tell() <= PICTURE_BYTES:
            return output.getvalue()
    raise AssertionError("the picture cannot be made small enough")


def requests(path: str, token: str, camera_ids: list[int], prefix: str) -> Iterator[bytes]:
    """Yield alert requests of the cameras in turn."""
    image = picture()
    for number, camera_id in zip(itertools.count(), itertools.cycle(camera_ids)):
        fields = {
            "camera": str(camera_id),
            "event_id": f"{prefix}-{number:08}",
            "alert_type": "person",
            "confidence": "0.87",
            "timestamp": "2026-11-25T12:00:00Z",
            "label": "person",
            "box": json.dumps({"x_min": 0.1, "y_min": 0.2, "x_max": 0.3, "y_max": 0.9}),
        }
        parts = [
            b'--%b\r\nContent-Disposition: form-data; name="%b"\r\n\r\n%b\r\n'
            % (BOUNDARY, name.encode(), value.encode())
            for name, value in fields.items()
        ]
        parts.append(
            b'--%b\r\nContent-Disposition: form-data; name="image"; filename="snapshot.jpg"\r\n'
            b"Content-Type: image/jpeg\r\n\r\n%b\r\n--%b--\r\n" % (BOUNDARY, image, BOUNDARY)
        )
        body = b"".join(parts)
        head = (
            f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Token {token}\r\n"
            f"Content-Type: multipart/form-data; boundary={BOUNDARY.decode()}\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        yield head.encode() + body


def measure(folder: Path, postgres: PostgresServer) -> list[Measurement]:
    """Measure both backends alternately, so that other load on the machine affects both."""
    url, plain_url, plain_asgi_url = (postgres.create_database() for _ in range(3))
    with (
        vigil(folder / "vigil", url) as backend,
        plain(folder / "plain", plain_url, worker="sync") as tutorial,
        plain(folder / "plain-asgi", plain_asgi_url, worker="uvicorn_worker.UvicornWorker") as tutorial_asgi,
    ):
        user = backend.create_user("bench", is_superuser=True)
        backend.add_camera(user.token, name="first", rtsp_url="rtsp://10.0.0.1/1")
        ids = add_cameras(url, user_id_of(url, "bench"), CAMERAS, url=stream_url_at_rest(url))
        senders = {
            "vigil": (backend.port, requests("/api/send-alert/", backend.token("bench", "pipeline"), ids, "event")),
            "plain": (tutorial.port, requests("/alerts/", *tutorial.add(CAMERAS), "event")),
            "plain-asgi": (tutorial_asgi.port, requests("/alerts/", *tutorial_asgi.add(CAMERAS), "event")),
        }
        servers = {"vigil": backend.process, "plain": tutorial.process, "plain-asgi": tutorial_asgi.process}
        rates: dict[str, list[float]] = {name: [] for name in senders}
        costs: dict[str, list[float]] = {name: [] for name in senders}
        for _ in range(ROUNDS):
            for name, (port, made) in senders.items():
                began = _processor_seconds(servers[name], postgres.process)
                answers = as_fast_as_possible(port, made, connections=CONNECTIONS, seconds=SECONDS)
                _all_stored(answers)
                rates[name].append(answers.per_second)
                used = _processor_seconds(servers[name], postgres.process) - began
                costs[name].append(used / len(answers.seconds) * 1000)
        ours = statistics.median(rates["vigil"])
        port, made = senders["vigil"]
        paced = at_rate(port, made, per_second=ours / 2, connections=CONNECTIONS, seconds=SECONDS * 2)
        _all_stored(paced)
    ratio = statistics.median(a / b for a, b in zip(rates["vigil"], rates["plain"], strict=True))
    ratio_asgi = statistics.median(a / b for a, b in zip(rates["vigil"], rates["plain-asgi"], strict=True))
    return [
        Measurement.plain("ingest: picture", len(picture()) / 1000, "KB"),
        Measurement.plain("ingest: workers of each", WORKERS, ""),
        Measurement.plain("ingest: Vigil", ours, "alerts/s"),
        Measurement.plain("ingest: plain DRF, gunicorn's own workers", statistics.median(rates["plain"]), "alerts/s"),
        Measurement.plain("ingest: plain DRF, the same workers", statistics.median(rates["plain-asgi"]), "alerts/s"),
        Measurement.at_least("ingest: times plain DRF, the same workers", ratio_asgi, "x", 2),
        Measurement.at_least("ingest: times plain DRF, gunicorn's own workers", ratio, "x", 3),
        *(
            Measurement.plain(f"ingest: processor time of an alert, {words}", statistics.median(costs[name]), "ms")
            for name, words in (
                ("vigil", "Vigil"),
                ("plain", "plain DRF, gunicorn's own workers"),
                ("plain-asgi", "plain DRF, the same workers"),
            )
        ),
        Measurement.at_most("ingest: 95 % within, at half the load", paced.p95_ms, "ms", 60),
    ]


def _processor_seconds(*processes: ServerProcess) -> float:
    """Return the CPU time of server and database, which is more reliable than a rate on a busy machine."""
    while True:
        with suppress(FileNotFoundError, ProcessLookupError):  # the process of a connection has just ended
            return sum(cpu_seconds(process.pid) for process in processes)


def _all_stored(answers: Answers) -> None:
    assert set(answers.statuses) == {httpx.codes.CREATED}, answers.statuses
