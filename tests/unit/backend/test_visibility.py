"""The three permission checks agree: by queryset, without a query, and from a camera to its viewers."""

from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.http import Http404
from tests.unit.backend.conftest import Party

from surveillance.models import Alert, Camera
from surveillance.selectors.access import (
    alert_for,
    alerts_visible_to,
    camera_for,
    cameras_visible_to,
    may_send,
    viewers_of,
)
from vigil_apps.accounts.principal import NOBODY, Principal
from vigil_apps.accounts.scopes import Scope
from vigil_apps.sites.roles import Role
from vigil_apps.sites.services import member_set, site_create

SENDERS = {Scope.DETECTOR, Scope.PIPELINE}


@pytest.fixture
def members(anna: Party, camera: Camera, make_user: Callable[..., User]) -> dict[Role, User]:
    """A member in each role of the site of Anna's camera."""
    camera.site = site_create(user=anna.user, name="Yard")
    camera.save()
    users = {role: make_user(f"member-{role}") for role in Role}
    for role, user in users.items():
        member_set(site=camera.site, user=user, role=role)
    return users


def test_sender_check_agrees_with_the_queryset(anna: Party, ben: Party, camera: Camera) -> None:
    theirs = Camera.objects.create(user=ben.user, name="b", rtsp_url="rtsp://h/1")
    principals = [Principal(anna.user, scope, camera.pk if scope == Scope.DETECTOR else None) for scope in Scope]
    for principal in [*principals, Principal(anna.user, Scope.DETECTOR), NOBODY]:
        for one in (camera, theirs):
            sees = cameras_visible_to(principal).filter(pk=one.pk).exists()
            if principal.scope in SENDERS or not sees:
                assert may_send(principal, one.pk) is sees, (principal.scope, one.name)
    assert may_send(Principal(anna.user, Scope.DETECTOR, camera.pk), camera.pk)
    assert not may_send(Principal.of_user(anna.user), camera.pk), "people send no alerts"


def test_viewers_of_a_camera_match_the_queryset(
    anna: Party, ben: Party, camera: Camera, members: dict[Role, User]
) -> None:
    private = Camera.objects.create(user=ben.user, name="b", rtsp_url="rtsp://h/1")
    viewers = viewers_of([camera, private])
    for user in (anna.user, ben.user, *members.values()):
        found = set(cameras_visible_to(Principal.of_user(user)).values_list("pk", flat=True))
        assert found == {pk for pk, ids in viewers.items() if user.pk in ids}, user.username


@pytest.mark.parametrize("asked", Role)
def test_low_role_is_403_and_stranger_is_404(
    anna: Party, ben: Party, camera: Camera, alert: Alert, members: dict[Role, User], asked: Role
) -> None:
    for role, user in members.items():
        principal = Principal.of_user(user)
        if role in asked.and_above:
            assert camera_for(principal, camera.pk, asked) == camera
            assert alert_for(principal, alert.pk, asked) == alert
        else:
            with pytest.raises(PermissionDenied):
                camera_for(principal, camera.pk, asked)
            with pytest.raises(PermissionDenied):
                alert_for(principal, alert.pk, asked)
    assert camera_for(Principal.of_user(anna.user), camera.pk, asked) == camera, "the owner needs no role"
    for stranger in (Principal.of_user(ben.user), NOBODY):
        with pytest.raises(Http404):
            camera_for(stranger, camera.pk, asked)
        with pytest.raises(Http404):
            alert_for(stranger, alert.pk, asked)


def test_services_and_detectors_read_no_alerts(anna: Party, camera: Camera, alert: Alert) -> None:
    for scope in set(Scope) - {Scope.USER}:
        assert not alerts_visible_to(Principal(anna.user, scope, camera.pk)).exists()
