"""The timeline with realistic counts on PostgreSQL, and seeking in Chromium.

    make bench BENCH=timeline

The index holds a week of twenty cameras, 3 million segments of 4 s, in the order in which they would be registered. A
partition holds one week, so a request reads the same part of the index however many weeks there are.
Seeks go to random times of a quarter of an hour of real files.
"""

import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import numpy as np
import psycopg2
from playwright.sync_api import Page
from tests.bench.report import Measurement
from tests.integration.services.backend import BackendServer, BackendUser, backend_server
from tests.integration.services.browser import chromium
from tests.integration.services.made_clips import make_clip
from tests.integration.services.made_recordings import make_recording
from tests.integration.services.postgres import postgres_server

CAMERAS, DAYS, SEGMENT_MS = 20, 7, 4000
DAY_MS, HOUR_MS, WEEK_MS = 86_400_000, 3_600_000, 604_800_000
REQUESTS, SEEKS, SEEK_SECONDS = 60, 40, 900.0
TIMELINE_MS, SEARCH_MS, SEEK_MS, PAINT_MS, PREVIEW_MS = 50, 1000, 1000, 1000, 200
_ALERTS = """
from datetime import datetime, timedelta, UTC
from django.db.models import F
from surveillance.models import Alert, Camera
begin = datetime.fromtimestamp({begin_ms} / 1000, UTC)
Alert.objects.bulk_create(
    Alert(camera=camera, event_id=f"event-{{number}}", alert_type="person", confidence=0.9,
          timestamp=begin + timedelta(minutes=5 * number))
    for camera in Camera.objects.all() for number in range({days} * 288)
)
Alert.objects.update(received_at=F("timestamp") + timedelta(seconds=1))
"""
_SEGMENTS = """
INSERT INTO recordings_segment (camera_id, start_ms, duration_ms, size_bytes, motion, span_id, motion_cells)
SELECT camera, %(begin)s + i * 4000, 4000, 2000000, moved, 1 + i / 900,
       CASE WHEN moved > 0 THEN (%(grids)s::bytea[])[1 + i %% 64] END
FROM (
    SELECT i, CASE WHEN i %% 5 = 0 THEN 1 + i %% 90 ELSE 0 END AS moved FROM generate_series(0, %(last)s) AS i
) AS made, unnest(%(cameras)s) AS camera
ORDER BY i
"""
_MOTION = b"".join(bytes([1 + number % 90 if number % 5 == 0 else 0]) * 4 for number in range(900))
"""The motion of these segments in each second of an hour, the same in every hour."""
_SPANS = """
INSERT INTO recordings_recordedspan
    (camera_id, start_ms, end_ms, size_bytes, segments, init_id, init_bytes, codecs, width, height, kept_until_ms,
     motion_seconds)
SELECT camera, %(begin)s + i * 3600000, %(begin)s + (i + 1) * 3600000 - 20000, 1800000000, 895, '0', 800, 'avc1',
       1920, 1080, 0, %(motion)s
FROM generate_series(0, %(hours)s) AS i, unnest(%(cameras)s) AS camera
ORDER BY i
"""
_GAPS = """
INSERT INTO recordings_recordinggap (camera_id, start_ms, end_ms, reason)
SELECT camera, %(begin)s + (i + 1) * 3600000 - 20000, %(begin)s + (i + 1) * 3600000, 'StreamTimeout'
FROM generate_series(0, %(hours)s) AS i, unnest(%(cameras)s) AS camera
ORDER BY i
"""
_PRESSED = """() => {
    const video = document.querySelector("[data-screen] video");
    window.painted = new Promise((resolve) => {
        document.querySelector("[data-timeline]").addEventListener("pointerdown", () => {
            const began = performance.now();
            video.requestVideoFrameCallback(() => resolve(performance.now() - began));
        }, { once: true });
    });
}"""
"""Measures the milliseconds from the next press on the timeline until a frame is painted."""
_POINTED = """async ([x, y]) => {
    const image = document.querySelector("[data-preview] img");
    const before = image.src;
    const began = performance.now();
    const pointer = { clientX: x, clientY: y, pointerId: 1, pointerType: "mouse", bubbles: true };
    document.querySelector("[data-timeline]").dispatchEvent(new PointerEvent("pointermove", pointer));
    while (image.src === before || !image.complete) await new Promise(requestAnimationFrame);
    return performance.now() - began;
}"""
"""Measures the milliseconds from a movement on the timeline until the picture of the place is there."""


