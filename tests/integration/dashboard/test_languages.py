"""Pages in the viewer's language; the API always in English."""

import httpx
import pytest
from playwright.sync_api import expect
from tests.integration.dashboard.conftest import SignIn

# On a busy machine the start of a backend alone takes a minute.
pytestmark = pytest.mark.timeout(300)


def test_a_german_browser_sees_german_and_the_api_stays_english(sign_in: SignIn) -> None:
    with sign_in(locale="de-DE") as visit:
        expect(visit.page.locator("html")).to_have_attribute("lang", "de")
        expect(visit.page.get_by_role("heading", name="Übersicht")).to_be_visible()
        expect(visit.page.get_by_text("Noch keine Alarme")).to_be_visible()
        with visit.api() as api:
            answer = api.get("/api/cameras/999999/", headers={"Accept-Language": "de"})
        assert answer.status_code == httpx.codes.NOT_FOUND
        assert "nicht" not in answer.text
