"""The inbox: filters in the URL, keys, bulk actions, undo, endless scrolling, new rows."""

import re

import pytest
from playwright.sync_api import Page, expect
from tests.integration.dashboard.conftest import PHONE, SignIn, Visit, Watcher

# On a busy machine the start of a backend alone takes a minute.
pytestmark = pytest.mark.timeout(300)


def add_camera(visit: Visit, name: str = "Gate") -> int:
    return visit.server.add_camera(visit.user.token, name=name, rtsp_url="rtsp://192.0.2.7/stream")


def shown(page: Page) -> list[int]:
    return [
        int(text) for text in page.locator("[data-alert]").evaluate_all("rows => rows.map(row => row.dataset.alert)")
    ]


def test_filters_are_kept_in_the_url(visit: Visit, watcher: Watcher) -> None:
    gate, dock = add_camera(visit, "Gate"), add_camera(visit, "Dock")
    person = watcher.send_alert(gate, picture=False)
    fire = watcher.send_alert(dock, alert_type="fire", picture=False, description="Flames at 100 % <dock>")
    page = visit.page
    visit.open("/dashboard/alerts/")
    assert shown(page) == [fire, person]
    page.get_by_label("Type").select_option("fire")
    page.wait_for_url("**alert_type=fire**")
    assert shown(page) == [fire]
    page.reload()
    assert shown(page) == [fire]
    page.get_by_label("Camera", exact=True).select_option("Gate")
    expect(page.get_by_text("No matching alerts")).to_be_visible()
    page.get_by_role("link", name="Clear filters").click()
    expect(page.locator("[data-alert]")).to_have_count(2)
    page.get_by_label("Search").fill("100 % <")
    page.keyboard.press("Enter")
    page.wait_for_url("**q=100**")
    assert shown(page) == [fire]


def test_keys_resolve_mark_and_comment(visit: Visit, watcher: Watcher) -> None:
    camera_id = add_camera(visit)
    first, second = (watcher.send_alert(camera_id, picture=False) for _ in range(2))
    page = visit.page
    visit.open("/dashboard/alerts/?state=all")
    page.keyboard.press("j")
    page.keyboard.press("r")
    expect(page.locator(f"#alert-{second}")).to_contain_text("Resolved")
    expect(page.locator("#preview")).to_contain_text(visit.user.username)
    page.keyboard.press("j")
    page.keyboard.press("f")
    expect(page.locator(f"#alert-{first}")).to_contain_text("False alarm")
    expect(page.locator("#preview")).to_contain_text("Assessment")
    page.keyboard.press("c")
    page.keyboard.type("A cat, j and k and all")
    page.keyboard.press("Enter")
    expect(page.locator("#preview .comment")).to_contain_text("A cat, j and k and all")
    with visit.api() as api:
        stored = {row["id"]: row for row in api.get("/api/alerts/").json()["results"]}
    assert (stored[second]["resolved"], stored[second]["resolved_by"]) == (True, visit.user.username)
    assert stored[first]["is_false_positive"] is True


def test_keys_show_acknowledge_and_undo(visit: Visit, watcher: Watcher) -> None:
    camera_id = add_camera(visit)
    first, second = (watcher.send_alert(camera_id, rule=f"rule-{number}") for number in (1, 2))
    page = visit.page
    visit.open("/dashboard/alerts/")
    page.keyboard.press("j")
    expect(page.locator("#preview")).to_contain_text("rule-2")
    page.keyboard.press("j")
    expect(page.locator("#preview")).to_contain_text("rule-1")
    page.keyboard.press("a")
    expect(page.locator(f"#alert-{first}")).to_contain_text("Acknowledged")
    with visit.api() as api:
        assert api.get(f"/api/alerts/{first}/").json()["acknowledged"] is True
        page.get_by_role("button", name="Undo").click()
        expect(page.locator(f"#alert-{first}").get_by_role("button", name="Acknowledge")).to_be_visible()
        stored = api.get(f"/api/alerts/{first}/").json()
    assert (stored["acknowledged"], stored["acknowledged_by"]) == (False, None)
    assert shown(page) == [second, first]


