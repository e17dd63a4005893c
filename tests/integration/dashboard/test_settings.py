"""Sites and roles, tokens, users, audit log, system, statistics, with and without permission."""

import time

import httpx
import pytest
from playwright.sync_api import expect
from tests.integration.dashboard.conftest import SignIn, UserPool, Visit, Watcher

pytestmark = pytest.mark.timeout(300)  # on a busy machine the start of a backend alone takes a minute


def test_site_is_created_shared_and_its_roles_changed(visit: Visit, users: UserPool) -> None:
    page = visit.page
    guest = users.take()
    visit.open("/dashboard/settings/")
    expect(page.get_by_role("heading", name="No sites yet")).to_be_visible()
    page.get_by_label("New site").fill("Harbour <north>")
    page.get_by_role("button", name="Create site").click()
    expect(page.get_by_role("heading", name="Harbour <north>")).to_be_visible()
    expect(page.get_by_role("button", name="Add member")).to_have_count(0)
    with visit.api() as api:
        site = api.get("/api/sites/").json()["results"][0]["id"]
    page.get_by_role("link", name="Invite", exact=True).click()
    page.get_by_role("button", name="Invite", exact=True).click()
    secret = page.locator("[data-secret]")
    expect(secret).not_to_be_empty()
    token = secret.inner_text().rstrip("/").rpartition("/")[2]
    with visit.server.client(guest.token) as client:
        assert client.get(f"/api/sites/{site}/").status_code == httpx.codes.NOT_FOUND, "not asked yet"
        assert client.post("/api/invitations/accept/", json={"token": token}).status_code == httpx.codes.OK
    visit.open("/dashboard/settings/")
    role = page.get_by_label(f"Role of {guest.username}")
    expect(role).to_have_value("viewer")
    with page.expect_navigation():
        role.select_option("operator")
    expect(page.get_by_label(f"Role of {guest.username}")).to_have_value("operator")
    visit.problems.expected_statuses.add(409)
    page.on("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name="Leave").click()
    expect(page.get_by_role("alert").filter(has_text="A site needs an admin")).to_be_visible()


def test_admin_sets_defaults_and_ceilings_for_the_recordings_of_a_site(visit: Visit) -> None:
    page = visit.page
    with visit.api() as api:
        site = api.post("/api/sites/", json={"name": "Yard", "recording": {"gigabytes": 200}}).json()["id"]
    visit.open("/dashboard/settings/")
    yard = page.get_by_role("region", name="Yard")
    expect(yard.get_by_label("Space per camera (GB)")).to_have_value("200")
    expect(yard.get_by_label("Keep for (days)")).to_have_attribute("placeholder", "7")
    yard.get_by_label("Record new cameras").select_option("motion")
    yard.get_by_label("Space per camera (GB)").fill("")
    yard.get_by_label("Keep for (days)").fill("20")
    yard.get_by_label("Days at most").fill("10")
    visit.problems.expected_statuses.add(400)
    yard.get_by_role("button", name="Save").click()
    expect(yard.get_by_role("alert").filter(has_text="Days at most must be at least days (20)")).to_be_visible()
    yard.get_by_label("Days at most").fill("30")
    with page.expect_navigation():
        yard.get_by_role("button", name="Save").click()
    with visit.api() as api:
        stored = api.get(f"/api/sites/{site}/").json()["recording"]
        camera = {"name": "Gate", "rtsp_url": "rtsp://192.0.2.9/1", "site": site}
        assert api.post("/api/cameras/", json=camera).json()["recording"]["mode"] == "motion"
    assert stored == {"mode": "motion", "days": 20, "gigabytes": None, "max_days": 30, "max_gigabytes": None}
    visit.open("/dashboard/settings/")
    expect(yard.get_by_label("Record new cameras")).to_have_value("motion")


def test_administrator_adds_members_directly(sign_in: SignIn, users: UserPool) -> None:
    guest = users.take()
    with sign_in(users.take(is_superuser=True)) as visit:
        with visit.api() as api:
            api.post("/api/sites/", json={"name": "Quay"})
        visit.open("/dashboard/settings/")
        quay = visit.page.get_by_role("region", name="Quay")
        visit.problems.expected_statuses.add(400)
        quay.get_by_role("textbox", name="User").fill("nobody-at-all")
        quay.get_by_role("button", name="Add member").click()
        expect(quay.get_by_role("alert").filter(has_text="User must be the name of an active user")).to_be_visible()
        quay.get_by_role("textbox", name="User").fill(guest.username)
        quay.get_by_role("button", name="Add member").click()
        expect(quay.get_by_label(f"Role of {guest.username}")).to_have_value("viewer")


def test_non_admins_can_only_view_members(visit: Visit, sign_in: SignIn, users: UserPool) -> None:
    guest = users.take()
    with visit.api() as api:
        site = api.post("/api/sites/", json={"name": "Yard"}).json()["id"]
        token = api.post("/api/invitations/", json={"site": site, "role": "operator"}).json()["token"]
    with visit.server.client(guest.token) as client:
        assert client.post("/api/invitations/accept/", json={"token": token}).status_code == httpx.codes.OK
    with sign_in(guest) as other:
        other.open("/dashboard/settings/")
        expect(other.page.get_by_role("heading", name="Yard")).to_be_visible()
        expect(other.page.get_by_role("button", name="Add member")).to_have_count(0)
        expect(other.page.get_by_role("link", name="Audit log")).to_have_count(0)
        for path in ("people", "audit", "system"):
            answer = other.page.request.get(f"{other.server.url}/dashboard/settings/{path}/")
            assert answer.status == httpx.codes.FORBIDDEN, path


def test_a_token_is_shown_once_works_and_is_revoked(visit: Visit) -> None:
    page = visit.page
    visit.open("/dashboard/settings/tokens/")
    page.get_by_label("Name").fill("Script")
    page.get_by_role("button", name="Create token").click()
    secret = page.locator("[data-secret]")
    expect(secret).not_to_be_empty()
    token = secret.inner_text()
    with visit.server.client(token) as client:
        assert client.get("/api/cameras/").status_code == httpx.codes.OK
        page.get_by_role("dialog").get_by_role("button", name="Done").click()
        row = page.get_by_role("row").filter(has_text="Script")
        expect(row).to_be_visible()
        assert token not in page.content()
        page.on("dialog", lambda dialog: dialog.accept())
        row.get_by_role("button", name="Revoke").click()
        expect(row).to_have_count(0)
        assert client.get("/api/cameras/").status_code == httpx.codes.UNAUTHORIZED


def test_administrator_invites_and_deactivates_an_account(sign_in: SignIn, users: UserPool) -> None:
    guest = users.take()
    with sign_in(users.take(is_superuser=True)) as visit:
        page = visit.page
        visit.open("/dashboard/settings/people/")
        page.get_by_label("Name").fill("Night shift")
        page.get_by_role("button", name="Invite").click()
        expect(page.locator("[data-secret]")).not_to_be_empty()
        link = page.locator("[data-secret]").inner_text()
        assert "/invitation/" in link
        page.get_by_role("dialog").get_by_role("button", name="Done").click()
        expect(page.get_by_role("row").filter(has_text="Night shift")).to_contain_text("Valid until")
        page.get_by_role("button", name=f"Deactivate {guest.username}").click()
        expect(page.get_by_role("button", name=f"Reactivate {guest.username}")).to_be_visible()
        with visit.server.client(guest.token) as client:
            assert client.get("/api/cameras/").status_code == httpx.codes.UNAUTHORIZED
        visit.open("/dashboard/settings/audit/?kind=user")
        expect(page.get_by_role("row").filter(has_text=guest.username).first).to_contain_text("is_active")
        visit.open("/dashboard/settings/system/")
        expect(page.get_by_role("main")).to_contain_text("SQLite")


def test_statistics_can_be_hovered_and_exported(visit: Visit, watcher: Watcher) -> None:
    page = visit.page
    camera_id = visit.server.add_camera(visit.user.token, name="Gate", rtsp_url="rtsp://192.0.2.7/1")
    if (until_full_hour := 3600 - time.time() % 3600) < 30:
        time.sleep(until_full_hour)  # all of it in one hour's step, and in the last
    for kind in ("person", "person", "fire"):
        watcher.send_alert(camera_id, alert_type=kind, picture=False)
    visit.open("/dashboard/statistics/?hours=24")
    chart = page.locator(".chart .u-over")
    box = chart.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] - 3, box["y"] + box["height"] / 2)
    expect(page.locator(".u-series").filter(has_text="Person")).to_contain_text("2")
    with page.expect_download() as download:
        page.get_by_role("button", name="CSV").click()
    lines = download.value.path().read_text().splitlines()
    assert lines[0] == '"time","Person","Fire"'
    assert lines[-1].endswith(",2,1")
    with page.expect_download() as download:
        page.get_by_role("button", name="PNG").click()
    assert download.value.path().read_bytes().startswith(b"\x89PNG")
    page.get_by_role("link", name="Fire").click()
    expect(page.locator("[data-alert]")).to_have_count(1)


