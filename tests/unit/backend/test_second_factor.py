"""Second factors: set-up, sign-in, requirement by role, reset, notices and audit."""

import json
import re
import time
from collections.abc import Callable
from io import StringIO
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from cryptography.fernet import Fernet
from django.contrib.auth.models import User
from django.core import mail
from django.core.cache import cache
from django.core.management import CommandError, call_command
from django.test import Client
from pytest_django import Settings
from tests.unit.backend.conftest import Party
from tests.unit.backend.totp_codes import totp

from surveillance.credentials import decrypt
from vigil_apps.accounts.models import AuthToken
from vigil_apps.audit.models import AuditEntry
from vigil_apps.second_factor.models import FactorNotice
from vigil_apps.second_factor.requirement import Holder, Person, Step, is_required, next_step
from vigil_apps.second_factor.services import policy_set
from vigil_apps.second_factor.single_use import matching_step
from vigil_apps.sites.models import Site

PASSWORD = "correct horse battery"
SECURITY = "/dashboard/settings/security/"
Commit = Callable[..., Any]


@pytest.fixture
def browser(db: None, django_capture_on_commit_callbacks: Commit) -> Client:
    """A browser whose requests run what waits for a commit, as outside of tests."""

    class Committing(Client):
        def request(self, **request: Any) -> Any:
            with django_capture_on_commit_callbacks(execute=True):
                return super().request(**request)

    return Committing()


def sign_in(browser: Client, username: str = "anna") -> Any:
    return browser.post("/dashboard/login/", {"username": username, "password": PASSWORD})


def confirm(browser: Client, body: dict[str, str], way: str = "password") -> None:
    answer = browser.post(f"{SECURITY}confirm/{way}/", body)
    assert answer.status_code == 302, answer.content.decode()


def add_app(browser: Client) -> str:
    """Add an authenticator app for the signed-in user and return its secret."""
    confirm(browser, {"password": PASSWORD})
    page = browser.get(f"{SECURITY}app/add/").content.decode()
    found = re.search(r'secret mono" tabindex="0">([A-Z2-7]{32})<', page)
    assert found is not None
    answer = browser.post(f"{SECURITY}app/add/", {"code": totp(found[1])})
    assert (answer.status_code, answer["Location"]) == (302, f"{SECURITY}codes/")
    return found[1]


def recovery_codes(browser: Client) -> list[str]:
    return re.findall(r"<li>(\d{8})</li>", browser.get(f"{SECURITY}codes/").content.decode())


def test_sign_in_asks_for_a_code_that_works_once(anna: Party, browser: Client) -> None:
    sign_in(browser)
    secret = add_app(browser)
    other = Client()
    asked = sign_in(other)
    assert (asked.status_code, asked["Location"]) == (302, "/dashboard/login/code/")
    assert other.get("/dashboard/").status_code == 302, "signed in without the second step"
    wrong = other.post("/dashboard/login/code/", {"code": "000000"})
    assert "Incorrect code." in wrong.content.decode()
    code = totp(secret, steps_ahead=1)
    assert other.post("/dashboard/login/code/", {"code": code})["Location"] == "/dashboard/"
    assert other.get("/dashboard/").status_code == 200

    cache.clear()  # as in another process without Redis
    thief = Client()
    sign_in(thief)
    assert "Incorrect code." in thief.post("/dashboard/login/code/", {"code": code}).content.decode()
    assert thief.get("/dashboard/").status_code == 302


