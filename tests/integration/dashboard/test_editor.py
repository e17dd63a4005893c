"""Zones, lines, masks and rules: drawn by mouse, touch and keyboard, previewed, saved, undone."""

import json
from typing import Any

import pytest
from playwright.sync_api import Page, expect
from tests.integration.dashboard.conftest import PHONE, SignIn, Visit, Watcher

pytestmark = pytest.mark.timeout(300)  # on a busy machine the start of a backend alone takes a minute

SQUARE = ((0.1, 0.3), (0.5, 0.3), (0.5, 0.9), (0.1, 0.9))


def open_editor(visit: Visit) -> int:
    camera_id = visit.server.add_camera(visit.user.token, name="Gate", rtsp_url="rtsp://192.0.2.7/1")
    visit.open(f"/dashboard/cameras/{camera_id}/rules/")
    return camera_id


def detection(visit: Visit, camera_id: int) -> Any:
    with visit.api() as api:
        return api.get(f"/api/cameras/{camera_id}/").json()["detection"]


def position(page: Page, point: tuple[float, float]) -> tuple[float, float]:
    box = page.locator("[data-stage]").bounding_box()
    assert box is not None
    return box["x"] + point[0] * box["width"], box["y"] + point[1] * box["height"]


def save(page: Page) -> None:
    with page.expect_response(lambda answer: answer.url.endswith("/rules/save/") and answer.ok):
        page.get_by_role("button", name="Save").click()
    expect(page.locator("#toasts")).to_contain_text("Saved.")


def test_a_zone_is_drawn_by_mouse_and_its_corner_dragged(visit: Visit, watcher: Watcher) -> None:
    page = visit.page
    camera_id = open_editor(visit)
    page.get_by_role("button", name="Zone", exact=True).click()
    for point in (*SQUARE, SQUARE[0]):
        page.mouse.click(*position(page, point))
    page.mouse.move(*position(page, SQUARE[2]))
    page.mouse.down()
    page.mouse.move(*position(page, (0.8, 0.8)), steps=4)
    page.mouse.up()
    page.get_by_role("textbox", name="Name").fill("Drive")
    page.keyboard.press("Tab")
    save(page)
    (zone,) = detection(visit, camera_id)["zones"]
    assert zone["name"] == "Drive"
    expected = [SQUARE[0], SQUARE[1], (0.8, 0.8), SQUARE[3]]
    for (x, y), (wanted_x, wanted_y) in zip(zone["points"], expected, strict=True):
        assert abs(x - wanted_x) < 0.01
        assert abs(y - wanted_y) < 0.01


def test_shapes_are_drawn_by_keyboard(visit: Visit) -> None:
    page = visit.page
    camera_id = open_editor(visit)
    page.get_by_role("button", name="Motion mask", exact=True).focus()
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Done").focus()
    page.keyboard.press("Enter")
    corner = page.get_by_role("button", name="Motion mask 1, corner 1")
    expect(corner).to_be_focused()
    for key in ("ArrowLeft", "Shift+ArrowUp", "Insert", "Delete"):
        page.keyboard.press(key)
    save(page)
    (mask,) = detection(visit, camera_id)["motion_masks"]
    assert mask == [[0.29, 0.35], [0.7, 0.4], [0.7, 0.8], [0.3, 0.8]]


def test_a_privacy_mask_is_drawn_listed_and_deleted(visit: Visit) -> None:
    page = visit.page
    camera_id = open_editor(visit)
    page.get_by_role("button", name="Privacy mask", exact=True).click()
    for point in (*SQUARE, SQUARE[0]):
        page.mouse.click(*position(page, point))
    save(page)
    stored = detection(visit, camera_id)
    (mask,) = stored["privacy_masks"]
    assert [[round(x, 1), round(y, 1)] for x, y in mask] == [list(point) for point in SQUARE]
    assert stored["motion_masks"] == []
    row = page.get_by_role("listitem").filter(has_text="Privacy mask 1")
    row.get_by_role("button", name="Delete").click()
    save(page)
    assert detection(visit, camera_id)["privacy_masks"] == []


def test_line_is_drawn_by_touch_on_a_phone(sign_in: SignIn) -> None:
    with sign_in(size=PHONE) as visit:
        page = visit.page
        camera_id = open_editor(visit)
        page.get_by_role("button", name="Line", exact=True).tap()
        page.touchscreen.tap(*position(page, (0.2, 0.5)))
        page.touchscreen.tap(*position(page, (0.8, 0.5)))
        page.get_by_label("Direction").select_option("right_to_left")
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
        save(page)
        (rule,) = detection(visit, camera_id)["rules"]
        assert (rule["type"], rule["direction"]) == ("line_crossing", "right_to_left")


def test_rule_preview_is_shown_before_saving(visit: Visit, watcher: Watcher) -> None:
    page = visit.page
    camera_id = visit.server.add_camera(visit.user.token, name="Gate", rtsp_url="rtsp://192.0.2.7/1")
    for left in (0.1, 0.15, 0.7):
        box = {"x_min": left, "x_max": left + 0.1, "y_min": 0.4, "y_max": 0.6}
        watcher.send_alert(camera_id, picture=False, label="person", box=json.dumps(box))
    visit.open(f"/dashboard/cameras/{camera_id}/rules/")
    preview = page.locator("[data-preview]")
    expect(preview).to_contain_text("3 alerts in the last 24 hours")
    expect(page.locator(".foot.is-lit")).to_have_count(3)
    page.get_by_role("button", name="Zone", exact=True).click()
    for point in SQUARE:
        page.mouse.click(*position(page, point))
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Rule", exact=True).click()
    page.get_by_label("Alert when an object").select_option("intrusion")
    expect(preview).to_contain_text("2 alerts in the last 24 hours")
    expect(page.locator(".foot.is-lit")).to_have_count(2)
    page.get_by_label("Alert when an object").select_option("loitering")
    expect(preview).to_contain_text("at most")
    page.get_by_role("button", name="Undo").click()
    expect(preview).to_contain_text("2 alerts in the last 24 hours")
    assert detection(visit, camera_id)["rules"] == [], "nothing is saved yet"
    save(page)
    assert detection(visit, camera_id)["rules"][0]["type"] == "intrusion"


def test_an_error_names_the_rule_and_changes_nothing(visit: Visit) -> None:
    page = visit.page
    camera_id = open_editor(visit)
    visit.problems.expected_statuses.add(422)
    page.get_by_role("button", name="Rule", exact=True).click()
    page.get_by_label("Alert when an object").select_option("intrusion")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("alert")).to_contain_text("Rule 1 (zone)")
    assert detection(visit, camera_id)["rules"] == []


def test_the_schedule_is_set_in_the_viewers_zone(visit: Visit) -> None:
    page = visit.page
    camera_id = open_editor(visit)
    page.get_by_label("Always armed").uncheck()
    expect(page.get_by_label("Time zone")).to_have_value("Asia/Tokyo")
    page.locator(".day").filter(has_text="Sun").click()
    page.get_by_label("From").fill("21:30")
    save(page)
    schedule = detection(visit, camera_id)["schedule"]
    days = ["mon", "tue", "wed", "thu", "fri", "sat"]
    assert schedule == {"time_zone": "Asia/Tokyo", "windows": [{"days": days, "start": "21:30", "end": "06:00"}]}
