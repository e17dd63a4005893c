"""Accessibility (axe), screen sizes, themes, and a backend outage."""

import json
from urllib.parse import urljoin

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect
from tests.integration.dashboard.conftest import SIZES, SignIn, UserPool, Visit, Watcher
from tests.integration.services.backend import backend_server

pytestmark = pytest.mark.timeout(300)  # on a busy machine the start of a backend alone takes a minute

PAGES = {
    "overview": "/dashboard/",
    "cameras": "/dashboard/cameras/",
    "camera": "/dashboard/cameras/{camera}/",
    "camera-rules": "/dashboard/cameras/{camera}/rules/",
    "camera-recordings": "/dashboard/cameras/{camera}/recordings/",
    "camera-edit": "/dashboard/cameras/{camera}/edit/",
    "camera-add": "/dashboard/cameras/add/",
    "camera-import": "/dashboard/cameras/import/",
    "statistics": "/dashboard/statistics/",
    "sites": "/dashboard/settings/",
    "notifications": "/dashboard/settings/notifications/",
    "tokens": "/dashboard/settings/tokens/",
    "people": "/dashboard/settings/people/",
    "security": "/dashboard/settings/security/",
    "audit": "/dashboard/settings/audit/",
    "alerts": "/dashboard/alerts/?state=all",
    "alert": "/dashboard/alerts/{alert}/",
    "offline": "/dashboard/offline/",
}


def trial(model: str) -> dict[str, object]:
    """Return a report about a new model that runs in shadow."""
    use = {"frames": 86_400, "inferences": 41_250, "inference_seconds": 1_031.25}
    counts = {"agreed": 1_204, "missed": 12, "new": 31, "skipped_frames": 870, "live": use, "shadow": use}
    return {"trial": "t", "run": "1", "model": model, "state": "Running", "counts": counts}


def furnish(visit: Visit, watcher: Watcher) -> dict[str, int]:
    """Create cameras in several states, one of them with a new model in shadow, and a few alerts for the user."""
    ids = [
        visit.server.add_camera(visit.user.token, name=f"Camera {number}", rtsp_url=f"rtsp://192.0.2.{number}/1")
        for number in range(1, 5)
    ]
    for camera_id, state in zip(ids, ("Streaming", "StreamFrozen", "StreamUnauthorized", "Starting"), strict=True):
        phase = {"StreamFrozen": "Degraded", "StreamUnauthorized": "Failed"}.get(state, state)
        watcher.report(camera_id, phase, state)
    watcher.report(ids[0], "Streaming", "Streaming", shadow=trial("/models/yolo11n-of-the-winter_openvino_model"))
    with visit.api() as api:
        api.post("/api/sites/", json={"name": "Yard"})
    alerts = [watcher.send_alert(ids[0], alert_type=kind) for kind in ("person", "fire", "animal", "other")]
    return {"camera": ids[0], "alert": alerts[0]}


@pytest.mark.parametrize(("theme", "locale"), [("dark", "en-US"), ("light", "de-DE")])
@pytest.mark.parametrize("size", SIZES)
def test_pages_are_accessible_and_do_not_overflow(
    sign_in: SignIn, watcher: Watcher, size: str, theme: str, locale: str
) -> None:
    """German words are longer than English ones."""
    with sign_in(size=SIZES[size], theme=theme, locale=locale) as visit:
        ids = furnish(visit, watcher)
        for name, path in PAGES.items():
            visit.open(path.format(**ids))
            expect(visit.page.get_by_role("heading", level=1)).to_be_visible()
            found = Axe().run(visit.page).response["violations"]
            serious = [
                (item["id"], [node["target"] for node in item["nodes"]][:3])
                for item in found
                if item["impact"] in {"serious", "critical"}
            ]
            assert serious == [], name
            width = visit.page.evaluate("document.documentElement.scrollWidth")
            assert width <= SIZES[size]["width"], f"{name} is {width} px wide"


IN_THE_VIEWERS_ZONE = """
() => {
  const page = document.documentElement.lang;
  const language = navigator.languages.find((tag) => tag === page || tag.startsWith(`${page}-`)) ?? page;
  const there = (style) => new Intl.DateTimeFormat(language, { ...style, timeZone: "Asia/Tokyo" });
  const exact = there({ dateStyle: "full", timeStyle: "long" });
  const full = there({ dateStyle: "medium", timeStyle: "medium" });
  const found = [...document.querySelectorAll("time[datetime]")].map((element) => {
    const moment = new Date(element.dateTime);
    const isFull = element.dataset.style === "absolute";
    return [element.title === exact.format(moment), !isFull || element.textContent === full.format(moment)];
  });
  const raw = document.body.innerText.match(/\\d{4}-\\d\\d-\\d\\d[T ]\\d\\d:\\d\\d\\S*|\\d\\d:\\d\\d(:\\d\\d)? UTC/g);
  return { count: found.length, wrong: found.filter((one) => !one.every(Boolean)).length, raw: raw ?? [] };
}
"""
WITHOUT_TIMES = {
    "camera-rules",
    "camera-edit",
    "camera-add",
    "camera-import",
    "statistics",
    "sites",
    "security",
    "offline",
}


