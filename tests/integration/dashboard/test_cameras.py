"""Cameras: added with helpful errors, shown with state and reason, activated, edited, deleted."""

import pytest
from playwright.sync_api import expect
from tests.integration.dashboard.conftest import SIZES, SignIn, Visit, Watcher

from vigil_contracts.names import REASON_TEXTS, Reason

pytestmark = pytest.mark.timeout(300)  # on a busy machine the start of a backend alone takes a minute


@pytest.mark.parametrize("size", SIZES)
def test_adding_the_first_camera(sign_in: SignIn, size: str) -> None:
    with sign_in(size=SIZES[size]) as visit:
        page = visit.page
        expect(page.get_by_text("Add a camera first.")).to_be_visible()
        page.get_by_role("link", name="Add camera").click()
        page.get_by_role("textbox", name="Name").fill("Back door")
        page.get_by_label("RTSP URL").fill("http://192.0.2.7/stream")
        visit.problems.expected_statuses.add(422)
        page.get_by_role("button", name="Add camera").click()
        expect(page.get_by_role("alert")).to_have_text("RTSP URL must begin with rtsp:// or rtsps://")
        with visit.api() as api:
            assert api.get("/api/cameras/").json()["results"] == []
        page.get_by_label("RTSP URL").fill("rtsp://anna:hunter2@192.0.2.7/stream")
        page.get_by_role("button", name="Add camera").click()
        expect(page.get_by_role("heading", name="Back door")).to_be_visible()
        expect(page.get_by_role("main")).to_contain_text("rtsp://***@192.0.2.7/stream")
        expect(page.get_by_role("main")).to_contain_text(REASON_TEXTS[Reason.DETECTOR_NOT_REPORTING])
        assert "hunter2" not in page.content()


def test_error_names_its_field_and_the_correct_form(visit: Visit) -> None:
    page = visit.page
    visit.open("/dashboard/cameras/add/")
    visit.problems.expected_statuses.add(422)
    page.get_by_text("Detection", exact=True).click()
    page.get_by_label("Minimum confidence").fill("1.5")
    page.get_by_label("RTSP URL").fill("rtsp://host/stream")
    page.get_by_role("button", name="Add camera").click()
    expect(page.get_by_role("alert")).to_have_text("Name is required.")
    page.get_by_role("textbox", name="Name").fill("Gate")
    page.get_by_role("button", name="Add camera").click()
    expect(page.get_by_role("alert")).to_contain_text("Minimum confidence")
    expect(page.get_by_label("Minimum confidence")).to_be_visible()
    with visit.api() as api:
        assert api.get("/api/cameras/").json()["results"] == []


def test_camera_without_frames_shows_its_reason_first(visit: Visit, watcher: Watcher) -> None:
    fine = visit.server.add_camera(visit.user.token, name="A gate", rtsp_url="rtsp://192.0.2.7/1")
    broken = visit.server.add_camera(visit.user.token, name="Dock", rtsp_url="rtsp://192.0.2.7/2")
    watcher.report(fine, "Streaming", "Streaming")
    visit.open("/dashboard/")
    rows = visit.page.locator(".camera-row")
    expect(rows).to_have_count(2)
    watcher.report(broken, "Failed", "StreamUnauthorized")
    expect(rows.first).to_contain_text("Dock")
    expect(rows.first).to_contain_text(REASON_TEXTS[Reason.STREAM_UNAUTHORIZED])
    expect(rows.last).to_contain_text("Streaming")
    rows.first.click()
    expect(visit.page.get_by_role("main")).to_contain_text(REASON_TEXTS[Reason.STREAM_UNAUTHORIZED])


def test_deactivating_and_activating(visit: Visit) -> None:
    camera_id = visit.server.add_camera(visit.user.token, name="Gate", rtsp_url="rtsp://192.0.2.7/1")
    visit.open(f"/dashboard/cameras/{camera_id}/")
    visit.page.get_by_role("button", name="Deactivate").click()
    expect(visit.page.get_by_role("main")).to_contain_text(REASON_TEXTS[Reason.INACTIVE])
    with visit.api() as api:
        assert api.get(f"/api/cameras/{camera_id}/").json()["is_active"] is False
    visit.page.get_by_role("button", name="Activate").click()
    expect(visit.page.get_by_role("button", name="Deactivate")).to_be_visible()


def test_editing_keeps_the_credentials_and_deleting_needs_confirmation(visit: Visit, watcher: Watcher) -> None:
    camera_id = visit.server.add_camera(visit.user.token, name="Gate", rtsp_url="rtsp://anna:hunter2@192.0.2.7/1")
    page = visit.page
    visit.open(f"/dashboard/cameras/{camera_id}/edit/")
    expect(page.get_by_label("RTSP URL")).to_have_value("rtsp://***@192.0.2.7/1")
    page.get_by_role("textbox", name="Name").fill("Main gate")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("heading", name="Main gate")).to_be_visible()
    with visit.server.client(watcher.token) as client:
        configurations = {item["id"]: item for item in client.get("/api/active-cameras/").json()}
    assert configurations[camera_id]["rtsp_url"] == "rtsp://anna:hunter2@192.0.2.7/1"
    page.get_by_role("link", name="Edit").click()
    page.get_by_role("button", name="Delete").click()
    page.get_by_role("button", name="Cancel").click()
    page.get_by_role("button", name="Delete").click()
    page.get_by_role("button", name="Delete camera and alerts").click()
    page.wait_for_url("**/dashboard/")
    with visit.api() as api:
        assert api.get("/api/cameras/").json()["results"] == []
