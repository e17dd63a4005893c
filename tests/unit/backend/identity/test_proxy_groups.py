"""Groups in a header of a trusted proxy."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from vigil_apps.identity.services import mapping_create
from vigil_apps.sites.models import Membership, Site

BACKEND = "vigil_apps.accounts.single_sign_on.ProxyUserBackend"
ANNA = {"X-Forwarded-User": "anna"}


@pytest.fixture
def browser(settings: Any, db: None) -> Client:
    settings.VIGIL_REMOTE_USER_HEADER = "X-Forwarded-User"
    settings.VIGIL_REMOTE_GROUPS_HEADER = "X-Forwarded-Groups"
    settings.AUTHENTICATION_BACKENDS = [*settings.AUTHENTICATION_BACKENDS, BACKEND]
    middleware = list(settings.MIDDLEWARE)
    place = middleware.index("django.contrib.auth.middleware.AuthenticationMiddleware") + 1
    middleware.insert(place, "vigil_apps.accounts.single_sign_on.ProxyUserMiddleware")
    place = middleware.index("allauth.account.middleware.AccountMiddleware")
    middleware.insert(place, "vigil_apps.identity.proxy.ProxyGroupsMiddleware")
    settings.MIDDLEWARE = middleware
    return Client()


def roles(name: str) -> list[str]:
    return list(Membership.objects.filter(user__username=name).values_list("role", flat=True))


def test_groups_give_and_take_roles(browser: Client) -> None:
    site = Site.objects.create(name="Yard")
    mapping_create(provider="proxy", group="guards", site=site, role="viewer")
    mapping_create(provider="", group="root", site=None, role="superuser")
    assert browser.get("/dashboard/", headers={**ANNA, "X-Forwarded-Groups": "guards,root"}).status_code == 200
    assert roles("anna") == ["viewer"]
    assert User.objects.get(username="anna").is_superuser
    browser.get("/dashboard/", headers={**ANNA, "X-Forwarded-Groups": "guards"})
    assert not User.objects.get(username="anna").is_superuser
    browser.get("/dashboard/", headers=ANNA)
    assert roles("anna") == []


def test_header_of_a_user_whom_the_proxy_did_not_sign_in_is_ignored(browser: Client) -> None:
    mapping_create(provider="", group="root", site=None, role="superuser")
    user = User.objects.create_user("ben", password="correct horse battery")
    browser.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    browser.get("/dashboard/", headers={"X-Forwarded-Groups": "root"})
    assert not User.objects.get(username="ben").is_superuser
