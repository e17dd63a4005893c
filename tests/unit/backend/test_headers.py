"""Every existing URL sends the security headers, whatever the status."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver
from tests.unit.backend.conftest import APPS, Party

VALUES = {"int": "1", "uuid": "5a5a5a5a-5a5a-4a5a-8a5a-5a5a5a5a5a5a", "slug": "a", "str": "a", "path": "a"}
EXPECTED = {
    "Strict-Transport-Security": "max-age=31536000; includeSubDomains; preload",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}
POLICY = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "frame-ancestors": "'none'",
    "base-uri": "'none'",
    "form-action": "'self'",
}


def _paths(patterns: list[Any], prefix: str = "") -> Iterator[str]:
    for entry in patterns:
        path = prefix + re.sub(
            r"<(?:(\w+):)?\w+>",
            lambda found: VALUES[found[1] or "str"],
            str(entry.pattern).replace("(?P<url>.*)$", "x"),
        ).replace("^", "")
        if isinstance(entry, URLResolver):
            yield from _paths(entry.url_patterns, path)
        elif isinstance(entry, URLPattern):
            yield f"/{path}"


PATHS = sorted(set(_paths(get_resolver().url_patterns)))


def test_url_list_covers_all_kinds_of_pages() -> None:
    assert len(PATHS) > 150
    for one in ("/dashboard/", "/healthz", "/metrics", "/api/alerts/1/image/", "/admin/login/", "/api/schema/"):
        assert one in PATHS


# It commits, like a server, so that each page finds complete data.
@pytest.mark.django_db(transaction=True, available_apps=APPS)
@pytest.mark.parametrize("who", ["nobody", "root"])
def test_every_url_sends_all_security_headers(who: str, root: Party, camera: Any) -> None:
    client = Client(raise_request_exception=False)
    for path in [*PATHS, "/no/such/page", "/static/no-such-file.js"]:
        if who == "root":
            client.force_login(root.user)  # again: one of the pages logs out
        answer = client.get(path, secure=True)
        assert answer.status_code != 500, path
        assert {name: answer.headers.get(name) for name in EXPECTED} == EXPECTED, path
        policy = dict(part.split(" ", 1) for part in answer.headers["Content-Security-Policy"].split("; "))
        assert {name: policy.get(name) for name in POLICY} == POLICY, path
        assert "unsafe" not in answer.headers["Content-Security-Policy"], path
        for cookie in answer.cookies.values():
            if cookie["max-age"] == 0:
                continue  # it is taken away
            assert cookie["secure"], (path, cookie.key)
            assert cookie["samesite"] == "Lax", (path, cookie.key)
            assert cookie["httponly"] or cookie.key in {"csrftoken", "django_language"}, (path, cookie.key)
