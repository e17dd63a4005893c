"""Cached responses equal those of the database after every write, and contain no credentials."""

import random
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.cache import cache
from tests.unit.backend.conftest import Party, party

from surveillance.models import Camera
from surveillance.selectors import active
from surveillance.services.cameras import camera_create, camera_delete, camera_set_active, camera_update
from vigil_apps.accounts.scopes import Scope
from vigil_apps.sites.models import Membership, Site
from vigil_apps.sites.roles import Role
from vigil_apps.sites.services import member_remove, member_set, site_create, site_delete

PASSWORD = "Pa55word"


def _answers(people: list[Party]) -> list[Any]:
    return [
        person.client.get("/api/active-cameras/", query).json()
        for person in people
        for query in ({}, {"group": "yard"})
    ]


class _Writes:
    """Random writes by the corresponding services."""

    def __init__(self, users: list[User], chance: random.Random) -> None:
        self._users, self._chance, self._number = users, chance, 0

    def one(self) -> str:
        """Perform one write and return its name."""
        writes = [self.add, self.change, self.switch, self.move, self.join, self.leave, self.close, self.remove]
        write = self._chance.choice(writes)
        write()
        return write.__name__

    def add(self) -> None:
        self._number += 1
        values = {"name": f"c{self._number}", "rtsp_url": f"rtsp://u:{PASSWORD}@h/{self._number}", "is_active": True}
        camera_create(user=self._chance.choice(self._users), values=values)

    def change(self) -> None:
        if camera := self._camera():
            self._number += 1
            values = {"rtsp_url": f"rtsp://u:{PASSWORD}@h/{self._number}", "group": self._chance.choice(["", "yard"])}
            camera_update(camera=camera, values=values)

    def switch(self) -> None:
        if camera := self._camera():
            camera_set_active(camera=camera, is_active=not camera.is_active)

    def move(self) -> None:
        if camera := self._camera():
            site = site_create(user=camera.user, name="s")
            camera_update(camera=camera, values={"site_id": site.pk}, user=camera.user)

    def join(self) -> None:
        if site := self._one(Site):
            users = [user for user in self._users if not site.memberships.filter(user=user, role=Role.ADMIN).exists()]
            if users:
                member_set(site=site, user=self._chance.choice(users), role=self._chance.choice(list(Role)))

    def leave(self) -> None:
        members = list(Membership.objects.exclude(role=Role.ADMIN))
        if members:
            member_remove(member=self._chance.choice(members))

    def close(self) -> None:
        if site := self._one(Site):
            site_delete(site=site)

    def remove(self) -> None:
        if Camera.objects.count() > 4 and (camera := self._camera()):
            camera_delete(camera=camera)

    def _camera(self) -> Camera | None:
        found: Camera | None = self._one(Camera)
        return found

    def _one(self, model: Any) -> Any:
        rows = list(model.objects.order_by("pk"))
        return self._chance.choice(rows) if rows else None


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.usefixtures("remembered_tokens")
def test_cached_and_fresh_agree_under_random_writes(
    anna: Party, ben: Party, root: Party, pipeline: Party, operator: Party, seed: int
) -> None:
    people = [anna, ben, root, pipeline, operator]
    writes = _Writes([anna.user, ben.user], random.Random(seed))
    done = []
    for _ in range(25):
        done.append(writes.one())
        cached = _answers(people)
        again = _answers(people)
        cache.clear()
        fresh = _answers(people)
        assert cached == again == fresh, done
        # The next round starts with a cache of the responses before its write.


def test_second_response_reads_no_camera_from_the_database(
    pipeline: Party, camera: Camera, django_assert_num_queries: Any
) -> None:
    first = pipeline.client.get("/api/active-cameras/").json()
    with django_assert_num_queries(2):  # the token, the version
        assert pipeline.client.get("/api/active-cameras/").json() == first


def test_cache_holds_no_credentials(pipeline: Party, anna: Party, camera: Camera, monkeypatch: Any) -> None:
    kept: list[str] = []
    monkeypatch.setattr(active, "_set", lambda tag, text: kept.append(tag + text))
    assert PASSWORD in pipeline.client.get("/api/active-cameras/").content.decode()
    anna.client.get("/api/active-cameras/")
    assert len(kept) == 2
    assert PASSWORD not in "".join(kept)
    assert "camera.example" not in kept[0]


def test_unavailable_or_undecryptable_cache_is_ignored(
    pipeline: Party, camera: Camera, settings: Any, monkeypatch: Any
) -> None:
    first = pipeline.client.get("/api/active-cameras/").json()
    from cryptography.fernet import Fernet

    settings.VIGIL_CREDENTIAL_KEYS = (Fernet.generate_key().decode(),)
    Camera.objects.filter(pk=camera.pk).update(rtsp_url=camera.rtsp_url)  # encrypted again, with the same version
    assert pipeline.client.get("/api/active-cameras/").json() == first

    def fail(*_: Any) -> None:
        raise ConnectionError

    monkeypatch.setattr("surveillance.selectors.active.cache.get", fail)
    monkeypatch.setattr("surveillance.selectors.active.cache.set", fail)
    assert pipeline.client.get("/api/active-cameras/").json() == first


def test_new_superuser_gets_a_new_camera_list(make_user: Callable[..., User], camera: Camera) -> None:
    user = make_user("dora")
    dora = party(user, Scope.USER)
    before = dora.client.get("/api/active-cameras/")
    User.objects.filter(pk=user.pk).update(is_superuser=True)
    after = dora.client.get("/api/active-cameras/", HTTP_IF_NONE_MATCH=before.headers["ETag"])
    assert (before.json(), len(after.json())) == ([], 1)
