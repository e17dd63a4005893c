"""Sign-in by a real OpenID provider in a real browser."""

import contextlib
import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect
from playwright.sync_api import Error as PlaywrightError
from tests.cluster.polling import eventually
from tests.integration.services.backend import BackendServer, backend_server
from tests.integration.services.browser import Problems
from tests.integration.services.openid import OpenIdProvider, openid_provider

# On a busy machine the start of a backend alone takes a minute.
pytestmark = pytest.mark.timeout(300)

CHECK_SECONDS = 5
SETUP = """
from django.contrib.auth.models import User
from vigil_apps.identity.services import mapping_create
from vigil_apps.sites.services import site_create
from surveillance.models import Camera
root = User.objects.create_superuser("root", password={password!r}, email="root@example.org")
site = site_create(user=root, name="Yard")
Camera.objects.create(user=root, name="Gate", rtsp_url="rtsp://192.0.2.6/1", site=site)
mapping_create(provider="main", group="guards", site=site, role="viewer")
mapping_create(provider="main", group="it", site=None, role="superuser")
"""


@dataclass
class Scene:
    """Vigil and its provider; `root` is a local superuser."""

    provider: OpenIdProvider
    server: BackendServer
    browser: Browser
    password: str

    def page(self) -> Page:
        """Return a page of a new browser profile."""
        page = self.browser.new_context(locale="en-GB").new_page()
        page.set_default_timeout(60_000)
        page.goto(f"{self.server.url}/dashboard/login/")
        return page

    def sign_in(self, page: Page, name: str) -> None:
        """Sign in at the provider."""
        page.get_by_role("button", name="Sign in with Example SSO").click()
        page.wait_for_url(f"{self.provider.url}/interaction/**")
        page.locator("input[name=login]").fill(name)
        page.locator("input[name=password]").fill("any")
        page.locator("button[type=submit]").click()
        page.wait_for_url(f"{self.server.url}/**")


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory, browser: Browser) -> Iterator[Scene]:
    folder: Path = tmp_path_factory.mktemp("identity")
    with openid_provider(folder / "provider") as provider:
        environment = {
            "VIGIL_IDENTITY_PROVIDERS_FILE": str(provider.providers_file(folder)),
            "VIGIL_IDENTITY_CHECK_SECONDS": str(CHECK_SECONDS),
        }
        with backend_server(folder / "vigil", environment=environment) as server:
            provider.set(origin=server.url)
            password = secrets.token_urlsafe(12)
            server.manage("shell", "--command", SETUP.format(password=password))
            yield Scene(provider, server, browser, password)


def test_sign_out_ends_the_session_at_the_provider(scene: Scene) -> None:
    scene.provider.set_person("ben", groups=["it"], email="ben@example.org", email_verified=True)
    page = scene.page()
    scene.sign_in(page, "ben")
    page.goto(f"{scene.server.url}/dashboard/settings/groups/")
    expect(page.get_by_role("cell", name="guards")).to_be_visible()
    page.get_by_role("button", name="Sign out").first.click()
    page.wait_for_url(f"{scene.provider.url}/session/end**")
    page.get_by_role("button", name="Yes, sign me out").click()
    page.wait_for_url(f"{scene.server.url}/dashboard/login/")
    page.get_by_role("button", name="Sign in with Example SSO").click()
    page.wait_for_url(f"{scene.provider.url}/interaction/**")  # it asks again
    page.context.close()


