"""The backend as a client of a real OpenID provider: accounts, links, groups, refusals and failures."""

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from django.contrib.auth.models import User
from django.core.cache import cache
from django.test import Client
from django.utils import timezone
from tests.integration.services.openid import OpenIdProvider, openid_provider

from vigil_apps.identity.checks import identities_check
from vigil_apps.identity.core.providers import Provider, allauth_app, read_providers
from vigil_apps.identity.models import Identity
from vigil_apps.identity.services import mapping_create
from vigil_apps.sites.models import Membership, Site

ORIGIN = "http://testserver"
START = "/accounts/oidc/main/login/"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenIdProvider]:
    with openid_provider(tmp_path_factory.mktemp("provider")) as provider:
        provider.set(origin=ORIGIN)
        yield provider


@pytest.fixture
def sso(running: OpenIdProvider, settings: Any, db: None, tmp_path: Any) -> OpenIdProvider:
    """The provider, and a backend that knows it."""
    configured = read_providers(running.providers_file(tmp_path))
    settings.SECURE_SSL_REDIRECT = False
    use(settings, configured["main"])
    running.set(skew_seconds=0, refresh_tokens=True)
    cache.clear()
    return running


def use(settings: Any, provider: Provider) -> None:
    settings.VIGIL_IDENTITY_PROVIDERS = {"main": provider}
    settings.SOCIALACCOUNT_PROVIDERS = {"openid_connect": {"APPS": [allauth_app(provider)]}}


def change(settings: Any, **changes: Any) -> None:
    provider = settings.VIGIL_IDENTITY_PROVIDERS["main"]
    changed = provider.model_copy(update=changes)
    use(settings, changed)


def walk(browser: Client, sso: OpenIdProvider, name: str, **form: str) -> Any:
    """Sign in at the provider, and return the backend's answer to the callback."""
    page = browser.post(START, form)
    assert page.status_code == 200, page.content.decode()
    found = re.search(r'http-equiv="refresh" content="0;url=([^"]+)"', page.content.decode())
    assert found is not None
    url = found[1].replace("&amp;", "&")
    assert "code_challenge_method=S256" in url
    with httpx.Client(follow_redirects=True, timeout=20) as at_provider:
        form_page = at_provider.get(url)
        action = re.search(r'action="([^"]+)"', form_page.text)
        assert action is not None, form_page.text
        answer = at_provider.post(
            action[1],
            data={"prompt": "login", "login": name, "password": "any"},
            follow_redirects=False,
        )
        while not (location := answer.headers.get("location", "")).startswith(ORIGIN):
            answer = at_provider.get(str(answer.url.join(location)), follow_redirects=False)
    parts = urlsplit(location)
    return browser.get(f"{parts.path}?{parts.query}")


def text(answer: Any) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", answer.content.decode()).split())


def check(seconds: int = 300) -> None:
    identities_check(clock=lambda: timezone.now() + timedelta(seconds=seconds))


def test_account_role_and_removal_of_the_group(sso: OpenIdProvider) -> None:
    site = Site.objects.create(name="Yard")
    mapping_create(provider="main", group="guards", site=site, role="operator")
    sso.set_person("anna", groups=["guards"], email="anna@example.org", email_verified=True)
    browser = Client()
    answer = walk(browser, sso, "anna", next="/dashboard/cameras/")
    assert (answer.status_code, answer["Location"]) == (302, "/dashboard/cameras/"), text(answer)
    user = User.objects.get(username="anna")
    assert (user.email, user.has_usable_password()) == ("anna@example.org", False)
    assert Membership.objects.get(user=user).role == "operator"
    first = Identity.objects.get().refresh_token

    check()
    assert Membership.objects.filter(user=user).exists()
    assert Identity.objects.get().refresh_token != first, "the provider rotates refresh tokens"
    check(600)  # the rotated one is accepted
    sso.set_person("anna", groups=["visitors"])
    check(900)
    assert not Membership.objects.filter(user=user).exists()
    assert browser.get("/dashboard/").status_code == 200, "the account itself is still valid"

    sso.remove_person("anna")
    check(1200)
    assert browser.get("/dashboard/").status_code == 302


def test_second_sign_in_finds_the_account_by_its_subject(sso: OpenIdProvider) -> None:
    sso.set_person("anna")
    walk(Client(), sso, "anna")
    sso.set_person("anna", preferred_username="anna.b", email="new@example.org", email_verified=True)
    walk(Client(), sso, "anna")
    assert list(User.objects.values_list("username", flat=True)) == ["anna"]


def test_name_or_unverified_address_takes_over_nobody(sso: OpenIdProvider) -> None:
    root = User.objects.create_superuser("root", email="root@example.org")
    sso.set_person("mallory", preferred_username="root", email="root@example.org", email_verified=False)
    browser = Client()
    assert walk(browser, sso, "mallory").status_code == 302
    made = User.objects.exclude(pk=root.pk).get()
    assert browser.session["_auth_user_id"] == str(made.pk)
    assert (made.username != "root", made.email, made.is_superuser) == (True, "", False)


def test_verified_address_links_only_where_the_administrator_allows_it(sso: OpenIdProvider, settings: Any) -> None:
    root = User.objects.create_superuser("root", email="Root@example.org")
    sso.set_person("rita", email="root@example.org", email_verified=True)
    browser = Client()
    answer = walk(browser, sso, "rita")
    assert answer.status_code == 403
    assert "Another account in Vigil uses your e-mail address" in text(answer)
    assert "_auth_user_id" not in browser.session
    change(settings, link_by_verified_email=True)
    assert walk(browser, sso, "rita").status_code == 302
    assert browser.session["_auth_user_id"] == str(root.pk)
    # Another subject with the same address, for example of a re-used mailbox, does not get the account, too.
    sso.set_person("second", email="root@example.org", email_verified=True)
    assert walk(Client(), sso, "second").status_code == 403