def test_secrets_are_encrypted_and_rotated(anna: Party, browser: Client, settings: Settings) -> None:
    sign_in(browser)
    confirm(browser, {"password": PASSWORD})
    browser.get(f"{SECURITY}app/add/")
    pending = decrypt(browser.session["mfa.totp.secret"])
    assert pending not in json.dumps(dict(browser.session.items()))
    secret = add_app(browser)
    assert secret not in json.dumps(list(Authenticator.objects.values_list("data", flat=True)))

    old = settings.VIGIL_CREDENTIAL_KEYS
    settings.VIGIL_CREDENTIAL_KEYS = (Fernet.generate_key().decode(), *old)
    output = StringIO()
    call_command("rotate_credentials", stdout=output)
    assert "second factor: 2 encrypted with the first key" in output.getvalue()
    settings.VIGIL_CREDENTIAL_KEYS = settings.VIGIL_CREDENTIAL_KEYS[:1]
    assert decrypt(Authenticator.objects.get(type="totp").data["secret"]) == secret

    settings.VIGIL_CREDENTIAL_KEYS = (Fernet.generate_key().decode(),)
    lost = Client()
    sign_in(lost)
    answer = lost.post("/dashboard/login/code/", {"code": totp(secret, steps_ahead=1)})
    assert "The stored second factor cannot be read" in answer.content.decode()


def test_recovery_codes_are_shown_once_and_work_once(anna: Party, browser: Client) -> None:
    sign_in(browser)
    add_app(browser)
    page = browser.get(f"{SECURITY}codes/").content.decode()
    codes = re.findall(r"<li>(\d{8})</li>", page)
    assert len(codes) == 10
    assert f"data:text/plain;charset=utf-8,{codes[0]}%0A{codes[1]}%0A" in page
    assert recovery_codes(browser) == []

    for attempt, location in enumerate(["/dashboard/", None]):
        other = Client()
        sign_in(other)
        answer = other.post("/dashboard/login/code/", {"code": codes[0]})
        assert answer.headers.get("Location") == location, attempt
    assert FactorNotice.objects.filter(user=anna.user, change="code_used").count() == 1
    entry = AuditEntry.objects.filter(kind="second factor", action="changed").get()
    assert (entry.changes, entry.object_id) == ({"used_codes": [0, 1]}, str(anna.user.pk))


def test_wrong_codes_lock_like_wrong_passwords(anna: Party, browser: Client) -> None:
    sign_in(browser)
    secret = add_app(browser)
    other = Client()
    sign_in(other)
    statuses = []
    for _ in range(11):
        cache.clear()  # the limits of allauth are in the memory of each process
        statuses.append(other.post("/dashboard/login/code/", {"code": "12345678"}).status_code)
    assert statuses == [200] * 9 + [429, 200]
    cache.clear()
    answer = other.post("/dashboard/login/code/", {"code": totp(secret, steps_ahead=1)})
    assert "Too many wrong codes for this user name from here." in answer.content.decode()
    assert other.get("/dashboard/").status_code == 302


def test_removal_is_confirmed_by_the_factor(anna: Party, browser: Client) -> None:
    sign_in(browser)
    secret = add_app(browser)
    session = browser.session
    for record in session["account_authentication_methods"]:
        record["at"] -= 3600
    session.save()
    asked = browser.post(f"{SECURITY}app/remove/")
    assert asked["Location"].startswith(f"{SECURITY}confirm/code/?next="), "the password is not enough"
    confirm(browser, {"code": totp(secret, steps_ahead=1)}, "code")
    assert browser.post(f"{SECURITY}app/remove/").status_code == 302
    assert not Authenticator.objects.exists()
    changes = list(FactorNotice.objects.order_by("id").values_list("change", flat=True))
    assert sorted(changes) == ["codes_created", "codes_removed", "totp_added", "totp_removed"]
    actions = AuditEntry.objects.filter(kind="second factor").values_list("action", flat=True)
    assert sorted(actions) == ["created", "created", "deleted", "deleted"]
    assert "The authenticator app was removed." in browser.get("/dashboard/").content.decode()
    browser.post(f"{SECURITY}dismiss/")
    assert "The authenticator app was removed." not in browser.get("/dashboard/").content.decode()