def test_undo_reverts_only_the_bulk_action(visit: Visit, watcher: Watcher) -> None:
    camera_id = add_camera(visit)
    ids = [watcher.send_alert(camera_id, picture=False) for _ in range(4)]
    with visit.api() as api:
        api.post(f"/api/alerts/{ids[0]}/acknowledge/")
        visit.open("/dashboard/alerts/?state=all")
        for alert_id in ids[:3]:
            visit.page.locator(f"#alert-{alert_id} input").check()
        bulk = visit.page.locator("#inbox-actions")
        expect(bulk).to_contain_text("3 selected")
        bulk.get_by_role("button", name="Acknowledge").click()
        expect(visit.page.locator(".row.is-done")).to_have_count(3)
        visit.page.get_by_role("button", name="Undo").click()
        expect(visit.page.locator(".row.is-done")).to_have_count(1)
        states = [api.get(f"/api/alerts/{alert_id}/").json()["acknowledged"] for alert_id in ids]
    assert states == [True, False, False, False]


def test_alerts_of_one_object_are_marked_false_by_one_key_and_undone(visit: Visit, watcher: Watcher) -> None:
    camera_id = add_camera(visit)
    ids = [watcher.send_alert(camera_id, picture=False, track="7") for _ in range(3)]
    single = watcher.send_alert(camera_id, picture=False)
    page = visit.page
    visit.open("/dashboard/alerts/")
    assert shown(page) == [single, *ids[::-1]]
    expect(page.locator(f"#alert-{ids[2]}")).to_contain_text("3 alerts for the same object")
    page.locator(f"#alert-{ids[2]} input").check()
    expect(page.locator("#inbox-actions")).to_contain_text("3 selected")
    page.keyboard.press("f")
    expect(page.locator(".row", has_text="False alarm")).to_have_count(3)
    expect(page.get_by_text("False alarms: 3")).to_be_visible()
    page.get_by_role("button", name="Undo").click()
    expect(page.locator(".row.is-new")).to_have_count(4)
    page.locator(f"#alert-{single} input").check()
    page.locator("#inbox-actions").get_by_role("button", name="Resolve").click()
    expect(page.locator(f"#alert-{single}")).to_contain_text("Resolved")
    page.get_by_role("button", name="Undo").click()
    expect(page.locator(f"#alert-{single}")).to_have_class(re.compile("is-new"))
    with visit.api() as api:
        rows = api.get("/api/alerts/").json()["results"]
    assert {(row["acknowledged"], row["resolved"], row["is_false_positive"]) for row in rows} == {
        (False, False, False)
    }


def test_alerts_are_streamed_without_polling(visit: Visit, watcher: Watcher) -> None:
    camera_id = add_camera(visit)
    page = visit.page
    asked: list[str] = []
    with page.expect_response(lambda answer: "/api/alerts/stream/" in answer.url):
        visit.open("/dashboard/alerts/")
    with page.expect_response(re.compile(r"[?&]id=\d")):  # the stream is up once it has brought one
        watcher.send_alert(camera_id, picture=False)
    expect(page.locator("[data-alert]")).to_have_count(1)
    page.on("request", lambda request: asked.append(request.url))
    page.wait_for_timeout(5000)
    assert asked == []
    first = watcher.send_alert(camera_id, picture=False, track="5")
    expect(page.locator(f"#alert-{first}")).to_be_visible(timeout=3000)
    second = watcher.send_alert(camera_id, picture=False, track="5")
    expect(page.locator(f"#alert-{second}")).to_contain_text("2 alerts for the same object")
    expect(page.locator(f"#alert-{first}")).to_have_class(re.compile("is-same"))


def test_older_alerts_load_once_while_scrolling(visit: Visit, watcher: Watcher) -> None:
    camera_id = add_camera(visit)
    ids = [watcher.send_alert(camera_id, picture=False) for _ in range(60)]
    visit.open("/dashboard/alerts/")
    assert len(shown(visit.page)) < len(ids)
    for _ in range(100):
        visit.page.mouse.wheel(0, 4000)
        visit.page.wait_for_timeout(300)
        if len(shown(visit.page)) == len(ids):
            break
    assert shown(visit.page) == ids[::-1]