def measure() -> list[Measurement]:
    """Return the figures."""
    with tempfile.TemporaryDirectory() as folder, postgres_server() as postgres:
        url = postgres.create_database()
        # Housekeeping would delete the rows, since they have no files.
        with backend_server(Path(folder), database_url=url, environment={"VIGIL_HOUSEKEEPING": "0"}) as server:
            user = server.create_user("anna")
            cameras = [
                server.add_camera(
                    user.token,
                    name=f"Camera {number}",
                    rtsp_url=f"rtsp://192.0.2.{number}/1",
                    recording={"mode": "continuous"},
                )
                for number in range(1, CAMERAS + 1)
            ]
            begin_ms = (round(time.time() * 1000) // WEEK_MS - 1) * WEEK_MS
            _fill(url, server, cameras, begin_ms)
            return [*_requests(server, user, cameras, begin_ms), *_seeks(server, user, Path(folder))]


def _fill(url: str, server: BackendServer, cameras: list[int], begin_ms: int) -> None:
    grids = [bytes(row) for row in np.random.default_rng(1).integers(0, 256, (64, 72), np.uint8)]
    week = begin_ms // WEEK_MS
    with psycopg2.connect(url) as connection, connection.cursor() as cursor:
        cursor.execute(
            f"CREATE TABLE recordings_segment_w{week} PARTITION OF recordings_segment FOR VALUES FROM (%s) TO (%s)",
            [begin_ms, begin_ms + WEEK_MS],
        )
        values = {
            "cameras": cameras,
            "begin": begin_ms,
            "grids": [psycopg2.Binary(one) for one in grids],
            "motion": psycopg2.Binary(_MOTION),
            "last": DAYS * DAY_MS // SEGMENT_MS - 1,
            "hours": DAYS * 24 - 1,
        }
        for statement in (_SEGMENTS, _SPANS, _GAPS):
            cursor.execute(statement, values)
    server.manage("shell", "--command", _ALERTS.format(begin_ms=begin_ms, days=DAYS))
    with psycopg2.connect(url) as connection, connection.cursor() as cursor:
        cursor.execute("ANALYZE")


def _requests(server: BackendServer, user: BackendUser, cameras: list[int], begin_ms: int) -> list[Measurement]:
    random = np.random.default_rng(2)
    taken: dict[str, list[float]] = {"timeline/": [], "motion/": []}
    with server.client(user.token) as client:
        for number in range(REQUESTS + 2):
            camera, day = cameras[random.integers(CAMERAS)], int(random.integers(DAYS))
            first = datetime.fromtimestamp((begin_ms + day * DAY_MS) / 1000, UTC)
            query = {"from": first.isoformat(), "to": (first + timedelta(days=1)).isoformat()}
            for path, times in taken.items():
                area = {"polygon": "0.1,0.2 0.3,0.2 0.3,0.5 0.1,0.5"} if path == "motion/" else {}
                began = time.perf_counter()
                answer = client.get(f"/api/cameras/{camera}/recordings/{path}", params=query | area)
                passed = time.perf_counter() - began
                assert answer.status_code == httpx.codes.OK, answer.text
                assert answer.json()["motion"]
                if number >= 2:  # the first requests load code
                    times.append(passed * 1000)
    return [
        Measurement.at_most("timeline of a day, p95", _p95(taken["timeline/"]), "ms", TIMELINE_MS),
        Measurement.plain("timeline of a day, median", float(np.median(taken["timeline/"])), "ms"),
        Measurement.at_most("motion in an area, 24 h, p95", _p95(taken["motion/"]), "ms", SEARCH_MS),
    ]


def _seeks(server: BackendServer, user: BackendUser, folder: Path) -> list[Measurement]:
    camera = server.add_camera(user.token, name="Yard", rtsp_url="rtsp://192.0.2.99/1")
    clip = make_clip(folder / "clip.mp4", seconds=24, options={"crf": "35"})
    begin = float(int(time.time()) - 7200)
    with server.client(server.token("anna", "pipeline")) as client:
        make_recording(client, server.media, camera, clip, begin=begin, seconds=SEEK_SECONDS)
    with chromium() as browser:
        page = browser.new_page(viewport={"width": 1280, "height": 800}, timezone_id="UTC")
        page.goto(f"{server.url}/dashboard/login/")
        page.fill("#id_username", user.username)
        page.fill("#id_password", user.password)
        page.click("button[type=submit]")
        page.wait_for_url("**/dashboard/")
        at = datetime.fromtimestamp(begin + SEEK_SECONDS / 2, UTC).isoformat().replace("+00:00", "Z")
        page.goto(f"{server.url}/dashboard/cameras/{camera}/recordings/?at={at}")
        painted = page.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime")
        page.wait_for_function("() => document.querySelector('[data-screen] video')?.readyState >= 2")
        taken = _seek_times(page)
        shown = _preview_times(page)
    return [
        Measurement.at_most("page of recordings: first paint", float(painted), "ms", PAINT_MS),
        Measurement.at_most("seek to frame, p95", _p95(taken), "ms", SEEK_MS),
        Measurement.plain("seek to frame, median", float(np.median(taken)), "ms"),
        Measurement.at_most("picture under the pointer, p95", _p95(shown), "ms", PREVIEW_MS),
    ]


def _seek_times(page: Page) -> list[float]:
    """Press at random recorded times of the shown part. The page shows the middle of the recording at first."""
    for _ in range(9):
        page.keyboard.press("+")  # from 24 hours to 5 minutes
    page.wait_for_timeout(800)
    box = page.locator("[data-timeline]").bounding_box()
    assert box is not None
    margin = 0.02 * box["width"]
    taken = []
    # The recording is longer than the shown part to both sides, so that all of it is recorded.
    for left in np.random.default_rng(3).uniform(margin, box["width"] - margin, SEEKS):
        page.evaluate(_PRESSED)
        page.mouse.click(box["x"] + left, box["y"] + box["height"] - 10)
        taken.append(float(page.evaluate("window.painted")))
    return taken


def _preview_times(page: Page) -> list[float]:
    """Point at times that are further apart than the segments, in any order."""
    box = page.locator("[data-timeline]").bounding_box()
    assert box is not None
    places = np.random.default_rng(4).permutation(np.linspace(0.03, 0.97, SEEKS)) * box["width"] + box["x"]
    return [float(page.evaluate(_POINTED, [left, box["y"] + box["height"] - 10])) for left in places]


def _p95(values: list[float]) -> float:
    return float(np.quantile(values, 0.95))
