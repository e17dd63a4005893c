"""Screenshots of an installation's dashboard, for the analysis of failures."""

from __future__ import annotations

import shutil
from pathlib import Path

from playwright.sync_api import Error, sync_playwright

PAGES = {"overview": "", "alerts": "alerts/", "cameras": "cameras/", "statistics": "statistics/"}
NAME = "vigil-backend"
"""The host that the backend answers to; the browser is told its address."""


def take_screenshots(folder: Path, address: str, username: str, password: str) -> None:
    """Writes one PNG a page to `folder`, or what kept it from that to screenshots.txt; raises nothing for it."""
    program = shutil.which("chromium")
    if program is None:
        (folder / "screenshots.txt").write_text("Chromium is missing: apt-get install chromium\n")
        return
    try:
        with sync_playwright() as playwright:
            arguments = ["--no-sandbox", f"--host-resolver-rules=MAP {NAME} {address}"]
            browser = playwright.chromium.launch(executable_path=program, args=arguments)
            page = browser.new_page(viewport={"width": 1440, "height": 900})
            page.goto(f"http://{NAME}:8000/dashboard/")
            page.fill("#id_username", username)
            page.fill("#id_password", password)
            page.click("button[type=submit]")
            page.wait_for_url("**/dashboard/")
            for name, path in PAGES.items():
                page.goto(f"http://{NAME}:8000/dashboard/{path}")
                page.wait_for_timeout(2000)
                page.screenshot(path=folder / f"{name}.png")
            browser.close()
    except Error as error:
        (folder / "screenshots.txt").write_text(f"{error}\n")
