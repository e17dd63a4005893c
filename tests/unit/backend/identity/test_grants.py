"""What mappings give and take away; roles given by hand stay."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlencode

import pytest
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client, RequestFactory
from django.utils import timezone
from rest_framework.test import APIClient
from tests.unit.backend.conftest import Party

from vigil_apps.accounts.invitations import NO_LOCAL_ACCOUNTS
from vigil_apps.audit.models import AuditEntry
from vigil_apps.identity import checks
from vigil_apps.identity.adapter import IdentityAdapter
from vigil_apps.identity.core.problems import SignInProblemError
from vigil_apps.identity.core.providers import Provider
from vigil_apps.identity.models import GroupMapping, Identity, PasswordException, SystemGrant
from vigil_apps.identity.openid import RefusedError, UnavailableError
from vigil_apps.identity.services import (
    Tokens,
    identity_delete,
    identity_end,
    identity_groups_set,
    identity_record,
    mapping_create,
    mapping_delete,
    session_bind,
)
from vigil_apps.sites.models import Membership, Site
from vigil_apps.sites.roles import Role
from vigil_apps.sites.services import MappedMemberError, member_remove, member_set

PASSWORD = "correct horse battery"
SSO = Provider(id="sso", name="Example SSO", issuer="https://sso.example", client_id="vigil")


@pytest.fixture
def site(root: Party) -> Site:
    return Site.objects.create(name="Yard")


@pytest.fixture
def user(make_user: Callable[..., User]) -> User:
    return make_user("mia")


def signed_in(user: User, *groups: str, provider: str = "sso") -> Identity:
    return identity_record(
        user=user,
        provider=provider,
        subject=f"subject of {user}",
        groups=groups,
        tokens=Tokens("access-t0ken", None, "refresh-t0ken"),
        now=timezone.now(),
    )


def role_in(site: Site, user: User) -> str | None:
    found = Membership.objects.filter(site=site, user=user).first()
    return found.role if found else None


def flags(user: User) -> tuple[bool, bool]:
    stored = User.objects.get(pk=user.pk)
    return stored.is_staff, stored.is_superuser


def test_role_comes_and_goes_with_the_group(site: Site, user: User) -> None:
    mapping_create(provider="sso", group="guards", site=site, role="operator")
    identity = signed_in(user, "guards")
    assert role_in(site, user) == "operator"
    identity_groups_set(identity=identity, groups=[])
    assert role_in(site, user) is None
    identity_groups_set(identity=identity, groups=["guards"])
    identity_end(identity=identity)
    assert role_in(site, user) is None


def test_mapping_applies_at_once_and_ends_at_once(site: Site, user: User) -> None:
    signed_in(user, "guards")
    mapping = mapping_create(provider="", group="guards", site=site, role="viewer")
    assert mapping_create(provider="", group="guards", site=site, role="viewer") == mapping
    assert role_in(site, user) == "viewer"
    mapping_delete(mapping=mapping)
    assert role_in(site, user) is None


def test_role_given_by_hand_stays(site: Site, user: User) -> None:
    mapping_create(provider="sso", group="chiefs", site=site, role="admin")
    member_set(site=site, user=user, role=Role.VIEWER)
    identity = signed_in(user, "chiefs")
    assert role_in(site, user) == "admin"
    member_set(site=site, user=user, role=Role.SITE_OPERATOR)
    assert role_in(site, user) == "admin", "the group still gives it"
    identity_groups_set(identity=identity, groups=[])
    assert role_in(site, user) == "operator"


def test_higher_role_given_by_hand_wins(site: Site, user: User) -> None:
    mapping_create(provider="sso", group="guards", site=site, role="viewer")
    identity = signed_in(user, "guards")
    member_set(site=site, user=user, role=Role.ADMIN)
    assert role_in(site, user) == "admin"
    identity_groups_set(identity=identity, groups=[])
    assert role_in(site, user) == "admin"


def test_removing_a_member_leaves_what_a_group_gives(site: Site, user: User, root: Party) -> None:
    mapping_create(provider="sso", group="guards", site=site, role="viewer")
    signed_in(user, "guards")
    member_set(site=site, user=root.user, role=Role.ADMIN)
    member_set(site=site, user=user, role=Role.ADMIN)
    member_remove(member=Membership.objects.get(site=site, user=user))
    assert role_in(site, user) == "viewer"
    with pytest.raises(MappedMemberError):
        member_remove(member=Membership.objects.get(site=site, user=user))
    answer = root.client.delete(f"/api/sites/{site.pk}/members/{user.pk}/")
    assert answer.status_code == 409
    assert "comes from a group of the identity provider" in answer.json()["detail"]


def test_system_roles_come_and_go_but_those_by_hand_stay(user: User, make_user: Callable[..., User]) -> None:
    mapping_create(provider="sso", group="root", site=None, role="superuser")
    mapping_create(provider="sso", group="it", site=None, role="staff")
    identity = signed_in(user, "root")
    assert flags(user) == (True, True)
    identity_groups_set(identity=identity, groups=["it"])
    assert flags(user) == (True, False)
    identity_groups_set(identity=identity, groups=[])
    assert flags(user) == (False, False)
    assert not SystemGrant.objects.exists()
    chief = make_user("chief", is_staff=True, is_superuser=True)
    identity_groups_set(identity=signed_in(chief, "root"), groups=[])
    assert flags(chief) == (True, True)


def test_groups_of_two_providers_add_up(site: Site, user: User) -> None:
    mapping_create(provider="", group="guards", site=site, role="viewer")
    mapping_create(provider="other", group="chiefs", site=site, role="admin")
    first = signed_in(user, "guards")
    second = signed_in(user, "chiefs", provider="other")
    assert role_in(site, user) == "admin"
    identity_delete(identity=second)
    assert role_in(site, user) == "viewer"
    identity_delete(identity=first)
    assert role_in(site, user) is None


def test_tokens_are_encrypted_and_in_no_audit_entry(site: Site, user: User) -> None:
    mapping_create(provider="sso", group="guards", site=site, role="viewer")
    signed_in(user, "guards")
    with connection.cursor() as cursor:
        cursor.execute("SELECT access_token, refresh_token FROM identity_identity")
        stored = repr(cursor.fetchall())
    assert "t0ken" not in stored
    entries = list(AuditEntry.objects.filter(kind__in=["identity", "group_mapping", "member"]).values())
    assert {entry["kind"] for entry in entries} == {"identity", "group_mapping", "member"}
    assert "t0ken" not in repr(entries)
    assert {"groups": [None, ["guards"]]}.items() <= next(
        entry["changes"] for entry in entries if entry["kind"] == "identity"
    ).items()


# --- the check in the background ---


@pytest.fixture
def answers(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Any]]:
    """Replace the provider's answers: an exception, or the groups."""
    settings.VIGIL_IDENTITY_PROVIDERS = {"sso": SSO}
    given: list[Any] = []

    def userinfo(_: Provider, access_token: str) -> dict[str, Any]:
        answer = given.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return {"sub": "subject of mia", "groups": answer}

    monkeypatch.setattr(checks, "userinfo_of", userinfo)
    monkeypatch.setattr(checks, "tokens_refresh", lambda *_: (Tokens("new", None, "newer"), {}))
    yield given
    assert not given


