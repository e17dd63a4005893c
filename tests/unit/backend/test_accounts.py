"""A user's own tokens, invitations, and self-registered accounts."""

from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client
from django.utils import timezone
from rest_framework.test import APIClient
from tests.unit.backend.conftest import Party, client_with, party

from vigil_apps.accounts.models import AuthToken, Invitation
from vigil_apps.accounts.scopes import Scope
from vigil_apps.accounts.services import token_create
from vigil_apps.sites.models import Membership, Site
from vigil_apps.sites.roles import Role

PASSWORD = "a long enough pass phrase"
NOT_VALID = {
    "token": ["This invitation is not valid: it was used, has expired, or was revoked. Ask for another one."]
}


def test_token_is_created_renamed_listed_and_revoked(anna: Party, ben: Party) -> None:
    made = anna.client.post("/api/tokens/", {"name": "phone", "expires_in_days": 7})
    assert (made.status_code, made.headers["Cache-Control"]) == (201, "no-store")
    phone = client_with(made.json()["token"])
    listed = phone.get("/api/tokens/").json()["results"]
    assert [(row["name"], row["scope"], row["is_current"]) for row in listed] == [
        ("phone", "user", True),
        ("", "user", False),
    ]
    assert made.json()["token"] not in str(listed)
    assert listed[0]["last_used_at"] is None or listed[0]["last_used_at"] <= timezone.now().isoformat()
    lasts = AuthToken.objects.get(name="phone").expiry - timezone.now()
    assert timedelta(days=6) < lasts <= timedelta(days=7)
    assert [row["name"] for row in ben.client.get("/api/tokens/").json()["results"]] == [""]
    assert anna.client.delete(f"/api/tokens/{listed[0]['id']}/").status_code == 204
    assert phone.get("/api/cameras/").status_code == 401


@pytest.mark.parametrize(
    ("body", "field"),
    [({}, "name"), ({"name": "x" * 101}, "name"), ({"name": "x", "expires_in_days": 366}, "expires_in_days")],
)
def test_invalid_token_request_names_the_field(anna: Party, body: dict[str, Any], field: str) -> None:
    answer = anna.client.post("/api/tokens/", body)
    assert (answer.status_code, list(answer.json())) == (400, [field])
    assert AuthToken.objects.count() == 1


def test_rotation_keeps_the_old_token_valid_for_a_while(anna: Party) -> None:
    former = AuthToken.objects.get()
    made = anna.client.post(f"/api/tokens/{former.public_id}/rotate/")
    assert made.status_code == 201
    successor = client_with(made.json()["token"])
    for client in (anna.client, successor):
        assert client.get("/api/cameras/").status_code == 200
    former.refresh_from_db()
    assert former.expiry is not None
    assert timedelta(minutes=9) < former.expiry - timezone.now() <= timedelta(minutes=10)
    AuthToken.objects.filter(pk=former.pk).update(expiry=timezone.now())
    assert anna.client.get("/api/cameras/").status_code == 401
    assert successor.get("/api/cameras/").status_code == 200


def test_user_token_cannot_rotate_service_tokens(anna: Party) -> None:
    pipeline = party(anna.user, Scope.PIPELINE)
    token = AuthToken.objects.get(scope=Scope.PIPELINE)
    refused = anna.client.post(f"/api/tokens/{token.public_id}/rotate/")
    assert refused.status_code == 409
    assert "create_token --replace" in refused.json()["detail"]
    assert pipeline.client.get("/api/active-cameras/").status_code == 200


def test_service_token_is_replaced_without_downtime(anna: Party) -> None:
    former = token_create(user=anna.user, scope=Scope.PIPELINE, name="yard")
    other = token_create(user=anna.user, scope=Scope.PIPELINE, name="hall")
    output = StringIO()
    arguments = ("create_token", "--user", "anna", "--scope", "pipeline", "--name", "yard", "--replace")
    call_command(*arguments, "--grace-minutes", "5", stdout=output)
    for token in (former, other, output.getvalue().strip()):
        assert client_with(token).get("/api/active-cameras/").status_code == 200
    ends = [stored.expiry for stored in AuthToken.objects.filter(name="yard").order_by("created")]
    assert ends[1] is None
    assert ends[0] is not None
    assert ends[0] - timezone.now() <= timedelta(minutes=5)
    assert AuthToken.objects.get(name="hall").expiry is None
    with pytest.raises(CommandError, match="--grace-minutes: must be from 0 to 43200"):
        call_command(*arguments, "--grace-minutes", "-1")


