"""Passkeys with the browser's own virtual authenticator, recovery codes, and an authenticator app."""

from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect
from tests.integration.dashboard.conftest import PHONE, SignIn, UserPool
from tests.unit.backend.totp_codes import totp

pytestmark = pytest.mark.timeout(300)

AUTHENTICATOR = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}
SECURITY = "/dashboard/settings/security/"


def require_accessible(page: Page) -> None:
    found = Axe().run(page).response["violations"]
    assert [item["id"] for item in found if item["impact"] in {"serious", "critical"}] == [], page.url
    width = page.evaluate("document.documentElement.scrollWidth")
    assert width <= PHONE["width"], f"{page.url} is {width} px wide"


def test_passkey_replaces_the_password_and_is_the_second_step(
    sign_in: SignIn, users: UserPool, tmp_path: Path
) -> None:
    user = users.take()
    with sign_in(anonymous=True, size=PHONE) as visit:
        page = visit.page
        site = visit.server.url.replace("127.0.0.1", "localhost")  # no browser creates a passkey for an IP address
        devtools = page.context.new_cdp_session(page)
        devtools.send("WebAuthn.enable")
        devtools.send("WebAuthn.addVirtualAuthenticator", {"options": AUTHENTICATOR})

        def enter_password(path: str) -> None:
            page.goto(f"{site}{path}")
            page.fill("#id_username", user.username)
            page.fill("#id_password", user.password)
            page.get_by_role("button", name="Sign in", exact=True).click()

        def sign_out() -> None:
            page.goto(f"{site}{SECURITY}")
            page.get_by_role("button", name="Sign out").click()
            expect(page).to_have_url(f"{site}/dashboard/login/")

        enter_password(SECURITY)
        page.get_by_role("link", name="Add passkey").click()
        expect(page.get_by_role("heading", name="Confirm that it is you")).to_be_visible()
        require_accessible(page)
        page.fill("#id_password", user.password)
        page.keyboard.press("Enter")
        page.get_by_label("Name").fill("Phone")
        require_accessible(page)
        page.get_by_role("button", name="Add", exact=True).click()

        expect(page.get_by_role("heading", name="Recovery codes")).to_be_visible()
        codes = page.get_by_role("list", name="Recovery codes").get_by_role("listitem").all_inner_texts()
        assert len(codes) == 10
        require_accessible(page)
        with page.expect_download() as download:
            page.get_by_role("link", name="Download").click()
        download.value.save_as(tmp_path / "codes.txt")
        assert (tmp_path / "codes.txt").read_text().split() == codes
        page.get_by_role("link", name="Done").click()
        page.get_by_role("link", name="Rename Phone").click()
        page.get_by_label("Name").fill("Hall phone")
        page.get_by_role("button", name="Save").click()
        expect(page.get_by_role("cell", name="Hall phone", exact=True)).to_be_visible()
        require_accessible(page)

        sign_out()
        require_accessible(page)
        page.get_by_role("button", name="Sign in with a passkey").click()
        expect(page.get_by_role("heading", name="Overview")).to_be_visible()
        expect(page.get_by_text("A passkey was added.")).to_be_visible()

        sign_out()
        enter_password("/dashboard/cameras/")
        expect(page.get_by_role("heading", name="Second step")).to_be_visible()
        require_accessible(page)
        page.get_by_role("button", name="Use a passkey").click()
        expect(page).to_have_url(f"{site}/dashboard/cameras/")

        page.goto(f"{site}{SECURITY}app/add/")
        page.get_by_role("link", name="Use a passkey").click()
        page.get_by_role("button", name="Use a passkey").click()
        expect(page.get_by_role("img", name="QR code with the key below")).to_be_visible()
        require_accessible(page)
        secret = page.locator(".secret").first.inner_text()
        page.get_by_label("Code of the app").fill(totp(secret))
        page.get_by_role("button", name="Add", exact=True).click()
        page.get_by_role("link", name="Remove Hall phone").click()
        page.get_by_role("button", name="Remove").click()
        expect(page.get_by_text("A passkey was removed.")).to_be_visible()
        sign_out()
        enter_password("/dashboard/login/")
        page.get_by_label("Code").fill(codes[0])
        page.get_by_role("button", name="Sign in", exact=True).click()
        expect(page.get_by_text("A recovery code was used.")).to_be_visible()