def check(seconds: int = 200) -> int:
    return checks.identities_check(clock=lambda: timezone.now() + timedelta(seconds=seconds))


def test_check_takes_a_role_away(site: Site, user: User, answers: list[Any]) -> None:
    mapping_create(provider="sso", group="guards", site=site, role="viewer")
    signed_in(user, "guards")
    assert check(seconds=60) == 0, "it is not due yet"
    answers.append([])
    assert check() == 1
    assert role_in(site, user) is None
    identity = Identity.objects.get()
    assert (identity.access_token, identity.refresh_token) == ("new", "newer"), "a rotated token is kept"


def test_refusal_ends_sessions_and_roles(site: Site, user: User, answers: list[Any]) -> None:
    mapping_create(provider="sso", group="guards", site=site, role="viewer")
    identity = signed_in(user, "guards")
    browser = Client()
    browser.force_login(user)
    session_bind(identity=identity, session_key=str(browser.session.session_key))
    other = Client()
    other.force_login(user)
    answers.append(RefusedError("400 invalid_grant"))
    assert check() == 1
    assert role_in(site, user) is None
    assert browser.get("/dashboard/").status_code == 302
    assert other.get("/dashboard/").status_code == 200, "a session by password is not the provider's"
    assert check(seconds=500) == 0, "there is nothing left to check"