def test_invitation_works_once(site: Site, anna: Party) -> None:
    made = anna.client.post("/api/invitations/", {"name": "Emil", "site": site.pk, "role": "operator"})
    assert (made.status_code, made.headers["Cache-Control"]) == (201, "no-store")
    token = made.json()["token"]
    assert made.json()["url"] == f"http://testserver/invitation/{token}/"
    body = {"token": token, "username": "emil", "password": PASSWORD}
    assert APIClient().post("/api/invitations/register/", body).status_code == 201
    emil = User.objects.get(username="emil")
    assert Membership.objects.get(user=emil).role == "operator"
    assert not emil.is_staff
    again = APIClient().post("/api/invitations/register/", {**body, "username": "fritz"})
    assert (again.status_code, again.json()) == (400, NOT_VALID)
    assert not User.objects.filter(username="fritz").exists()
    (listed,) = anna.client.get("/api/invitations/").json()["results"]
    assert (listed["name"], listed["used_by"], listed["invited_by"]) == ("Emil", "emil", "anna")
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM accounts_invitation")
        assert token not in repr(cursor.fetchall())


def test_invitation_expires_and_can_be_revoked(site: Site, anna: Party) -> None:
    for number in range(2):
        made = anna.client.post("/api/invitations/", {"site": site.pk}).json()
        if number:
            anna.client.delete(f"/api/invitations/{made['invitation']['id']}/")
        else:
            Invitation.objects.update(expires_at=timezone.now())
        body = {"token": made["token"], "username": "emil", "password": PASSWORD}
        answer = APIClient().post("/api/invitations/register/", body)
        assert (answer.status_code, answer.json()) == (400, NOT_VALID)
    assert not User.objects.filter(username="emil").exists()


@pytest.mark.parametrize(
    ("body", "field", "words"),
    [
        ({"username": "anna", "password": PASSWORD}, "username", "taken"),
        ({"username": "a b", "password": PASSWORD}, "username", "valid username"),
        ({"username": "emil", "password": "short"}, "password", "at least 10 characters"),
        ({"username": "emil", "password": "password123"}, "password", "too common"),
        ({"username": "emilemilemil", "password": "emilemilemil"}, "password", "too similar"),
    ],
)
def test_rejected_account_does_not_use_the_invitation(
    site: Site, anna: Party, body: dict[str, str], field: str, words: str
) -> None:
    token = anna.client.post("/api/invitations/", {"site": site.pk}).json()["token"]
    answer = APIClient().post("/api/invitations/register/", {"token": token, **body})
    assert answer.status_code == 400
    assert words in " ".join(answer.json()[field])
    assert Invitation.objects.get().used_at is None
    assert User.objects.count() == 1


def test_accepting_an_invitation_keeps_a_higher_role(site: Site, anna: Party, ben: Party) -> None:
    def invite(role: str) -> str:
        return str(anna.client.post("/api/invitations/", {"site": site.pk, "role": role}).json()["token"])

    for role, expected in (("operator", "operator"), ("viewer", "operator"), ("admin", "admin")):
        assert ben.client.post("/api/invitations/accept/", {"token": invite(role)}).status_code == 200
        assert Membership.objects.get(user=ben.user).role == expected


def test_only_site_admins_can_invite(site: Site, anna: Party, site_admin: Party, ben: Party) -> None:
    other = ben.client.post("/api/sites/", {"name": "Ben's"}).json()["id"]
    refused = site_admin.client.post("/api/invitations/", {"site": other})
    assert (refused.status_code, refused.json()) == (400, {"site": ["must be a site of which you are an admin"]})
    nowhere = site_admin.client.post("/api/invitations/", {})
    assert (nowhere.status_code, list(nowhere.json())) == (400, ["site"])
    assert ben.client.get("/api/invitations/").json()["results"] == []


def test_registration_is_disabled_by_default(db: None, settings: Any) -> None:
    body = {"username": "emil", "password": PASSWORD}
    refused = APIClient().post("/api/register/", body)
    assert (refused.status_code, User.objects.count()) == (403, 0)
    assert refused.json()["detail"] == "Nobody can register here. Ask an administrator for an invitation."
    settings.VIGIL_SELF_REGISTRATION = True
    assert APIClient().post("/api/register/", body).status_code == 201
    assert APIClient().post("/api/token/", body).status_code == 200
    assert APIClient().post("/api/register/", body).json() == {"username": ["This user name is taken."]}


def test_invitation_page(site: Site, anna: Party, ben: Party) -> None:
    def link() -> str:
        made = anna.client.post("/api/invitations/", {"site": site.pk}).json()
        return str(made["url"]).removeprefix("http://testserver")

    url = link()
    browser = Client()
    for _ in range(2):  # viewing the page does not use the invitation
        assert "You have been invited to join Yard as viewer." in browser.get(url).content.decode()
    assert "too common" in browser.post(url, {"username": "emil", "password": "password123"}).content.decode()
    entered = browser.post(url, {"username": "emil", "password": PASSWORD})
    assert (entered.status_code, entered.headers["Location"]) == (302, "/dashboard/")
    assert browser.get("/dashboard/").status_code == 200
    gone = Client().get(url)
    assert gone.status_code == 404
    assert "not valid" in gone.content.decode()
    assert Client().post(url, {"username": "fritz", "password": PASSWORD}).status_code == 404

    signed_in = Client()
    signed_in.force_login(ben.user)
    assert signed_in.post(link()).status_code == 302
    assert Membership.objects.get(user=ben.user).role == Role.VIEWER