def test_passkey_is_renamed_and_removed(anna: Party, browser: Client) -> None:
    """The browser's test creates a real one."""
    sign_in(browser)
    confirm(browser, {"password": PASSWORD})
    passkey = Authenticator.objects.create(user=anna.user, type="webauthn", data={"name": "Phone", "credential": {}})
    session = browser.session
    session["account_authentication_methods"] += [{"method": "mfa", "at": time.time(), "reauthenticated": True}]
    session.save()
    path = f"{SECURITY}passkeys/{passkey.pk}"
    assert 'value="Phone"' in browser.get(f"{path}/rename/").content.decode()
    assert browser.post(f"{path}/rename/", {"name": "Hall"})["Location"] == SECURITY
    assert "Hall" in browser.get(f"{path}/remove/").content.decode()
    assert browser.post(f"{path}/remove/")["Location"] == SECURITY
    assert not Authenticator.objects.exists()
    assert "A passkey was removed." in browser.get(SECURITY).content.decode()


def test_user_is_told_by_mail(anna: Party, browser: Client, settings: Settings) -> None:
    settings.EMAIL_HOST = "mail.example"
    User.objects.filter(pk=anna.user.pk).update(email="anna@example.org")
    sign_in(browser)
    secret = add_app(browser)
    text = next(message.body for message in mail.outbox if "authenticator app was added" in message.body)
    assert "Account: anna." in text
    assert "If this was not you, tell an administrator at once." in text
    assert secret not in "".join(str(message.message()) for message in mail.outbox)


def test_required_role_sets_up_a_factor_and_can_do_nothing_before(root: Party, browser: Client) -> None:
    policy_set(required_for={Holder.SUPERUSER}, after_single_sign_on=False)
    sign_in(browser, "root")
    for path in ("/dashboard/", "/dashboard/settings/tokens/", "/admin/", "/dashboard/cameras/live/"):
        assert browser.get(path).headers.get("Location") == SECURITY, path
    refused = browser.post("/api/tokens/", {"name": "x"}, content_type="application/json")
    assert (refused.status_code, refused.json()) == (
        403,
        {"detail": "Your role requires a second factor. Sign in to the dashboard and set one up."},
    )
    basic = browser.get("/api/cameras/", headers={"authorization": "Basic cm9vdDp4"})
    assert basic.status_code == 401, "another header does not let the session in"
    assert browser.get("/api/cameras/", headers={"authorization": f"Token {root.token}"}).status_code == 200
    assert "Your role requires a second factor." in browser.get(SECURITY).content.decode()
    add_app(browser)
    assert browser.get("/dashboard/").status_code == 200
    assert len(recovery_codes(browser)) == 10
    assert browser.get("/api/cameras/").status_code == 200


def test_requirement_does_not_reach_other_roles(anna: Party, browser: Client) -> None:
    policy_set(required_for={Holder.SUPERUSER, Holder.SITE_ADMIN}, after_single_sign_on=False)
    sign_in(browser)
    assert browser.get("/dashboard/").status_code == 200


def test_session_that_skipped_the_second_step_must_take_it(anna: Party, browser: Client) -> None:
    """Any door into a session, such as an invitation, ends at the same check."""
    sign_in(browser)
    secret = add_app(browser)
    other = Client()
    other.force_login(anna.user)
    asked = other.get("/dashboard/cameras/")
    assert asked["Location"] == f"{SECURITY}confirm/code/?next=%2Fdashboard%2Fcameras%2F"
    assert other.get("/api/cameras/").status_code == 403
    assert other.get(SECURITY).status_code == 302
    done = other.post(asked["Location"], {"code": totp(secret, steps_ahead=1)})
    assert done["Location"] == "/dashboard/cameras/"
    assert other.get("/dashboard/cameras/").status_code == 200


