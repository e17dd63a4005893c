"""The dashboard with 40 cameras and 100,000 open alerts: server and browser times.

First paint is First Contentful Paint of headless Chromium with an empty cache.
"""

from pathlib import Path

import httpx
from playwright.sync_api import Browser, Page, sync_playwright
from tests.bench.backend.load import get, one_by_one
from tests.bench.backend.world import add_cameras, cursor_of, stream_url_at_rest, user_id_of, vigil
from tests.bench.report import Measurement
from tests.integration.services.backend import BackendServer, BackendUser
from tests.integration.services.postgres import PostgresServer
from tools import system_packages

CAMERAS, ALERTS = 40, 100_000
TIMES, VISITS = 40, 5
WARNED_MS, PAINTED_MS, SCRIPT_KB = 150, 1000, 200
PAGES = {
    "overview": "/dashboard/",
    "overview, moving part": "/dashboard/live/",
    "wall": "/dashboard/cameras/",
    "wall, moving part": "/dashboard/cameras/live/",
    "camera": "/dashboard/cameras/{camera}/",
    "rules": "/dashboard/cameras/{camera}/rules/",
    "inbox": "/dashboard/alerts/",
    "inbox, all": "/dashboard/alerts/?state=all",
    "inbox, deep": "/dashboard/alerts/?before=50000",
    "inbox, one camera and type": "/dashboard/alerts/?camera={camera}&alert_type=person",
    "inbox, last hour": "/dashboard/alerts/?hours=1",
    "inbox, words": "/dashboard/alerts/?q=zone",
    "inbox, words that few have": "/dashboard/alerts/?q=777",
    "inbox, what is new": "/dashboard/alerts/new/?after=99990",
    "statistics": "/dashboard/statistics/",
    "statistics, longest": "/dashboard/statistics/?hours=720",
    "alert": "/dashboard/alerts/{alert}/",
}
PAINTED = ("overview", "wall", "inbox", "statistics")


def measure(folder: Path, postgres: PostgresServer) -> list[Measurement]:
    """Measure for the owner of all cameras."""
    url = postgres.create_database()
    with vigil(folder, url, environment={"VIGIL_RATE_PER_TOKEN": ""}) as backend:
        owner = backend.create_user("owner")
        first = backend.add_camera(owner.token, name="first", rtsp_url="rtsp://10.0.0.1/1")
        cameras = add_cameras(url, user_id_of(url, "owner"), CAMERAS - 1, url=stream_url_at_rest(url))
        alert = add_open_alerts(url, [first, *cameras])
        paths = {name: path.format(camera=first, alert=alert) for name, path in PAGES.items()}
        with httpx.Client(base_url=backend.url, headers={"Referer": backend.url}) as session:
            cookies = sign_in(session, owner)
        figures = [one for name, path in paths.items() for one in _served(backend, name, path, cookies)]
        return figures + _painted(backend, {name: paths[name] for name in PAINTED}, cookies)


def add_open_alerts(database_url: str, camera_ids: list[int]) -> int:
    """Add alerts, spread over the cameras and 30 days; return the last one's id."""
    with cursor_of(database_url) as cursor:
        cursor.execute(
            "INSERT INTO surveillance_alert (camera_id, event_id, alert_type, confidence, timestamp, received_at,"
            " description, label, track, zone, rule, image, clip, acknowledged, resolved, is_false_positive)"
            " SELECT (%s::bigint[])[1 + n %% %s], 'bench-' || n, (ARRAY['person','vehicle','animal'])[1 + n %% 3],"
            " 0.5 + (n %% 50) / 100.0, at, at, 'Bench alert ' || n %% 1000, 'person', (n / 3)::text,"
            " 'zone ' || n %% 7, '', '', '', false, false, false"
            " FROM (SELECT n, now() - interval '30 days' * (1 - n / %s::float) AS at"
            "       FROM generate_series(1, %s) n) numbered",
            (camera_ids, len(camera_ids), ALERTS, ALERTS),
        )
        cursor.execute("VACUUM ANALYZE")
        cursor.execute("SELECT max(id) FROM surveillance_alert")
        row = cursor.fetchone()
    return int(row[0])


def sign_in(session: httpx.Client, user: BackendUser) -> dict[str, str]:
    """Return the cookies of a session of the user."""
    session.get("/dashboard/login/")
    form = {"username": user.username, "password": user.password}
    form["csrfmiddlewaretoken"] = session.cookies["csrftoken"]
    assert session.post("/dashboard/login/", data=form).status_code == httpx.codes.FOUND
    return dict(session.cookies)


def _served(backend: BackendServer, name: str, path: str, cookies: dict[str, str]) -> list[Measurement]:
    """Return the times; the first one, with empty caches and a new connection, is separate."""
    text = "; ".join(f"{key}={value}" for key, value in cookies.items())
    request = get(path, "").replace(b"\r\n\r\n", f"\r\nCookie: {text}\r\n\r\n".encode())
    first = one_by_one(backend.port, lambda _: request, count=1)
    answers = one_by_one(backend.port, lambda _: request, count=TIMES)
    assert set(answers.statuses) == {httpx.codes.OK}, (name, answers.statuses)
    return [
        Measurement.at_most(f"pages: {name}: first time", first.seconds[0] * 1000, "ms", WARNED_MS),
        Measurement.at_most(f"pages: {name}: 95 % served within", answers.p95_ms, "ms", WARNED_MS),
    ]


def _painted(backend: BackendServer, paths: dict[str, str], cookies: dict[str, str]) -> list[Measurement]:
    system_packages.ensure("browser")
    figures = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        for name, path in paths.items():
            visits = [_visit(browser, backend.url, path, cookies) for _ in range(VISITS)]
            painted, script, moved = (sorted(column)[VISITS // 2] for column in zip(*visits, strict=True))
            figures += [
                Measurement.at_most(f"pages: {name}: first paint, median", painted, "ms", PAINTED_MS),
                Measurement.at_most(f"pages: {name}: JavaScript", script / 1000, "kB", SCRIPT_KB),
                Measurement.at_most(f"pages: {name}: layout shift", moved, "", 0.02),
            ]
        browser.close()
    return figures


def _visit(browser: Browser, url: str, path: str, cookies: dict[str, str]) -> tuple[float, float, float]:
    """Return milliseconds to the first paint, bytes of JavaScript, and cumulative layout shift."""
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    context.add_cookies([{"name": name, "value": value, "url": url} for name, value in cookies.items()])
    page = context.new_page()
    page.add_init_script(
        "window.moved = 0; new PerformanceObserver(list => { for (const entry of list.getEntries())"
        " if (!entry.hadRecentInput) window.moved += entry.value; }).observe({type: 'layout-shift', buffered: true});"
    )
    page.goto(f"{url}{path}", wait_until="load")
    painted = page.wait_for_function("performance.getEntriesByName('first-contentful-paint')[0]?.startTime")
    page.wait_for_timeout(1500)
    figures = (float(painted.json_value()), _script_bytes(page), float(page.evaluate("window.moved")))
    context.close()
    return figures


def _script_bytes(page: Page) -> float:
    return float(
        page.evaluate(
            "performance.getEntriesByType('resource').filter(one => one.name.endsWith('.js'))"
            ".reduce((sum, one) => sum + one.decodedBodySize, 0)"
        )
    )
