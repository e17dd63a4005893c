"""The one door: the dashboard's sign-in page, through which Django's admin passes, too."""

from collections.abc import Callable

import pytest
from django.contrib import admin
from django.contrib.auth.models import User
from django.test import Client
from django.urls import NoReverseMatch, reverse

PASSWORD = "correct horse battery"


def test_admin_has_no_sign_in_of_its_own(make_user: Callable[..., User]) -> None:
    make_user("anna", is_staff=True)
    browser = Client()
    page = browser.get("/admin/auth/user/")
    assert (page.status_code, page["Location"]) == (302, "/admin/login/?next=/admin/auth/user/")
    page = browser.get(page["Location"])
    assert (page.status_code, page["Location"]) == (302, "/dashboard/login/?next=/admin/auth/user/")
    body = {"username": "anna", "password": PASSWORD, "next": "/admin/"}
    assert browser.post("/admin/login/", body).status_code == 302
    assert "_auth_user_id" not in browser.session, "only the sign-in page takes a password"
    page = browser.post("/dashboard/login/", body)
    assert (page.status_code, page["Location"]) == (302, "/admin/")
    assert browser.get("/admin/").status_code == 200
    assert browser.get("/admin/login/?next=https://evil.example/")["Location"] == "/admin/"


def test_user_without_staff_rights_is_refused_by_the_admin(make_user: Callable[..., User]) -> None:
    browser = Client()
    browser.force_login(make_user("ben"))
    assert browser.get("/admin/login/").status_code == 403


def test_sign_out_ends_the_session(make_user: Callable[..., User]) -> None:
    make_user("anna")
    for path in ("/dashboard/logout/", "/admin/logout/"):
        browser = Client()
        browser.post("/dashboard/login/", {"username": "anna", "password": PASSWORD})
        assert browser.get("/dashboard/").status_code == 200
        page = browser.post(path)
        assert (page.status_code, page["Location"]) == (302, "/dashboard/login/")
        assert browser.get("/dashboard/").status_code == 302
        assert browser.get(path).status_code == 405, "a link elsewhere must not sign anyone out"


@pytest.mark.parametrize(
    "name", ["account_signup", "account_email", "account_reset_password", "account_set_password"]
)
def test_unused_pages_of_the_library_do_not_exist(name: str) -> None:
    with pytest.raises(NoReverseMatch):
        reverse(name)


def test_admin_does_not_show_the_library_s_tables() -> None:
    """They contain secrets in plain text."""
    labels = {model._meta.app_label for model in admin.site._registry}
    assert not labels & {"account", "socialaccount", "mfa"}
    assert "auth" in labels