def test_signed_in_user_connects_and_disconnects(sso: OpenIdProvider) -> None:
    user = User.objects.create_user("anna", password="correct horse battery")
    site = Site.objects.create(name="Yard")
    mapping_create(provider="main", group="guards", site=site, role="viewer")
    sso.set_person("a-17", groups=["guards"])
    browser = Client()
    browser.force_login(user)
    answer = walk(browser, sso, "a-17", process="connect")
    assert (answer.status_code, answer["Location"]) == (302, "/dashboard/settings/sign-in/")
    assert Membership.objects.get(user=user).role == "viewer"
    other = Client()
    walk(other, sso, "a-17")
    assert other.session["_auth_user_id"] == str(user.pk)
    stranger = Client()
    stranger.force_login(User.objects.create_user("ben"))
    walk(stranger, sso, "a-17", process="connect")
    assert Identity.objects.get().user == user, "an identity stays with its user"

    page = browser.get("/dashboard/settings/sign-in/").content.decode()
    path = re.search(r'action="(/dashboard/settings/sign-in/\d+/disconnect/)"', page)
    assert path is not None
    assert browser.post(path[1]).status_code == 302
    assert not Identity.objects.exists()
    assert not Membership.objects.filter(user=user).exists()
    assert other.get("/dashboard/").status_code == 302, "the sessions of the identity end"


@pytest.mark.parametrize(
    ("changes", "state", "words"),
    [
        ({"create_accounts": False}, {}, "You have no account in Vigil. Ask an administrator for an invitation"),
        ({"allowed_groups": ("staff",)}, {}, "is in no group that may use Vigil"),
        ({}, {"skew_seconds": 900}, "The clocks of Example SSO and of this server differ by 15 minutes"),
        ({}, {"skew_seconds": -7200}, "The clocks of Example SSO and of this server differ by 120 minutes"),
    ],
    ids=["no account", "no group", "clock ahead", "clock behind"],
)
def test_refused_sign_in_says_why(
    sso: OpenIdProvider, settings: Any, changes: dict[str, Any], state: dict[str, Any], words: str
) -> None:
    sso.set_person("anna", groups=["guests"])
    change(settings, **changes)
    sso.set(**state)
    browser = Client()
    answer = walk(browser, sso, "anna")
    assert answer.status_code == 403
    assert words in text(answer)
    assert not User.objects.exists()
    assert "_auth_user_id" not in browser.session


def test_small_clock_skew_is_tolerated(sso: OpenIdProvider) -> None:
    sso.set_person("anna")
    for seconds in (-120, 120):
        sso.set(skew_seconds=seconds)
        assert walk(Client(), sso, "anna").status_code == 302


def test_wrong_client_secret(sso: OpenIdProvider, settings: Any, caplog: pytest.LogCaptureFixture) -> None:
    """It is no refusal of the users: those who are signed in stay."""
    sso.set_person("anna")
    browser = Client()
    walk(browser, sso, "anna")
    provider = settings.VIGIL_IDENTITY_PROVIDERS["main"]
    broken = provider.model_copy()
    broken._client_secret = type(provider.client_secret)("another-s3cret")
    use(settings, broken)
    check()
    assert browser.get("/dashboard/").status_code == 200
    answer = walk(Client(), sso, "anna")
    assert (answer.status_code, "Example SSO refused the sign-in" in text(answer)) == (403, True)
    assert "invalid_client" in caplog.text
    assert "s3cret" not in caplog.text + text(answer)


def test_unreachable_provider_and_wrong_issuer(sso: OpenIdProvider, settings: Any) -> None:
    change(settings, issuer="http://127.0.0.1:9")
    answer = Client().post(START)
    assert (answer.status_code, "Example SSO cannot be reached" in text(answer)) == (403, True)
    cache.clear()
    change(settings, issuer=sso.url.replace("127.0.0.1", "localhost"))
    answer = Client().post(START)
    assert "reports another issuer than the one configured" in text(answer)


def test_cancelled_late_and_foreign_callbacks(sso: OpenIdProvider) -> None:
    callback = f"{START}callback/"
    for query in ("code=x&state=y", "code=x", ""):
        answer = Client().get(f"{callback}?{query}")
        assert (answer.status_code, "took too long" in text(answer)) == (403, True)
    browser = Client()
    page = browser.post(START).content.decode()
    state = re.search(r"state=(\w+)", page)
    assert state is not None
    answer = browser.get(f"{callback}?error=access_denied&state={state[1]}")
    assert "was cancelled" in text(answer)
    assert Client().get(START).status_code == 405, "a link elsewhere must not start a sign-in"
    assert Client().post("/accounts/oidc/none/login/").status_code == 404


def test_provider_without_refresh_tokens_ends_the_session_with_the_access_token(sso: OpenIdProvider) -> None:
    sso.set(refresh_tokens=False)
    sso.set_person("anna")
    browser = Client()
    walk(browser, sso, "anna")
    check(1800)
    assert browser.get("/dashboard/").status_code == 200
    check(2 * 3600)
    assert browser.get("/dashboard/").status_code == 302


def test_sign_out_continues_at_the_provider(sso: OpenIdProvider) -> None:
    sso.set_person("anna")
    browser = Client()
    walk(browser, sso, "anna")
    page = browser.post("/dashboard/logout/").content.decode()
    assert f"url={sso.url}/session/end?id_token_hint=" in page
    assert "post_logout_redirect_uri=http%3A%2F%2Ftestserver%2Fdashboard%2Flogin%2F" in page
    assert browser.get("/dashboard/").status_code == 302