def test_unreachable_provider_changes_nothing(site: Site, user: User, answers: list[Any]) -> None:
    mapping_create(provider="sso", group="guards", site=site, role="viewer")
    signed_in(user, "guards")
    answers.append(UnavailableError("ConnectError"))
    assert check() == 1
    assert role_in(site, user) == "viewer"
    assert Identity.objects.get().is_confirmed


def test_identity_without_tokens_or_provider_ends(user: User, answers: list[Any], settings: Any) -> None:
    identity = signed_in(user, "guards")
    Identity.objects.filter(pk=identity.pk).update(refresh_token="", access_expires_at=timezone.now())
    check()
    assert not Identity.objects.get().is_confirmed
    signed_in(user, "guards")
    settings.VIGIL_IDENTITY_PROVIDERS = {}
    check()
    assert not Identity.objects.get().is_confirmed


def test_user_outside_the_allowed_groups_is_signed_out(user: User, answers: list[Any], settings: Any) -> None:
    settings.VIGIL_IDENTITY_PROVIDERS = {"sso": SSO.model_copy(update={"allowed_groups": ("staff",)})}
    signed_in(user, "staff")
    answers.append(["guests"])
    check()
    assert not Identity.objects.get().is_confirmed


# --- the API ---


def test_api_of_mappings(root: Party, site: Site, settings: Any) -> None:
    settings.VIGIL_IDENTITY_PROVIDERS = {"sso": SSO}
    made = root.client.post(
        "/api/group-mappings/", {"provider": "sso", "group": "guards", "site": site.pk, "role": "viewer"}
    )
    assert made.status_code == 201, made.json()
    path = f"/api/group-mappings/{made.json()['id']}/"
    assert root.client.get(path).json() == made.json()
    assert root.client.get("/api/group-mappings/").json()["results"] == [made.json()]
    assert root.client.delete(path).status_code == 204
    assert not GroupMapping.objects.exists()


@pytest.mark.parametrize(
    ("changes", "field", "words"),
    [
        ({"provider": "none"}, "provider", "must be empty for every provider, or one of 'sso', 'proxy'"),
        ({"site": None}, "site", "is required for the roles viewer, operator and admin"),
        ({"role": "superuser"}, "site", "must be null for the roles staff and superuser"),
        ({"role": "king"}, "role", "king"),
        ({"group": ""}, "group", "blank"),
        ({"group": "x" * 256}, "group", "255"),
    ],
)
def test_invalid_mapping(
    root: Party, site: Site, settings: Any, changes: dict[str, Any], field: str, words: str
) -> None:
    settings.VIGIL_IDENTITY_PROVIDERS = {"sso": SSO}
    body = {"provider": "sso", "group": "guards", "site": site.pk, "role": "viewer", **changes}
    answer = root.client.post("/api/group-mappings/", body)
    assert answer.status_code == 400
    assert words in answer.json()[field][0]


def test_page_offers_only_mappings_that_can_be_saved(root: Party, settings: Any) -> None:
    settings.VIGIL_IDENTITY_PROVIDERS = {}
    browser = Client()
    browser.force_login(root.user)
    page = browser.get("/dashboard/settings/groups/").content.decode()
    assert "No identity provider is configured" in page
    assert 'value="viewer"' not in page, "there is no site yet"
    Site.objects.create(name="Yard")
    settings.VIGIL_IDENTITY_PROVIDERS = {"sso": SSO}
    page = browser.get("/dashboard/settings/groups/").content.decode()
    assert "No identity provider is configured" not in page
    assert page.index('value="viewer"') < page.index('value="superuser"')
    assert '<option value="">Whole system' not in page


# --- local accounts switched off ---