@pytest.mark.parametrize(
    ("claims", "state", "words"),
    [
        (
            {"email": "root@example.org", "email_verified": True},
            {},
            "Another account in Vigil uses your e-mail address. Sign in to it in the way you did before",
        ),
        ({}, {"skew_seconds": -900}, "The clocks of Example SSO and of this server differ by 15 minutes"),
        ({}, {"skew_seconds": 900}, "The clocks of Example SSO and of this server differ by 15 minutes"),
    ],
    ids=["address taken", "clock behind", "clock ahead"],
)
def test_failed_sign_in_says_why(
    scene: Scene, claims: dict[str, object], state: dict[str, object], words: str
) -> None:
    name = f"person-{secrets.token_hex(4)}"
    scene.provider.set_person(name, **claims)
    page = scene.page()
    try:
        scene.provider.set(**state)
        scene.sign_in(page, name)
        expect(page.get_by_role("alert")).to_contain_text(words)
        page.goto(f"{scene.server.url}/dashboard/")
        page.wait_for_url("**/dashboard/login/**")
    finally:
        scene.provider.set(skew_seconds=0)
        page.context.close()


def test_unverified_address_takes_over_nobody_and_a_signed_in_user_can_connect(scene: Scene) -> None:
    scene.provider.set_person("mallory", email="root@example.org", email_verified=False, preferred_username="root")
    page = scene.page()
    scene.sign_in(page, "mallory")
    page.goto(f"{scene.server.url}/dashboard/settings/groups/")
    expect(page.get_by_role("heading", name="Not allowed")).to_be_visible()
    page.context.close()

    scene.provider.set_person("rita")
    page = scene.page()
    page.locator("input[name=username]").fill("root")
    page.locator("input[name=password]").fill(scene.password)
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.goto(f"{scene.server.url}/dashboard/settings/sign-in/")
    page.get_by_role("button", name="Connect").click()
    page.wait_for_url(f"{scene.provider.url}/interaction/**")
    page.locator("input[name=login]").fill("rita")
    page.locator("input[name=password]").fill("any")
    page.locator("button[type=submit]").click()
    page.wait_for_url("**/dashboard/settings/sign-in/")
    expect(page.get_by_role("button", name="Disconnect")).to_be_visible()
    page.context.close()
    page = scene.page()
    scene.sign_in(page, "rita")
    page.goto(f"{scene.server.url}/dashboard/settings/groups/")
    expect(page.get_by_role("cell", name="guards")).to_be_visible()
    page.context.close()


# Last, since the backend checks no identity in its first 45 s: `background.SETTLING_SECONDS`.
def test_group_gives_access_until_it_is_removed(scene: Scene) -> None:
    """From the first sign-in to the end of an open stream, without another action of the user."""
    scene.provider.set_person("anna", groups=["guards"])
    page = scene.page()
    problems = Problems()
    problems.watch(page)
    scene.sign_in(page, "anna")
    expect(page).to_have_url(f"{scene.server.url}/dashboard/")
    page.goto(f"{scene.server.url}/dashboard/cameras/")
    expect(page.get_by_text("Gate").first).to_be_visible()
    page.goto(f"{scene.server.url}/dashboard/settings/groups/")
    expect(page.get_by_role("heading", name="Not allowed")).to_be_visible()
    problems.found.clear()  # the page above is a 403
    page.goto(f"{scene.server.url}/dashboard/cameras/")

    scene.provider.set_person("anna", groups=[])
    eventually(lambda: page.reload() is not None and page.get_by_text("Gate").count() == 0, timeout_seconds=90)

    cookies = {one["name"]: one["value"] for one in page.context.cookies(scene.server.url)}
    with (
        scene.server.client(cookies=cookies) as client,
        client.stream("GET", "/api/alerts/stream/", timeout=60) as stream,
    ):
        assert stream.status_code == httpx.codes.OK
        scene.provider.remove_person("anna")
        began = time.monotonic()
        for _ in stream.iter_raw():  # it ends when the backend ends it
            assert time.monotonic() - began < CHECK_SECONDS * 2 + 20
    # The page has a stream of its own, whose end leads it to the sign-in: perhaps just now, which aborts `goto`.
    with contextlib.suppress(PlaywrightError):
        page.goto(f"{scene.server.url}/dashboard/")
    page.wait_for_url("**/dashboard/login/**")
    page.context.close()
