"""Bulk actions on alerts: who can do them, and what undo reverts."""

import json
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from surveillance.models import Alert, Camera
from vigil_apps.dashboard.cards import AlertCard, alert_card
from vigil_apps.dashboard.inbox import in_groups
from vigil_apps.sites.roles import Role
from vigil_apps.sites.services import member_set, site_create

HTMX = {"HX-Request": "true"}


@pytest.fixture
def camera(anna: User) -> Camera:
    site = site_create(user=anna, name="Yard")
    return Camera.objects.create(user=anna, name="Gate", rtsp_url="rtsp://192.0.2.9/1", site=site)


def _alerts(camera: Camera, count: int = 3, **fields: Any) -> list[int]:
    common = {"camera": camera, "alert_type": "person", "confidence": 0.9, "timestamp": timezone.now(), **fields}
    first = Alert.objects.count()
    return [Alert.objects.create(event_id=f"event-{first + number}", **common).pk for number in range(count)]


def _act(client: Client, action: str, **fields: list[int]) -> dict[str, list[int]]:
    answer = client.post(f"/dashboard/alerts/{action}/?as=rows", fields, headers=HTMX)
    assert answer.status_code < 400
    told: dict[str, dict[str, list[int]]] = json.loads(answer.headers.get("HX-Trigger", "{}"))
    return told.get("vigil:handled", {})


def _states(ids: list[int]) -> list[tuple[bool, bool, bool]]:
    rows = Alert.objects.in_bulk(ids)
    return [(rows[pk].acknowledged, rows[pk].resolved, rows[pk].is_false_positive) for pk in ids]


@pytest.mark.parametrize(
    ("action", "after"),
    [
        ("acknowledge", (True, False, False)),
        ("resolve", (True, True, False)),
        ("false-positive", (True, False, True)),
    ],
)
def test_bulk_action_can_be_undone(
    client: Client, camera: Camera, action: str, after: tuple[bool, bool, bool]
) -> None:
    seen, *others = _alerts(camera)
    _act(client, "acknowledge", ids=[seen])
    before = _states([seen, *others])
    changes = _act(client, action, ids=[seen, *others])
    assert _states(others) == [after, after]
    assert sorted(changes["acknowledged"]) == sorted(others)
    _act(client, "undo", **changes)
    assert _states([seen, *others]) == before


def test_false_positive_can_be_undone(client: Client, camera: Camera) -> None:
    (alert_id,) = _alerts(camera, 1)
    path = f"/dashboard/alerts/{alert_id}/false-positive/?as=row"
    told = json.loads(client.post(path, headers=HTMX).headers["HX-Trigger"])["vigil:handled"]
    assert told == {"acknowledged": [alert_id], "resolved": [], "judged": [alert_id], "cleared": []}
    told = json.loads(client.post(path, headers=HTMX).headers["HX-Trigger"])["vigil:handled"]
    assert (told["cleared"], _states([alert_id])) == ([alert_id], [(True, False, False)])
    _act(client, "undo", **told)
    assert _states([alert_id]) == [(True, False, True)]


@pytest.mark.parametrize("action", ["acknowledge", "resolve", "false-positive"])
@pytest.mark.parametrize("role", [None, Role.VIEWER])
def test_viewers_cannot_change_anything(camera: Camera, action: str, role: Role | None) -> None:
    ids = _alerts(camera)
    other = User.objects.create_user("other")
    if role is not None and camera.site is not None:
        member_set(site=camera.site, user=other, role=role)
    browser = Client()
    browser.force_login(other)
    changes = _act(browser, action, ids=ids)
    assert not any(changes.values())
    assert _states(ids) == [(False, False, False)] * 3


def test_only_the_resolving_user_can_undo_it(client: Client, camera: Camera) -> None:
    ids = _alerts(camera, 1)
    changes = _act(client, "resolve", ids=ids)
    operator = User.objects.create_user("operator")
    assert camera.site is not None
    member_set(site=camera.site, user=operator, role=Role.SITE_OPERATOR)
    browser = Client()
    browser.force_login(operator)
    _act(browser, "undo", **changes)
    assert _states(ids) == [(True, True, False)]


def test_current_rows_are_returned(client: Client, camera: Camera) -> None:
    ids = _alerts(camera)
    answer = client.post("/dashboard/alerts/resolve/?as=rows", {"ids": ids}, headers=HTMX).content.decode()
    assert answer.count("hx-swap-oob") == answer.count("is-done") == len(ids)


def _cards(camera: Camera, *tracks: str) -> list[AlertCard]:
    for track in tracks:
        _alerts(camera, 1, track=track)
    return [alert_card(alert) for alert in Alert.objects.order_by("-id")]


def test_alerts_of_one_object_are_grouped(camera: Camera) -> None:
    grouped = in_groups(_cards(camera, "7", "8", "7", "", "", "7"))
    assert [card.track for card in grouped] == ["7", "7", "7", "", "", "8"]
    assert [card.is_same for card in grouped] == [False, True, True, False, False, False]
    assert [card.same_count for card in grouped] == [3, 0, 0, 0, 0, 0]