def test_proxy_is_responsible_unless_the_administrator_says_otherwise(
    anna: Party, browser: Client, settings: Settings
) -> None:
    settings.VIGIL_REMOTE_USER_HEADER = "X-Forwarded-User"
    after = settings.MIDDLEWARE.index("django.contrib.auth.middleware.AuthenticationMiddleware") + 1
    proxy = "vigil_apps.accounts.single_sign_on"
    settings.MIDDLEWARE = [
        *settings.MIDDLEWARE[:after],
        f"{proxy}.ProxyUserMiddleware",
        *settings.MIDDLEWARE[after:],
    ]
    settings.AUTHENTICATION_BACKENDS = [*settings.AUTHENTICATION_BACKENDS, f"{proxy}.ProxyUserBackend"]
    header = {"x-forwarded-user": "root2"}
    User.objects.create_user("root2", is_superuser=True)
    policy_set(required_for={Holder.SUPERUSER}, after_single_sign_on=False)
    assert Client().get("/dashboard/", headers=header).status_code == 200
    policy_set(required_for={Holder.SUPERUSER}, after_single_sign_on=True)
    asked = browser.get("/dashboard/", headers=header)
    assert asked["Location"] == SECURITY
    page = browser.get(f"{SECURITY}app/add/", headers=header)
    assert page.status_code == 200, "without a password, the first factor needs no confirmation"


def test_administrator_resets_factors_and_requires_them(
    anna: Party, root: Party, browser: Client, django_capture_on_commit_callbacks: Commit
) -> None:
    sign_in(browser)
    add_app(browser)
    admin = Client()
    sign_in(admin, "root")
    path = f"/dashboard/settings/people/{anna.user.pk}/reset-second-factor/"
    asked = admin.post(path)
    assert asked["Location"].startswith(f"{SECURITY}confirm/password/")
    confirm(admin, {"password": PASSWORD})
    assert admin.post(path)["Location"] == "/dashboard/settings/people/"
    assert not Authenticator.objects.filter(user=anna.user).exists()
    assert FactorNotice.objects.filter(user=anna.user, change="reset").count() == 1
    entry = AuditEntry.objects.filter(kind="second factor", action="deleted").first()
    assert entry is not None
    assert entry.actor_name == "root"

    admin.post("/dashboard/settings/second-factor/", {"required_for": ["admin", "nonsense"]})
    policy = AuditEntry.objects.filter(kind="second factor policy").latest("id")
    assert policy.changes["required_for"][1] == ["admin"]
    assert "checked" in admin.get("/dashboard/settings/people/").content.decode()


def test_requirement_and_reset_by_the_api(anna: Party, root: Party, browser: Client) -> None:
    sign_in(browser)
    add_app(browser)
    changed = root.client.patch("/api/second-factor/policy/", {"required_for": ["admin", "superuser"]})
    expected = {"required_for": ["superuser", "admin"], "after_single_sign_on": False}
    assert (changed.status_code, changed.json()) == (200, expected)
    assert root.client.get("/api/second-factor/policy/").json() == expected
    wrong = root.client.patch("/api/second-factor/policy/", {"required_for": ["boss"]})
    assert wrong.json() == {"required_for": {"0": ['"boss" is not a valid choice.']}}
    factors = f"/api/users/{anna.user.pk}/second-factor/"
    assert [factor["type"] for factor in root.client.get(factors).json()] == ["totp", "recovery_codes"]
    policy_set(required_for=(), after_single_sign_on=False)
    session = Client()
    session.force_login(root.user)
    assert session.get("/api/cameras/").status_code == 200
    assert session.delete(factors).status_code == 401, "a browser must confirm it in the dashboard"
    assert root.client.delete(factors).status_code == 204
    assert root.client.get(factors).json() == []


def test_only_superusers_administer_factors(anna: Party, site: Site, browser: Client) -> None:
    sign_in(browser)
    confirm(browser, {"password": PASSWORD})
    for path in ("second-factor/", f"people/{anna.user.pk}/reset-second-factor/"):
        assert browser.post(f"/dashboard/settings/{path}").status_code == 403, path


def test_command_lets_the_last_administrator_in(root: Party, browser: Client) -> None:
    policy_set(required_for={Holder.SUPERUSER}, after_single_sign_on=False)
    sign_in(browser, "root")
    add_app(browser)
    output = StringIO()
    call_command("reset_second_factor", "--username", "root", "--lift-requirement", stdout=output)
    assert output.getvalue().splitlines() == [
        "user root: 2 second factors deleted",
        "no role requires a second factor",
    ]
    other = Client()
    sign_in(other, "root")
    assert other.get("/dashboard/").status_code == 200
    with pytest.raises(CommandError, match="--username: there is no user 'nobody'"):
        call_command("reset_second_factor", "--username", "nobody")