def test_new_rows_wait_while_the_user_is_scrolled_down(visit: Visit, watcher: Watcher) -> None:
    camera_id = add_camera(visit)
    for _ in range(20):
        watcher.send_alert(camera_id, picture=False)
    page = visit.page
    visit.open("/dashboard/alerts/")
    fresh = watcher.send_alert(camera_id, picture=False)
    expect(page.locator(f"#alert-{fresh}")).to_be_visible()
    page.evaluate("window.scrollTo(0, 600)")
    before = page.evaluate("scrollY")
    later = watcher.send_alert(camera_id, picture=False)
    expect(page.get_by_role("button", name="Show 1 new")).to_be_visible()
    assert page.evaluate("scrollY") == before
    assert later not in shown(page)
    page.get_by_role("button", name="Show 1 new").click()
    expect(page.locator(f"#alert-{later}")).to_be_visible()
    assert shown(page)[:2] == [later, fresh]


def test_actions_of_other_users_cannot_be_undone(visit: Visit, sign_in: SignIn, watcher: Watcher) -> None:
    alert_id = watcher.send_alert(add_camera(visit), picture=False)
    with visit.api() as api:
        api.post(f"/api/alerts/{alert_id}/acknowledge/")
        with sign_in() as other:
            token = other.page.context.cookies()
            crumbs = {cookie["name"]: cookie["value"] for cookie in token}
            answer = other.page.request.post(
                f"{other.server.url}/dashboard/alerts/undo/",
                form={"acknowledged": str(alert_id)},
                headers={"X-CSRFToken": crumbs["csrftoken"], "Referer": other.server.url},
            )
            assert answer.status == 204
        assert api.get(f"/api/alerts/{alert_id}/").json()["acknowledged"] is True


def test_on_a_phone_a_tap_opens_the_alert(sign_in: SignIn, watcher: Watcher) -> None:
    with sign_in(size=PHONE) as visit:
        alert_id = watcher.send_alert(add_camera(visit))
        visit.open("/dashboard/alerts/")
        assert visit.page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
        visit.page.locator(f"#alert-{alert_id} .row-open").tap()
        visit.page.wait_for_url(f"**/dashboard/alerts/{alert_id}/")


def test_browser_notifications_for_new_alerts(visit: Visit, watcher: Watcher) -> None:
    page = visit.page
    camera_id = add_camera(visit)
    page.context.grant_permissions(["notifications"], origin=visit.server.url)
    page.add_init_script("""
        window.told = [];
        window.Notification = class { constructor(title) { window.told.push(title); } };
        window.Notification.permission = "granted";
    """)
    visit.open("/dashboard/alerts/")
    quiet = watcher.send_alert(camera_id, picture=False)
    expect(page.locator(f"#alert-{quiet}")).to_be_visible()
    page.get_by_role("button", name="Sound and notification").click()
    page.reload()
    expect(page.get_by_role("button", name="Sound and notification")).to_have_attribute("aria-pressed", "true")
    loud = watcher.send_alert(camera_id, alert_type="fire", picture=False)
    expect(page.locator(f"#alert-{loud}")).to_be_visible()
    assert page.evaluate("window.told") == ["Fire, Gate"]


def test_preview_keeps_the_aspect_ratio_in_a_low_window(visit: Visit, watcher: Watcher) -> None:
    """The zone is drawn over the whole element, so letterbox bars would misplace it."""
    watcher.send_alert(add_camera(visit), rule="linger", zone="Yard", zone_seconds="75")
    visit.page.set_viewport_size({"width": 1440, "height": 600})
    visit.open("/dashboard/alerts/")
    visit.page.keyboard.press("j")
    expect(visit.page.locator("#preview")).to_contain_text("Time in zone")
    box = visit.page.locator("#preview .screen").bounding_box()
    assert box is not None
    assert abs(box["width"] / box["height"] - 16 / 9) < 0.02
