"""Alerts appear live, and are handled by click or key."""

from typing import Any

import pytest
from playwright.sync_api import Page, expect
from tests.integration.dashboard.conftest import PHONE, SignIn, Visit, Watcher

pytestmark = pytest.mark.timeout(300)  # on a busy machine the start of a backend alone takes a minute


def add_camera(visit: Visit, name: str = "Gate") -> int:
    return visit.server.add_camera(visit.user.token, name=name, rtsp_url="rtsp://anna:hunter2@192.0.2.7/stream")


def shown(page: Page) -> list[str]:
    ids = page.locator("[data-alert]").evaluate_all("cards => cards.map(card => card.dataset.alert)")
    return [str(alert_id) for alert_id in ids]


def test_an_alert_arrives_without_a_reload(visit: Visit, watcher: Watcher) -> None:
    camera_id = add_camera(visit)
    visit.open("/dashboard/")
    expect(visit.page.get_by_role("heading", name="No alerts yet")).to_be_visible()
    visit.page.evaluate("window.unloaded = 'never'")
    alert_id = watcher.send_alert(camera_id, zone="yard", label="person")
    card = visit.page.locator(f"#alert-{alert_id}")
    expect(card).to_be_visible()
    expect(card).to_contain_text("Person")
    expect(card).to_contain_text("Gate")
    expect(card).to_contain_text("87 %")
    expect(card).to_contain_text("yard")
    expect(card.locator("img")).to_have_js_property("naturalWidth", 480)
    assert visit.page.evaluate("window.unloaded") == "never"
    expect(visit.page).to_have_title("(1) Overview · Vigil")


def test_live_update_keeps_content_and_scroll_position(visit: Visit, watcher: Watcher) -> None:
    camera_id = add_camera(visit)
    first = [watcher.send_alert(camera_id, picture=False) for _ in range(14)]
    visit.open("/dashboard/")
    anchor = visit.page.locator(f"#alert-{first[2]}")
    anchor.scroll_into_view_if_needed()
    anchor.evaluate("card => { card.dataset.kept = 'yes' }")
    anchor.focus()
    scrolled = visit.page.evaluate("scrollY")
    assert scrolled > 0
    new = [watcher.send_alert(camera_id, picture=False) for _ in range(3)]
    expect(visit.page.locator(f"#alert-{new[-1]}")).to_be_attached()
    assert anchor.get_attribute("data-alert") == str(first[2])
    assert visit.page.evaluate("document.activeElement.id") == f"alert-{first[2]}"
    assert visit.page.evaluate("scrollY") >= scrolled


def test_unchanged_page_is_answered_with_304(visit: Visit, watcher: Watcher) -> None:
    camera_id = add_camera(visit)
    watcher.report(camera_id, "Streaming", "Streaming")
    visit.open("/dashboard/")
    answers: list[tuple[int, int]] = []

    def note(response: Any) -> None:
        if response.url.endswith("/dashboard/live/"):
            answers.append((response.status, len(response.request.headers.get("if-none-match", ""))))

    visit.page.on("response", note)
    for _ in range(60):  # until the page has asked three times
        visit.page.wait_for_timeout(500)
        if len(answers) >= 3:
            break
    assert [status for status, _ in answers][1:3] == [304, 304], answers
    assert all(length for status, length in answers if status == 304)
    expect(visit.page.get_by_role("heading", name="No alerts yet")).to_be_visible()  # a 304 swaps nothing in
    expect(visit.page.locator(".camera-row")).to_have_count(1)


def test_acknowledging_by_button(visit: Visit, watcher: Watcher) -> None:
    alert_id = watcher.send_alert(add_camera(visit))
    visit.open("/dashboard/")
    card = visit.page.locator(f"#alert-{alert_id}")
    card.get_by_role("button", name="Acknowledge").click()
    expect(card).to_contain_text("Acknowledged")
    expect(visit.page.locator("#open-count")).to_be_hidden()
    with visit.api() as api:
        stored = api.get(f"/api/alerts/{alert_id}/").json()
    assert (stored["acknowledged"], stored["acknowledged_by"]) == (True, visit.user.username)


def test_acknowledging_by_keys(visit: Visit, watcher: Watcher) -> None:
    camera_id = add_camera(visit)
    for _ in range(3):
        watcher.send_alert(camera_id, picture=False)
    visit.open("/dashboard/")
    newest, middle, oldest = shown(visit.page)
    for key in ("j", "j", "j", "j", "k", "a"):
        visit.page.keyboard.press(key)
    expect(visit.page.locator(f"#alert-{middle}")).to_contain_text("Acknowledged")
    for other in (newest, oldest):
        expect(visit.page.locator(f"#alert-{other}")).not_to_contain_text("Acknowledged")
    assert visit.page.evaluate("document.activeElement.id") == f"alert-{middle}"
    visit.page.keyboard.press("o")
    visit.page.wait_for_url(f"**/dashboard/alerts/{middle}/")


def test_acknowledging_all_shown_alerts(visit: Visit, watcher: Watcher) -> None:
    camera_id = add_camera(visit)
    for _ in range(3):
        watcher.send_alert(camera_id, picture=False)
    visit.open("/dashboard/")
    visit.page.get_by_role("button", name="Acknowledge all shown").click()
    expect(visit.page.locator(".alert.is-done")).to_have_count(3)
    expect(visit.page.locator(".alert.is-new")).to_have_count(0)


def test_alert_page_shows_times_in_the_viewers_time_zone(visit: Visit, watcher: Watcher) -> None:
    sent = "2026-03-01T20:15:30+00:00"
    alert_id = watcher.send_alert(add_camera(visit), timestamp=sent, rule="loiter-60", description="Near the <gate>")
    visit.open(f"/dashboard/alerts/{alert_id}/")
    expect(visit.page.get_by_role("main")).to_contain_text("2 Mar 2026, 05:15:30")
    expect(visit.page.get_by_role("main")).to_contain_text("Near the <gate>")
    expect(visit.page.locator(".screen img")).to_have_js_property("naturalWidth", 1280)
    visit.page.get_by_role("button", name="Acknowledge").click()
    expect(visit.page.get_by_role("banner")).to_contain_text("Acknowledged")


def test_on_a_phone_an_alert_fits_and_is_acknowledged_by_a_tap(sign_in: SignIn, watcher: Watcher) -> None:
    with sign_in(size=PHONE) as visit:
        alert_id = watcher.send_alert(add_camera(visit))
        card = visit.page.locator(f"#alert-{alert_id}")
        expect(card).to_be_visible()
        assert visit.page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
        card.get_by_role("button", name="Acknowledge").tap()
        expect(card).to_contain_text("Acknowledged")
