"""Draw the icons of the installed dashboard: `python -m tools.icons` writes them beside the favicon.

The shape is that of favicon.svg. A maskable icon may be cut to any shape, so its margin is wider.
"""

import base64
from pathlib import Path

from playwright.sync_api import sync_playwright

STATIC = Path(__file__).parents[1] / "backend/vigil_apps/dashboard/static/dashboard"
GROUND = "#0a0d13"
ICONS = {
    "icon-192": (192, 0.16),
    "icon-512": (512, 0.16),
    "maskable-512": (512, 0.26),
    "apple-touch-icon": (180, 0.18),
}
"""Name, size in pixels, and margin on each side in fractions of the size."""


def main() -> None:
    """Write all icons."""
    (STATIC / "icons").mkdir(exist_ok=True)
    shape = base64.b64encode((STATIC / "favicon.svg").read_bytes()).decode()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        for name, (size, margin) in ICONS.items():
            page = browser.new_page(viewport={"width": size, "height": size})
            page.set_content(
                f"<body style='margin:0;background:{GROUND}'><img src='data:image/svg+xml;base64,{shape}'"
                f" style='position:absolute;inset:{margin:.0%};width:{1 - 2 * margin:.0%}'>"
            )
            page.screenshot(path=STATIC / "icons" / f"{name}.png")
            page.close()
        browser.close()


if __name__ == "__main__":
    main()