def test_token_by_password_needs_the_code(anna: Party, browser: Client) -> None:
    sign_in(browser)
    secret = add_app(browser)
    body = {"username": "anna", "password": PASSWORD}
    missing = Client().post("/api/token/", body, content_type="application/json")
    assert missing.status_code == 400
    assert missing.json()["code"][0].startswith("This account has a second factor: send the code")
    wrong = Client().post("/api/token/", body | {"code": "000000"}, content_type="application/json")
    assert (wrong.status_code, wrong.json()) == (400, {"code": ["Incorrect code."]})
    code = totp(secret, steps_ahead=1)
    given = Client().post("/api/token/", body | {"code": code}, content_type="application/json")
    assert given.status_code == 200
    again = Client().post("/api/token/", body | {"code": code}, content_type="application/json")
    assert again.status_code == 400
    assert AuthToken.objects.filter(user=anna.user).count() == 2


def test_token_by_password_is_refused_until_a_required_factor_is_set_up(root: Party) -> None:
    policy_set(required_for={Holder.SUPERUSER}, after_single_sign_on=False)
    body = {"username": "root", "password": PASSWORD}
    refused = Client().post("/api/token/", body, content_type="application/json")
    assert (refused.status_code, list(refused.json())) == (400, ["code"])
    assert "set one up" in refused.json()["code"][0]


@pytest.mark.parametrize("host", ["127.0.0.1:8000", "[::1]:8000", "vigil.example"])
def test_passkeys_are_offered_only_where_browsers_create_them(anna: Party, browser: Client, host: str) -> None:
    """Over HTTP; `localhost` and HTTPS are in the browser's test."""
    sign_in(browser)
    page = browser.get(SECURITY, headers={"host": host})
    if page.status_code == 200:
        assert "Passkeys need HTTPS and a host name." in page.content.decode()


@pytest.mark.parametrize(
    ("person", "required_for", "expected"),
    [
        (Person(True, False, frozenset()), {"superuser"}, True),
        (Person(False, True, frozenset()), {"superuser"}, False),
        (Person(False, True, frozenset()), {"staff"}, True),
        (Person(False, False, frozenset({"viewer", "admin"})), {"admin"}, True),
        (Person(False, False, frozenset({"viewer"})), {"admin", "operator"}, False),
        (Person(True, True, frozenset({"admin"})), set(), False),
    ],
)
def test_requirement_by_role(person: Person, required_for: set[str], expected: bool) -> None:
    assert is_required(person, required_for=required_for) is expected


@pytest.mark.parametrize(
    ("has_factor", "is_verified", "is_needed", "is_vouched_for", "expected"),
    [
        (False, False, False, False, Step.NONE),
        (False, False, True, False, Step.SET_UP),
        (True, False, False, False, Step.VERIFY),
        (True, True, True, False, Step.NONE),
        (True, False, True, True, Step.NONE),
    ],
)
def test_next_step(
    has_factor: bool, is_verified: bool, is_needed: bool, is_vouched_for: bool, expected: Step
) -> None:
    step = next_step(
        has_factor=has_factor, is_verified=is_verified, is_needed=is_needed, is_vouched_for=is_vouched_for
    )
    assert step is expected


def test_earlier_code_is_not_accepted_after_a_later_one() -> None:
    secret = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"  # of RFC 6238, appendix B
    assert totp(secret, now=59) == "287082"
    steps = (0, 1, 2)
    assert matching_step(secret, "287082", steps, last=-1) == 1
    assert matching_step(secret, "287 082", steps, last=0) == 1
    assert matching_step(secret, "287082", steps, last=1) is None
    assert matching_step(secret, "２８７０８２", steps, last=-1) is None
