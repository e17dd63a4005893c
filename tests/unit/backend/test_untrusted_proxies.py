"""Limits behind a proxy whose header is not trusted: safe against pods, fair to clients."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client as Browser
from django.test import RequestFactory
from rest_framework.test import APIClient

from vigil_apps.accounts import lockout
from vigil_apps.web.clients import Client, client_of

PASSWORD = "correct horse battery"
INGRESS, POD = "10.42.0.7", "10.42.3.9"
ATTACKER, OTHER = "203.0.113.66", "198.51.100.9"


def _sign_in(username: str, password: str, reported: str | None, peer: str = INGRESS) -> int:
    headers: Any = {} if reported is None else {"HTTP_X_FORWARDED_FOR": reported}
    body = {"username": username, "password": password}
    return int(APIClient().post("/api/token/", body, REMOTE_ADDR=peer, **headers).status_code)


@pytest.mark.parametrize(
    ("peer", "header", "expected"),
    [
        ("192.0.2.1", None, Client("192.0.2.1")),
        ("192.0.2.1", "", Client("192.0.2.1")),
        ("192.0.2.1", "203.0.113.4, 192.0.2.1", Client("192.0.2.1")),  # the server has replaced the trusted proxy's
        ("192.0.2.1", "203.0.113.4, 192.0.2.1:4711", Client("192.0.2.1")),
        ("10.0.0.1", "10.0.0.12", Client("10.0.0.1", "10.0.0.12")),  # not merely a prefix
        ("10.0.0.1", "198.51.100.1, 203.0.113.4", Client("10.0.0.1", "203.0.113.4")),  # the client chose the first
        ("10.0.0.1", "203.0.113.4:5678", Client("10.0.0.1", "203.0.113.4")),
        ("10.0.0.1", "[2001:db8:1:2::7]:5678", Client("10.0.0.1", "2001:db8:1:2::")),
        ("10.0.0.1", "<script>", Client("10.0.0.1", "unknown")),
        ("2001:db8:1:2:3:4:5:6", None, Client("2001:db8:1:2::")),
        ("2001:DB8:1:2::9", "2001:db8:1:2:0::9", Client("2001:db8:1:2::")),
        ("::ffff:192.0.2.1", None, Client("192.0.2.1")),
        ("fe80::1%eth0", None, Client("fe80::")),
        ("", "203.0.113.4", Client("unknown")),  # a Unix socket
    ],
)
def test_client_of_a_request(peer: str, header: str | None, expected: Client) -> None:
    headers: Any = {} if header is None else {"HTTP_X_FORWARDED_FOR": header}
    assert client_of(RequestFactory().get("/", REMOTE_ADDR=peer, **headers)) == expected


@pytest.fixture
def rates(settings: Any) -> Callable[..., None]:
    def choose(**kinds: str) -> None:
        settings.VIGIL_RATES = {
            "camera": "",
            "token": "",
            "address": "",
            "proxy": "",
            "probe": "",
            "control": "",
            **kinds,
        }

    return choose


@pytest.mark.django_db
def test_one_client_does_not_exhaust_the_limit_of_others(rates: Callable[..., None]) -> None:
    rates(address="3/minute", proxy="5/minute")
    statuses = [_sign_in("nobody", "x", ATTACKER) for _ in range(40)]
    assert statuses == [401] * 3 + [429] * 37
    assert _sign_in("nobody", "x", OTHER) == 401
    assert Browser().post("/dashboard/login/", {}, REMOTE_ADDR=INGRESS, HTTP_X_FORWARDED_FOR=OTHER).status_code == 200


@pytest.mark.django_db
def test_forged_client_addresses_reach_the_proxy_limit(rates: Callable[..., None]) -> None:
    rates(address="3/minute", proxy="5/minute")
    statuses = [_sign_in("nobody", "x", f"203.0.113.{number}", peer=POD) for number in range(20)]
    assert statuses == [401] * 5 + [429] * 15
    assert _sign_in("nobody", "x", OTHER) == 401, "the ingress controller has its own limit"


@pytest.mark.django_db
def test_ipv6_clients_are_limited_by_prefix(rates: Callable[..., None]) -> None:
    rates(address="3/minute")
    statuses = [_sign_in("nobody", "x", None, peer=f"2001:db8:1:2::{number}") for number in range(1, 6)]
    assert statuses == [401] * 3 + [429] * 2
    assert _sign_in("nobody", "x", None, peer="2001:db8:1:3::1") == 401


def test_lockout_is_per_client(make_user: Callable[..., User]) -> None:
    make_user("anna")
    assert [_sign_in("anna", f"guess {number}", ATTACKER) for number in range(12)] == [401] * 9 + [429] * 3
    assert _sign_in("anna", PASSWORD, ATTACKER) == 429
    assert _sign_in("anna", PASSWORD, OTHER) == 200
    assert _sign_in("anna", PASSWORD, ATTACKER, peer=POD) == 200, "who reports the client is part of the key"
    assert _sign_in("anna", PASSWORD, ATTACKER) == 429, "another client's success resets nothing"


def test_changing_the_user_agent_does_not_bypass_the_lockout(make_user: Callable[..., User]) -> None:
    make_user("anna")
    body = {"username": "anna", "password": "guess"}
    statuses = [
        APIClient().post("/api/token/", body, REMOTE_ADDR=POD, HTTP_USER_AGENT=f"agent {number}").status_code
        for number in range(11)
    ]
    assert statuses == [401] * 9 + [429] * 2


def test_forged_clients_share_the_password_limit(
    make_user: Callable[..., User], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lockout, "PROXY_FAILURE_LIMIT", 12)
    make_user("anna")
    make_user("ben")
    statuses = [_sign_in("anna", f"guess {number}", f"203.0.113.{number}", peer=POD) for number in range(15)]
    assert statuses == [401] * 12 + [429] * 3
    assert _sign_in("anna", PASSWORD, "198.51.100.77", peer=POD) == 429
    assert _sign_in("ben", PASSWORD, "198.51.100.77", peer=POD) == 200
    assert _sign_in("anna", PASSWORD, OTHER) == 200, "the ingress controller's clients are not affected"