def test_passwords_can_be_switched_off_with_a_way_back_in(
    make_user: Callable[..., User], settings: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    user = make_user("mia")
    settings.VIGIL_LOCAL_ACCOUNTS = False
    settings.VIGIL_IDENTITY_PROVIDERS = {"sso": SSO}
    body = {"username": "mia", "password": PASSWORD}

    def signs_in() -> bool:
        browser = Client()
        token = APIClient().post("/api/token/", body).status_code == 200
        page = browser.post("/dashboard/login/", body).status_code == 302
        assert token == page
        return page

    page = Client().get("/dashboard/login/").content.decode()
    assert "Sign in with Example SSO" in page
    assert 'name="password"' not in page
    assert 'name="password"' in Client().get("/dashboard/login/?password").content.decode()
    assert not signs_in()
    call_command("allow_password", "mia", minutes=5)
    assert "mia may sign in by password at" in capsys.readouterr().out
    assert signs_in()
    PasswordException.objects.update(until=timezone.now())
    assert not signs_in()
    assert AuditEntry.objects.filter(kind="password_exception").exists()
    user.set_unusable_password()
    user.save()
    for name, words in (("mia", "has no password"), ("nobody", "there is no user")):
        with pytest.raises(CommandError, match=words):
            call_command("allow_password", name)
    with pytest.raises(CommandError, match="must be 1 to 1440"):
        call_command("allow_password", "mia", minutes=0)


def test_open_password_sessions_end_with_their_next_request(make_user: Callable[..., User], settings: Any) -> None:
    user = make_user("mia")
    settings.VIGIL_IDENTITY_PROVIDERS = {"sso": SSO}
    by_password, by_provider = Client(), Client()
    for browser in (by_password, by_provider):
        browser.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    session = by_provider.session
    session["vigil_identity"] = {"provider": "sso", "id_token": ""}
    session.save()

    def is_signed_in(browser: Client) -> bool:
        return browser.get("/api/cameras/").status_code == 200

    settings.VIGIL_LOCAL_ACCOUNTS = False
    key = by_password.session.session_key
    PasswordException.objects.create(user=user, until=timezone.now() + timedelta(minutes=5))
    assert is_signed_in(by_password), "manage.py allow_password has let the user in"
    PasswordException.objects.update(until=timezone.now())
    assert not is_signed_in(by_password)
    assert not Session.objects.filter(session_key=key).exists()
    assert is_signed_in(by_provider)
    settings.VIGIL_LOCAL_ACCOUNTS = True
    assert not is_signed_in(by_password), "it does not come back"


def test_invitation_leads_to_the_provider_and_creates_no_local_account(
    root: Party, site: Site, make_user: Callable[..., User], settings: Any, rf: RequestFactory
) -> None:
    made = root.client.post("/api/invitations/", {"site": site.pk, "role": "operator"}).json()
    page = f"/invitation/{made['token']}/"
    settings.VIGIL_LOCAL_ACCOUNTS = False
    settings.VIGIL_IDENTITY_PROVIDERS = {"sso": SSO}
    body = {"username": "emil", "password": PASSWORD}
    answer = APIClient().post("/api/invitations/register/", {**body, "token": made["token"]})
    assert (answer.status_code, answer.json()["detail"]) == (403, NO_LOCAL_ACCOUNTS)
    settings.VIGIL_SELF_REGISTRATION = True
    assert APIClient().post("/api/register/", body).status_code == 403
    shown = Client().post(page, body).content.decode()
    assert not User.objects.filter(username="emil").exists()
    assert 'name="password"' not in shown
    sign_in_url = f"/dashboard/login/?{urlencode({'next': page})}"
    assert f'href="{sign_in_url}"' in shown
    assert f'name="next" value="{page}"' in Client().get(sign_in_url).content.decode()

    closed = SSO.model_copy(update={"create_accounts": False})
    adapter, request = IdentityAdapter(), rf.get("/")
    login = SimpleNamespace(state={"next": page}, email_addresses=[])
    adapter._link_or_create(request, closed, login)  # the invitation permits the account
    user = make_user("mia")
    browser = Client()
    browser.force_login(user)
    session = browser.session
    session["vigil_identity"] = {"provider": "sso", "id_token": ""}
    session.save()
    browser.post(page)
    assert role_in(site, user) == "operator"
    for next_page in (page, "/dashboard/", "", "/invitation/unknown/"):
        login.state["next"] = next_page
        with pytest.raises(SignInProblemError):
            adapter._link_or_create(request, closed, login)
