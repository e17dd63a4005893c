"""Sites: members, roles, and the access that they give."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from tests.unit.backend.conftest import URL, Party, member, picture, send

from surveillance.event_streams import events
from surveillance.event_streams.events import Viewer
from surveillance.models import Alert, Camera
from vigil_apps.sites.models import Membership, Site
from vigil_apps.sites.roles import Role
from vigil_apps.sites.services import site_create

LAST_ADMIN = {"detail": "A site needs an admin. Make another member an admin first."}


def test_creator_of_a_site_is_its_admin(anna: Party, ben: Party) -> None:
    answer = anna.client.post("/api/sites/", {"name": "Harbour"})
    assert answer.status_code == 201
    shown = answer.json()
    assert (shown["name"], shown["role"]) == ("Harbour", "admin")
    assert [site["id"] for site in anna.client.get("/api/sites/").json()["results"]] == [shown["id"]]
    assert ben.client.get("/api/sites/").json()["results"] == []


@pytest.mark.parametrize("name", ["", "x" * 101, None, "a\x00b"])
def test_site_needs_a_name(anna: Party, name: str | None) -> None:
    answer = anna.client.post("/api/sites/", {"name": name})
    assert (answer.status_code, list(answer.json())) == (400, ["name"])
    assert not Site.objects.exists()


def test_membership_requires_consent(anna: Party, ben: Party, site: Site) -> None:
    url = f"/api/sites/{site.pk}/members/"
    for name in ("ben", "nobody"):
        refused = anna.client.post(url, {"username": name, "role": "viewer"})
        assert refused.status_code == 403
        assert "POST /api/invitations/" in refused.json()["detail"], (
            "the same words whether or not there is such a user"
        )
    assert ben.client.get("/api/sites/").json()["results"] == []
    invitation = anna.client.post("/api/invitations/", {"site": site.pk, "role": "viewer", "expires_in_days": 7})
    assert ben.client.get("/api/sites/").json()["results"] == [], "invited, not yet a member"
    assert ben.client.post("/api/invitations/accept/", {"token": invitation.json()["token"]}).status_code == 200
    assert [row["username"] for row in ben.client.get(url).json()] == ["anna", "ben"]


def test_members_are_added_changed_and_removed(anna: Party, ben: Party, root: Party, site: Site) -> None:
    url = f"/api/sites/{site.pk}/members/"
    assert ben.client.get(url).status_code == 404
    added = root.client.post(url, {"username": "ben", "role": "viewer"})
    assert (added.status_code, added.json()) == (201, {"user": ben.user.pk, "username": "ben", "role": "viewer"})
    assert [row["username"] for row in ben.client.get(url).json()] == ["anna", "ben"]
    changed = anna.client.patch(f"{url}{ben.user.pk}/", {"role": "operator"})
    assert changed.json()["role"] == "operator"
    assert ben.client.get(f"/api/sites/{site.pk}/").json()["role"] == "operator"
    assert anna.client.delete(f"{url}{ben.user.pk}/").status_code == 204
    assert ben.client.get(url).status_code == 404


@pytest.mark.parametrize(
    ("body", "field", "words"),
    [
        ({"username": "nobody", "role": "viewer"}, "username", "name of an active user"),
        ({"username": "ben", "role": "king"}, "role", "valid choice"),
        ({"username": "ben"}, "role", "required"),
    ],
)
def test_invalid_member_is_named(
    root: Party, ben: Party, site: Site, body: dict[str, str], field: str, words: str
) -> None:
    answer = root.client.post(f"/api/sites/{site.pk}/members/", body)
    assert answer.status_code == 400
    assert words in " ".join(answer.json()[field])
    assert Membership.objects.count() == 1


def test_rename_does_not_reveal_the_owners_private_cameras(
    anna: Party, site_admin: Party, site: Site, camera: Camera
) -> None:
    """`camera` is Anna's in the site; the site's other admin cannot see her private one."""
    for name, where in (("Bedroom", None), ("Yard 2", site.pk)):
        body = {"name": name, "rtsp_url": URL, "site": where}
        assert anna.client.post("/api/cameras/", body).status_code == 201
    path = f"/api/cameras/{camera.pk}/"
    refused = site_admin.client.patch(path, {"name": "Yard 2"})
    assert refused.json() == {"name": ["The owner of this camera has another one with this name in the site."]}
    for name in ("Bedroom", "Nobody's name"):
        answer = site_admin.client.patch(path, {"name": name})
        assert (answer.status_code, answer.json()["name"]) == (200, name)
    assert anna.client.patch(path, {"name": "Bedroom"}).json() == {
        "name": ["You have a camera with this name already."]
    }


def test_site_keeps_an_admin(anna: Party, site: Site, make_user: Callable[..., User]) -> None:
    url = f"/api/sites/{site.pk}/members/{anna.user.pk}/"
    for answer in (anna.client.delete(url), anna.client.patch(url, {"role": "viewer"})):
        assert (answer.status_code, answer.json()) == (409, LAST_ADMIN)
    member(make_user("carla"), site, Role.ADMIN)
    assert anna.client.patch(url, {"role": "viewer"}).status_code == 200


def test_a_member_may_leave(viewer: Party, site: Site) -> None:
    assert viewer.client.delete(f"/api/sites/{site.pk}/members/{viewer.user.pk}/").status_code == 204
    assert viewer.client.get("/api/cameras/").json()["results"] == []


def test_lists_respect_the_role(viewer: Party, site_operator: Party, ben: Party, alert: Alert) -> None:
    for sees in (viewer, site_operator):
        assert [row["id"] for row in sees.client.get("/api/cameras/").json()["results"]] == [alert.camera_id]
        assert [row["id"] for row in sees.client.get("/api/alerts/").json()["results"]] == [alert.pk]
        assert [row["id"] for row in sees.client.get("/api/active-cameras/").json()] == [alert.camera_id]
    assert ben.client.get("/api/alerts/").json()["results"] == []
    refused = viewer.client.post("/api/alerts/acknowledge/", {"ids": [alert.pk]})
    assert refused.json() == {"acknowledged": 0}
    assert site_operator.client.post("/api/alerts/acknowledge/", {"ids": [alert.pk]}).json() == {"acknowledged": 1}


def test_members_see_no_credentials(site_admin: Party, camera: Camera, site: Site) -> None:
    for path in (f"/api/cameras/{camera.pk}/", "/api/cameras/", "/api/active-cameras/"):
        assert "Pa55word" not in site_admin.client.get(path).content.decode()


def test_camera_can_only_move_to_an_own_site(anna: Party, ben: Party, camera: Camera) -> None:
    foreign = site_create(user=ben.user, name="Ben's")
    for site_id in (foreign.pk, 10**9):
        answer = anna.client.patch(f"/api/cameras/{camera.pk}/", {"site": site_id})
        assert (answer.status_code, answer.json()) == (
            400,
            {"site": ["must be a site of which you are an admin, or null"]},
        )
        made = anna.client.post("/api/cameras/", {"name": "New", "rtsp_url": URL, "site": site_id})
        assert (made.status_code, list(made.json())) == (400, ["site"])
    own = site_create(user=anna.user, name="Anna's")
    assert anna.client.patch(f"/api/cameras/{camera.pk}/", {"site": own.pk}).json()["site"] == own.pk
    assert anna.client.get("/api/cameras/", {"site": own.pk}).json()["results"][0]["id"] == camera.pk
    assert anna.client.get("/api/cameras/", {"site": foreign.pk}).json()["results"] == []
    assert anna.client.patch(f"/api/cameras/{camera.pk}/", {"site": None}).json()["site"] is None


def test_site_operator_cannot_add_a_camera(anna: Party, ben: Party, camera: Camera) -> None:
    foreign = site_create(user=ben.user, name="Ben's")
    member(anna.user, foreign, Role.SITE_OPERATOR)
    assert anna.client.patch(f"/api/cameras/{camera.pk}/", {"site": foreign.pk}).status_code == 400


def test_cameras_outlive_their_site(anna: Party, viewer: Party, camera: Camera, site: Site) -> None:
    assert anna.client.delete(f"/api/sites/{site.pk}/").status_code == 204
    assert anna.client.get(f"/api/cameras/{camera.pk}/").json()["site"] is None
    assert viewer.client.get(f"/api/cameras/{camera.pk}/").status_code == 404


def test_poll_mode_group_gives_no_access(anna: Party, ben: Party, pipeline: Party, camera: Camera) -> None:
    Camera.objects.create(user=ben.user, name="b", rtsp_url=URL, is_active=True, group=camera.group)
    assert len(pipeline.client.get("/api/active-cameras/", {"group": "yard"}).json()) == 2
    assert len(ben.client.get("/api/active-cameras/", {"group": "yard"}).json()) == 1


def test_removed_camera_changes_the_active_cameras(anna: Party, viewer: Party, site: Site) -> None:
    first = viewer.client.get("/api/active-cameras/")
    assert len(first.json()) == 1
    anna.client.delete(f"/api/sites/{site.pk}/members/{viewer.user.pk}/")
    again = viewer.client.get("/api/active-cameras/", HTTP_IF_NONE_MATCH=first.headers["ETag"])
    assert (again.status_code, again.json()) == (200, [])


def test_stream_follows_the_membership(
    viewer: Party, ben: Party, anna: Party, alert: Alert, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("surveillance.event_streams.events.close_old_connections", lambda: None)

    def sees(who: Party) -> bool:
        viewing = Viewer(who.user.pk, False, None)
        (event,) = events.events_after(alert.pk - 1).values()
        missed = events.backlog(viewing, after=alert.pk - 1, until=alert.pk)
        assert viewing.may_see(event) == bool(missed)
        return bool(missed)

    assert sees(viewer)
    assert sees(anna)
    assert not sees(ben)
    Membership.objects.filter(user=viewer.user).delete()
    assert not sees(viewer)


def test_number_of_queries_does_not_grow_with_sites(
    viewer: Party, site: Site, camera: Camera, detector: Party, django_assert_num_queries: Any
) -> None:
    viewer.client.get("/api/alerts/")
    with django_assert_num_queries(3):
        assert viewer.client.get("/api/alerts/").json()["results"] == []
    for number in range(5):
        made = site_create(user=camera.user, name=f"Site {number}")
        member(viewer.user, made, Role.VIEWER)
        send(detector, camera, event_id=f"event-{number:04}", image=picture())
    with django_assert_num_queries(3):
        shown = viewer.client.get("/api/alerts/").content
    assert len(json.loads(shown)["results"]) == 5