def test_subscription_is_created_tested_turned_off_and_deleted(visit: Visit) -> None:
    page = visit.page
    visit.open("/dashboard/settings/notifications/")
    visit.problems.expected_statuses.add(400)
    page.get_by_label("Name").fill("Pager")
    page.get_by_label("Channel").select_option("webhook")
    page.get_by_role("textbox", name="URL").fill("ftp://example.org/x")
    page.get_by_role("button", name="Subscribe").click()
    expect(page.get_by_role("alert").filter(has_text="URL must ")).to_be_visible()
    page.get_by_role("textbox", name="URL").fill("https://receiver.example/hook?key=s3cret")
    page.get_by_role("button", name="Subscribe").click()
    page.get_by_role("dialog").get_by_role("button", name="Done").click()
    expect(page.get_by_role("heading", name="Pager")).to_be_visible()
    assert "s3cret" not in page.content()
    page.get_by_role("button", name="Send test: Pager").click()
    expect(page.get_by_role("row").filter(has_text="Test")).to_have_count(1)
    page.get_by_role("button", name="Turn off").click()
    expect(page.get_by_role("button", name="Turn on")).to_be_visible()
    page.on("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name="Delete").click()
    expect(page.get_by_role("heading", name="Pager")).to_have_count(0)


def test_event_stream_is_subscribed_with_the_fields_of_its_channel(visit: Visit) -> None:
    page = visit.page
    visit.open("/dashboard/settings/notifications/")
    visit.problems.expected_statuses.add(400)
    page.get_by_label("Name").fill("Data lake")
    page.get_by_label("Channel").select_option("kafka")
    expect(page.get_by_role("textbox", name="URL")).to_have_count(0)
    page.get_by_role("textbox", name="Brokers").fill("kafkas://vigil@broker.example:9093")
    page.get_by_role("textbox", name="Topic").fill("two words")
    page.get_by_role("button", name="Subscribe").click()
    problem = page.get_by_role("alert").filter(has_text="Brokers must contain a user and a password")
    expect(problem).to_contain_text("Topic must consist of letters")
    page.get_by_label("Channel").select_option("mqtt")
    page.get_by_role("textbox", name="Broker URL").fill("mqtts://vigil:s3cret@broker.example")
    page.get_by_role("textbox", name="Topic").fill("vigil/events")
    page.get_by_role("combobox", name="Content").select_option("cloudevents")
    page.get_by_role("button", name="Subscribe").click()
    expect(page.get_by_role("heading", name="Data lake")).to_be_visible()
    expect(page.get_by_text("MQTT · CloudEvents · mqtts://***@broker.example, vigil/events")).to_be_visible()
    assert "s3cret" not in page.content()
    with visit.api() as api:
        (stored,) = api.get("/api/notifications/").json()["results"]
    assert (stored["channel"], stored["format"], stored["target"]["topic"]) == ("mqtt", "cloudevents", "vigil/events")
    page.get_by_role("button", name="Send test: Data lake").click()
    expect(page.get_by_role("row").filter(has_text="Test")).to_have_count(1)
