"""A real Chromium that records page errors.

with chromium() as browser: ...
"""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest
from playwright.sync_api import Browser, Page, sync_playwright
from tools import system_packages

_PLAIN_ADDRESSES = "--disable-features=WebRtcHideLocalIpsWithMdns"
"""WebRTC uses this machine's address: test machines have no mDNS that could resolve a name."""
_NO_PICTURE = (409, 503)
"""A camera's live frame: it is inactive, or has no detector. Other errors are unexpected."""


@dataclass
class Problems:
    """Errors reported by the browser. Statuses that a test provokes are in `expected_statuses`."""

    found: list[str] = field(default_factory=list)
    expected_statuses: set[int] = field(default_factory=set)

    def watch(self, page: Page) -> None:
        """Collect messages of the page's console and scripts from now on."""
        page.on("console", lambda message: self._console(message.type, message.text, message.location["url"]))
        page.on("pageerror", lambda error: self.found.append(f"script: {error}"))

    def _console(self, kind: str, text: str, address: str) -> None:
        if kind not in {"error", "warning"}:
            return
        if address.endswith(("/snapshot/", "/live/")) and any(f"status of {code}" in text for code in _NO_PICTURE):
            return
        if any(f"status of {status}" in text for status in self.expected_statuses):
            return
        self.found.append(f"{kind}: {text}")


@contextmanager
def chromium(*arguments: str) -> Iterator[Browser]:
    """Start Chromium with these arguments; skip the test if it is not installed.

    While it is open, an event loop runs in this thread, and tests that start one of their own cannot.
    """
    if shutil.which("chromium") is None:
        try:
            system_packages.ensure("browser")
        except (system_packages.MissingPackagesError, RuntimeError) as error:
            pytest.skip(f"needs Chromium: {error}")
    program = shutil.which("chromium")
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(
            executable_path=program, args=["--no-sandbox", _PLAIN_ADDRESSES, *arguments]
        )
        yield launched
        launched.close()