def test_times_are_in_the_viewers_zone_on_every_page(sign_in: SignIn, users: UserPool, watcher: Watcher) -> None:
    """The browser is in Tokyo, nine hours ahead of the server."""
    with sign_in(users.take(is_superuser=True)) as visit:
        ids = furnish(visit, watcher)
        with visit.api() as api:
            api.post("/api/tokens/", json={"name": "phone", "expires_in_days": 90}).raise_for_status()
            target = {"url": "https://93.184.216.34/hook"}
            night = {"name": "Night", "channel": "webhook", "target": target}
            subscribed = api.post("/api/notifications/", json=night).raise_for_status().json()["subscription"]
            api.post(f"/api/notifications/{subscribed['id']}/test/").raise_for_status()
        for name, path in {**PAGES, "system": "/dashboard/settings/system/"}.items():
            visit.open(path.format(**ids))
            expect(visit.page.get_by_role("heading", level=1)).to_be_visible()
            visit.page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
            found = visit.page.evaluate(IN_THE_VIEWERS_ZONE)
            assert (found["wrong"], found["raw"]) == (0, []), name
            assert (found["count"] == 0) is (name in WITHOUT_TIMES), (name, found["count"])


def test_error_page(sign_in: SignIn) -> None:
    with sign_in(size=SIZES["phone"], theme="light") as visit:
        visit.problems.expected_statuses |= {403, 404}
        for path, title in (("alerts/999999999/", "Not found"), ("settings/system/", "Not allowed")):
            visit.open(f"/dashboard/{path}")
            expect(visit.page.get_by_role("heading", name=title)).to_be_visible()
            found = Axe().run(visit.page).response["violations"]
            assert [item["id"] for item in found if item["impact"] in {"serious", "critical"}] == [], path
        visit.page.get_by_role("link", name="Go to the overview").click()
        expect(visit.page.get_by_role("heading", name="Overview")).to_be_visible()


def test_sign_in_and_system_pages_are_accessible(sign_in: SignIn, users: UserPool) -> None:
    for path, size, options in (
        ("/dashboard/login/", "phone", {"anonymous": True}),
        ("/dashboard/settings/system/", "desktop", {"user": users.take(is_superuser=True)}),
    ):
        with sign_in(size=SIZES[size], **options) as visit:
            visit.open(path)
            found = Axe().run(visit.page).response["violations"]
            assert [item["id"] for item in found if item["impact"] in {"serious", "critical"}] == [], path


def test_selected_theme_is_kept(visit: Visit) -> None:
    html = visit.page.locator("html")
    expect(html).to_have_attribute("data-theme", "dark")
    visit.page.get_by_role("button", name="Theme").click()
    expect(html).to_have_attribute("data-theme", "light")
    visit.page.reload()
    expect(html).to_have_attribute("data-theme", "light")


def test_keys_are_explained(visit: Visit) -> None:
    visit.page.keyboard.press("?")
    expect(visit.page.get_by_role("dialog")).to_contain_text("Next alert")
    visit.page.keyboard.press("Escape")
    expect(visit.page.get_by_role("dialog")).to_be_hidden()


def test_phone_can_install_the_dashboard(sign_in: SignIn) -> None:
    with sign_in() as visit:
        visit.page.evaluate("navigator.serviceWorker.ready.then(() => true)")
        tools = visit.page.context.new_cdp_session(visit.page)
        problems = tools.send("Page.getInstallabilityErrors")["installabilityErrors"]
        # Each test has a private window, in which no page can be installed.
        assert [problem["errorId"] for problem in problems] == ["in-incognito"]
        found = tools.send("Page.getAppManifest")
        assert found["errors"] == []
        manifest = json.loads(found["data"])
        icons = [urljoin(visit.page.url, icon["src"]) for icon in manifest["icons"]]
        assert [visit.page.request.get(icon).headers["content-type"] for icon in icons] == ["image/png"] * 3
        for shortcut in manifest["shortcuts"]:
            assert visit.page.request.get(urljoin(visit.page.url, shortcut["url"])).ok


def test_backend_outage_is_reported_and_recovered_from(
    sign_in: SignIn, tmp_path_factory: pytest.TempPathFactory
) -> None:
    with backend_server(tmp_path_factory.mktemp("away")) as own, sign_in(own=own) as visit:
        indicator = visit.page.locator("#live-indicator")
        expect(indicator).to_have_text("Live")
        visit.page.evaluate("navigator.serviceWorker.ready.then(() => true)")
        other_page = visit.page.context.new_page()
        own.kill()
        expect(indicator).to_have_text("Reconnecting")
        other_page.goto(f"{own.url}/dashboard/cameras/")
        expect(other_page.get_by_text("No connection to the server")).to_be_visible()
        border = "getComputedStyle(document.querySelector('.panel')).borderTopWidth"
        assert other_page.evaluate(border) != "0px", "its style sheets are kept with it"
        own.start()
        expect(indicator).to_have_text("Live")
        expect(other_page.get_by_role("heading", name="Cameras", exact=True)).to_be_visible()
        of_the_outage = ("net::ERR_", "htmx:")  # responses were interrupted
        visit.problems.found[:] = [
            text for text in visit.problems.found if not any(word in text for word in of_the_outage)
        ]
