"""Retake the screenshots in `docs/images/` from a separate `vigil run` with the demo scene.

    python -m tools.screenshots

It waits for alerts of the demo camera, so it takes a few minutes. Needs Chromium.
"""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
from playwright.sync_api import Page, sync_playwright

IMAGES = Path(__file__).parents[1] / "docs/images"
ALERTS_WANTED = 9
TIMEOUT_SECONDS = 480
YARD = {"name": "Yard", "points": [[0.02, 0.62], [0.98, 0.58], [0.98, 0.97], [0.02, 0.97]]}
SEEN_PICTURES_ARE_THERE = """
() => [...document.images].every((image) =>
  !image.src || !image.checkVisibility() || image.getBoundingClientRect().top > innerHeight
  || (image.complete && image.naturalWidth > 0))
"""
RULES = [
    {"name": "everything", "type": "object"},
    {"name": "stays", "type": "loitering", "zone": "Yard", "seconds": 4, "classes": ["person"]},
    {"name": "to the door", "type": "line_crossing", "line": [[0.2, 0.72], [0.75, 0.66]]},
]


@dataclass(frozen=True)
class Running:
    """The address and the password of a running Vigil."""

    url: str
    username: str
    password: str


@contextmanager
def vigil_run() -> Iterator[Running]:
    """Start `vigil run` with new data on a free port; stop it as Ctrl-C does."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with tempfile.TemporaryDirectory() as folder:
        process = subprocess.Popen(
            [sys.executable, "-m", "vigil_standalone", "run"],
            env={**os.environ, "PORT": str(port), "VIGIL_DATA_DIR": folder},
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            yield _said(process)
        finally:
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=60)


def _said(process: subprocess.Popen[str]) -> Running:
    found: dict[str, str] = {}
    assert process.stdout is not None
    for line in process.stdout:
        print(line, end="")
        name, _, value = line.strip().partition(": ")
        if name in {"Dashboard", "User", "Password"}:
            found[name] = value
        if len(found) == 3:
            return Running(found["Dashboard"], found["User"], found["Password"])
    raise SystemExit("vigil run ended before it said where the dashboard is")


def set_rules(running: Running) -> None:
    """Configure rules for the demo camera, so that it draws zones and creates alerts."""
    with httpx.Client(base_url=running.url.partition("/dashboard/")[0]) as client:
        who = {"username": running.username, "password": running.password}
        token = client.post("/api/token/", json=who).raise_for_status().json()["token"]
        client.headers["Authorization"] = f"Token {token}"
        detection = client.get("/api/cameras/1/").raise_for_status().json()["detection"]
        detection |= {"zones": [YARD], "rules": RULES}
        client.patch("/api/cameras/1/", json={"detection": detection}).raise_for_status()


def wait_for_alerts(page: Page) -> None:
    """Wait until the overview shows enough alerts, including one of loitering."""
    deadline = time.monotonic() + TIMEOUT_SECONDS
    shown = page.locator("[data-alert]")
    while shown.count() < ALERTS_WANTED or not shown.filter(has_text="Loitering").count():
        if time.monotonic() > deadline:
            raise SystemExit(f"fewer than {ALERTS_WANTED} alerts after {TIMEOUT_SECONDS} s")
        page.wait_for_timeout(2000)


def main() -> None:
    program = shutil.which("chromium")
    if program is None:
        raise SystemExit("Chromium is missing: apt-get install chromium")
    IMAGES.mkdir(parents=True, exist_ok=True)
    with vigil_run() as running, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        state = None
        for name, path, width, height in (
            ("dashboard", "", 1440, 900),
            ("alerts", "alerts/", 1440, 900),
            ("cameras", "cameras/", 1440, 900),
            ("camera", "cameras/1/", 1440, 900),
            ("rules", "cameras/1/rules/", 1440, 900),
            ("statistics", "statistics/", 1440, 900),
            ("phone", "", 390, 844),
        ):
            context = browser.new_context(
                viewport={"width": width, "height": height}, color_scheme="dark", storage_state=state
            )
            page = context.new_page()
            page.goto(running.url + path)
            if state is None:
                page.fill("#id_username", running.username)
                page.fill("#id_password", running.password)
                page.click("button[type=submit]")
                page.wait_for_selector(".camera-row", timeout=120_000)
                set_rules(running)
                wait_for_alerts(page)
                state = context.storage_state()
            if name == "alerts":
                page.locator("[data-alert]").filter(has_text="Loitering").first.focus()
            page.wait_for_timeout(3000)
            page.wait_for_function(SEEN_PICTURES_ARE_THERE, timeout=60_000)
            page.screenshot(path=IMAGES / f"{name}.png")
            print(f"docs/images/{name}.png")
            context.close()
        browser.close()


if __name__ == "__main__":
    main()
