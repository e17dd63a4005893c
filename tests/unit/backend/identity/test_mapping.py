"""Groups to roles, without a database."""

from typing import Any

import pytest

from vigil_apps.identity.core.mapping import (
    GROUPS_MAX,
    GroupRule,
    grants_of,
    groups_of_claims,
    groups_of_header,
    has_group_overage,
)
from vigil_apps.identity.core.problems import error_code, skew_problem
from vigil_apps.sites.roles import Role

RULES = [
    GroupRule("", "guards", 1, "viewer"),
    GroupRule("sso", "chiefs", 1, "admin"),
    GroupRule("sso", "guards", 2, "operator"),
    GroupRule("sso", "it", None, "staff"),
    GroupRule("sso", "root", None, "superuser"),
]


@pytest.mark.parametrize(
    ("groups", "roles", "system"),
    [
        ([], {}, (False, False)),
        ([("other", "guards")], {1: Role.VIEWER}, (False, False)),
        ([("sso", "guards")], {1: Role.VIEWER, 2: Role.SITE_OPERATOR}, (False, False)),
        ([("sso", "guards"), ("sso", "chiefs")], {1: Role.ADMIN, 2: Role.SITE_OPERATOR}, (False, False)),
        ([("sso", "it")], {}, (True, False)),
        ([("sso", "root")], {}, (True, True)),
        ([("other", "root"), ("sso", "ROOT"), ("sso", "root ")], {}, (False, False)),
    ],
)
def test_grants(groups: list[tuple[str, str]], roles: dict[int, Role], system: tuple[bool, bool]) -> None:
    for order in (RULES, RULES[::-1]):
        grants = grants_of(groups, order)
        assert dict(grants.site_roles) == roles
        assert (grants.is_staff, grants.is_superuser) == system


@pytest.mark.parametrize(
    ("claim", "sources", "found"),
    [
        ("groups", [{"groups": ["b", "a", "b"]}], ("a", "b")),
        ("groups", [{"groups": "one"}], ("one",)),
        ("groups", [{}, {"groups": ["from the id token"]}], ("from the id token",)),
        ("groups", [{"groups": []}, {"groups": ["old"]}], ()),  # userinfo says none: the token may be older
        ("groups", [{"groups": [1, None, {}, "", "x" * 256, "a"]}], ("a",)),
        ("groups", [{"groups": {"a": 1}}], ()),
        ("groups", [{}], ()),
        ("realm_access.roles", [{"realm_access": {"roles": ["a"]}}], ("a",)),
        ("https://example.org/groups", [{"https://example.org/groups": ["a"]}], ("a",)),
        ("a.b", [{"a": ["b"]}], ()),
    ],
)
def test_groups_of_claims(claim: str, sources: list[dict[str, Any]], found: tuple[str, ...]) -> None:
    assert groups_of_claims(claim, *sources) == found


def test_number_of_groups_is_bounded() -> None:
    names = [f"group {number}" for number in range(GROUPS_MAX + 5)]
    assert len(groups_of_claims("groups", {"groups": names})) == GROUPS_MAX
    assert len(groups_of_header(",".join(names))) == GROUPS_MAX


def test_groups_that_a_provider_left_out() -> None:
    assert has_group_overage("groups", {}, {"_claim_names": {"groups": "src1"}})
    assert not has_group_overage("groups", {"_claim_names": {"address": "src1"}}, {"groups": ["a"]})
    assert not has_group_overage("groups", {"_claim_names": "groups"})


@pytest.mark.parametrize("text", ["guards,chiefs", " chiefs ; guards", "guards|chiefs|", "chiefs,guards,guards"])
def test_groups_of_header(text: str) -> None:
    assert groups_of_header(text) == ("chiefs", "guards")


def test_empty_header_has_no_groups() -> None:
    assert groups_of_header(" , ") == ()


@pytest.mark.parametrize(("ahead", "minutes"), [(-299, None), (299, None), (-600, 10), (3600, 60)])
def test_clock_skew_is_named_in_minutes(ahead: int, minutes: int | None) -> None:
    problem = skew_problem(issued_at=1_000_000 + ahead, now=1_000_000)
    assert (problem.minutes if problem else None) == minutes


def test_error_code_contains_no_token() -> None:
    text = 'Error retrieving access token: b\'{"error":"invalid_client","access_token":"s3cret"}\''
    assert error_code(text) == "invalid_client"
    assert error_code('{"access_token":"s3cret"}') == ""
