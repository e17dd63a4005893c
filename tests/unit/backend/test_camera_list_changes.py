"""Whoever applies the changes of the list of active cameras has the same list as one who fetches all of it."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from django.core.cache import cache
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection, transaction
from django.db.models import F
from django.utils import timezone
from tests.unit.backend.conftest import APPS, Party
from tests.unit.backend.test_clusters import fall_silent, release, stated

from surveillance.models import Camera, CameraListChange, CameraListVersion, Cluster
from surveillance.selectors.camera_list import ListVersion, camera_list_version, changed_cameras
from surveillance.services import camera_list
from surveillance.services.camera_list import camera_list_change, object_reports_set
from surveillance.services.cameras import camera_create, camera_delete, camera_set_active, camera_update
from vigil_contracts.camera import CHANGES_ONLY, MAX_CHANGED_CAMERAS

PATH = "/api/active-cameras/"


class Follower:
    """A client that keeps the list by its changes."""

    def __init__(self, sender: Party, query: str = "") -> None:
        self._sender, self._query = sender, query
        self.etag = ""
        self.cameras: dict[int, Any] = {}
        self.statuses: list[int] = []

    def poll(self) -> int:
        """Ask once, apply the answer and return its status."""
        headers = {"If-None-Match": self.etag, "A-IM": CHANGES_ONLY} if self.etag else {"A-IM": CHANGES_ONLY}
        answer = self._sender.client.get(PATH + self._query, headers=headers)
        if answer.status_code == 200:
            self.cameras = {row["id"]: row for row in answer.json()}
        elif answer.status_code == 226:
            changes = answer.json()
            assert answer["IM"] == CHANGES_ONLY
            for camera_id in changes["removed"]:
                self.cameras.pop(camera_id, None)
            self.cameras |= {row["id"]: row for row in changes["cameras"]}
        else:
            assert answer.status_code == 304, answer.content
        self.etag = answer.headers.get("ETag", self.etag)  # 304 has none
        self.statuses.append(answer.status_code)
        return int(answer.status_code)

    def assert_complete(self, done: object = None) -> None:
        """Compare what it has with the whole list, read from the database."""
        cache.clear()
        whole = self._sender.client.get(PATH + self._query).json()
        assert [self.cameras[key] for key in sorted(self.cameras)] == whole, done


def add(owner: Party, number: int = 1, **values: Any) -> Camera:
    given = {"name": f"c{number}", "rtsp_url": f"rtsp://u:p@h/{number}", "is_active": True, **values}
    return camera_create(user=owner.user, values=given)


@pytest.fixture
def follower(operator: Party, camera: Camera) -> Follower:
    made = Follower(operator)
    assert made.poll() == 200
    return made


def test_a_document_of_many_cameras_is_one_version(anna: Party, camera: Camera, follower: Follower) -> None:
    before = camera_list_version().number
    document = {"cameras": [{"name": f"c{each}", "rtsp_url": f"rtsp://10.0.0.{each}/1"} for each in range(9)]}
    assert anna.client.post("/api/configuration/", document, format="json").status_code == 200
    file = SimpleUploadedFile("cameras.csv", b"name,rtsp_url\nc10,rtsp://10.0.0.10/1\nc11,rtsp://10.0.0.11/1\n")
    assert anna.client.post("/api/cameras/import/", {"file": file}, format="multipart").status_code == 201
    assert camera_list_version().number == before + 2
    assert follower.poll() == 226
    follower.assert_complete()


def test_a_refused_document_changes_no_version(anna: Party, camera: Camera) -> None:
    before = camera_list_version()
    document = {"cameras": [{"name": "c1", "rtsp_url": "rtsp://10.0.0.1/1"}, {"name": "c2", "rtsp_url": "no"}]}
    assert anna.client.post("/api/configuration/", document, format="json").status_code == 400
    assert camera_list_version() == before
    add(anna)
    assert camera_list_version().number == before.number + 1


def test_changes_name_new_changed_and_missing_cameras(anna: Party, camera: Camera, follower: Follower) -> None:
    other = add(anna)
    assert follower.poll() == 226
    assert set(follower.cameras) == {camera.pk, other.pk}
    camera_update(camera=other, values={"name": "Yard"})
    camera_set_active(camera=camera, is_active=False)
    assert follower.poll() == 226
    assert [row["name"] for row in follower.cameras.values()] == ["Yard"]
    camera_delete(camera=other)
    assert follower.poll() == 226
    assert follower.cameras == {}
    assert follower.poll() == 304
    follower.assert_complete()


def test_only_the_changed_cameras_are_sent(anna: Party, operator: Party, follower: Follower) -> None:
    for number in range(3):
        add(anna, number)
    follower.poll()
    camera_update(camera=Camera.objects.get(name="c1"), values={"group": "yard"})
    answer = operator.client.get(PATH, headers={"If-None-Match": follower.etag, "A-IM": CHANGES_ONLY})
    assert [row["name"] for row in answer.json()["cameras"]] == ["c1"]
    assert answer.json()["cameras"][0]["rtsp_url"] == "rtsp://u:p@h/1"
    assert answer.headers["Cache-Control"] == "private, no-cache"


def test_group_is_left_by_a_change(anna: Party, pipeline: Party) -> None:
    camera = add(anna, group="yard")
    yard, gate = Follower(pipeline, "?group=yard"), Follower(pipeline, "?group=gate")
    assert (yard.poll(), gate.poll()) == (200, 200)
    camera_update(camera=camera, values={"group": "gate"})
    assert (yard.poll(), gate.poll()) == (226, 226)
    assert (list(yard.cameras), list(gate.cameras)) == ([], [camera.pk])


def test_requests_without_the_header_get_the_whole_list(anna: Party, operator: Party, follower: Follower) -> None:
    add(anna)
    for headers in ({}, {"A-IM": "vcdiff"}, {"A-IM": ""}):
        assert operator.client.get(PATH, headers={"If-None-Match": follower.etag, **headers}).status_code == 200


def test_users_get_the_whole_list_since_their_rights_may_have_changed(anna: Party, camera: Camera) -> None:
    person = Follower(anna)
    person.poll()
    camera_update(camera=camera, values={"name": "Yard"})
    assert person.poll() == 200


def test_another_lists_tag_gets_the_whole_list(
    anna: Party, operator: Party, pipeline: Party, camera: Camera, monkeypatch: pytest.MonkeyPatch
) -> None:
    tags = {}
    for name, sender, query in (
        ("operator", operator, ""),
        ("pipeline", pipeline, ""),
        ("group", operator, "?group=yard"),
        ("cluster", operator, stated("north")),
    ):
        one = Follower(sender, query)
        one.poll()
        tags[name] = one.etag
    camera_update(camera=camera, values={"name": "Yard"})
    for name, tag in tags.items():
        answer = operator.client.get(PATH, headers={"If-None-Match": tag, "A-IM": CHANGES_ONLY})
        assert answer.status_code == (226 if name == "operator" else 200), name
    weak = operator.client.get(PATH, headers={"If-None-Match": f"W/{tags['operator']}", "A-IM": CHANGES_ONLY})
    assert weak.status_code == 226, "a proxy that compresses makes tags weak"
    monkeypatch.setattr("surveillance.api.detectors.CONFIGURATION_FORMAT", 99)
    newer = operator.client.get(PATH, headers={"If-None-Match": tags["operator"], "A-IM": CHANGES_ONLY})
    assert newer.status_code == 200, "the cameras that have not changed look different, too"


@pytest.mark.parametrize(
    "tag",
    [
        '"3"',
        '"3--"',
        "*",
        '"a", "b"',
        '"3-999999999999999999.0-operator"',
        '"3-1.zz-x"',
        '"3-1-x"',
        "",
        '"' + "9" * 99,
    ],
)
def test_unknown_tags_get_the_whole_list(operator: Party, camera: Camera, tag: str) -> None:
    answer = operator.client.get(PATH, headers={"If-None-Match": tag, "A-IM": CHANGES_ONLY})
    assert answer.status_code in ({200, 304} if tag == "*" else {200})


def bump_like_an_older_backend() -> None:
    CameraListVersion.objects.update(number=F("number") + 1)


def forget_the_log() -> None:
    CameraListChange.objects.all().delete()


def lose_one_version() -> None:
    CameraListChange.objects.filter(version=camera_list_version().number).delete()
    camera_list_change(camera_ids=[])


def restore_a_backup() -> None:
    """Go back by one version, and reach the same number again with other changes."""
    number = camera_list_version().number
    CameraListChange.objects.filter(version=number).delete()
    CameraListVersion.objects.update(number=number - 1)
    camera_list_change(camera_ids=[])
    camera_list_change(camera_ids=[])


def change_everything() -> None:
    camera_list_change(camera_ids=None)


def change_many() -> None:
    camera_list_change(camera_ids=range(1, MAX_CHANGED_CAMERAS + 2))


def change_many_one_by_one() -> None:
    for start in (1, MAX_CHANGED_CAMERAS):
        camera_list_change(camera_ids=range(start, start + MAX_CHANGED_CAMERAS))


def start_anew() -> None:
    CameraListVersion.objects.update(number=0)
    camera_list_change(camera_ids=[])


@pytest.mark.parametrize(
    "happen",
    [
        bump_like_an_older_backend,
        forget_the_log,
        lose_one_version,
        restore_a_backup,
        change_everything,
        change_many,
        change_many_one_by_one,
        start_anew,
    ],
    ids=lambda happen: happen.__name__,
)
def test_whole_list_is_sent_when_the_changes_are_not_certain(
    anna: Party, follower: Follower, happen: Callable[[], None]
) -> None:
    camera = add(anna)
    follower.poll()
    Camera.objects.filter(pk=camera.pk).update(name="Changed")  # which only the whole list can show
    happen()
    camera_list_change(camera_ids=[])
    assert follower.poll() == 200
    follower.assert_complete()
    camera_update(camera=camera, values={"name": "Again"})
    assert follower.poll() == 226, "from here on the changes are certain again"
    follower.assert_complete()


def test_object_reports_change_the_whole_list(follower: Follower) -> None:
    assert object_reports_set(is_on=True, now=timezone.now())
    assert follower.poll() == 200
    follower.assert_complete()


def test_cameras_of_a_deleted_cluster_are_new_to_pipelines(
    operator: Party, pipeline: Party, anna: Party, camera: Camera
) -> None:
    Follower(operator, stated("north")).poll()
    assert anna.client.patch(f"/api/cameras/{camera.pk}/", {"cluster": "north"}).status_code == 200
    follower = Follower(pipeline)
    follower.poll()
    assert follower.cameras == {}
    Cluster.objects.get(name="north").delete()
    follower.poll()
    assert list(follower.cameras) == [camera.pk]


def test_cameras_of_a_silent_cluster_are_new_to_the_other(operator: Party, camera: Camera) -> None:
    north, south = Follower(operator, stated("north")), Follower(operator, stated("south"))
    for one in (south, north, north):
        one.poll()
    assert (list(south.cameras), list(north.cameras)) == ([camera.pk], [])
    fall_silent("south")
    assert north.poll() == 200, "no write shows it"
    assert list(north.cameras) == [camera.pk]
    assert south.poll() == 200, "it asks again, so the others' lists differ, too"
    assert list(south.cameras) == []


def test_handed_over_camera_leaves_one_list_and_enters_the_other(
    operator: Party, anna: Party, camera: Camera
) -> None:
    north, south = Follower(operator, stated("north")), Follower(operator, stated("south"))
    for one in (north, south, north):
        one.poll()
    assert anna.client.patch(f"/api/cameras/{camera.pk}/", {"cluster": "south"}).status_code == 200
    assert (north.poll(), south.poll()) == (226, 226)
    assert (list(north.cameras), list(south.cameras)) == ([], []), "one cluster at a time"
    release(operator, "north", camera.pk)
    assert south.poll() == 226
    assert list(south.cameras) == [camera.pk]


def test_log_is_bounded(operator: Party, camera: Camera, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(camera_list, "KEPT_CHANGES", 100)
    late = Follower(operator)
    late.poll()
    for _ in range(200):
        camera_list_change(camera_ids=[camera.pk])
    assert 100 <= CameraListChange.objects.count() < 100 + 64
    assert late.poll() == 200


def test_versions_are_read_as_they_are_written() -> None:
    assert ListVersion.read(str(ListVersion(12, "0a"))) == ListVersion(12, "0a")
    assert ListVersion.read("12") is None


@pytest.mark.django_db
def test_empty_log_knows_nothing() -> None:
    assert changed_cameras(since=ListVersion(), until=ListVersion()) is None


class Writes:
    """Random writes to cameras, clusters and what clusters hold."""

    def __init__(self, owner: Party, operator: Party, chance: random.Random) -> None:
        self._owner, self._operator, self._chance, self._number = owner, operator, chance, 0

    def one(self) -> str:
        writes = [
            self.add,
            self.change,
            self.switch,
            self.assign,
            self.remove,
            self.hand_over,
            self.silence,
            self.drop,
        ]
        write = self._chance.choices(writes, weights=[4, 4, 4, 6, 2, 6, 1, 1])[0]
        write()
        return write.__name__

    def add(self) -> None:
        self._number += 1
        add(self._owner, self._number, group=self._chance.choice(["", "yard"]))

    def change(self) -> None:
        self._number += 1
        if camera := self._camera():
            camera_update(camera=camera, values={"name": f"c{self._number}"})

    def switch(self) -> None:
        if camera := self._camera():
            camera_set_active(camera=camera, is_active=not camera.is_active)

    def assign(self) -> None:
        if camera := self._camera():
            name = self._chance.choice(["", "north", "south"])
            answer = self._owner.client.patch(f"/api/cameras/{camera.pk}/", {"cluster": name})
            assert answer.status_code in {200, 400}, answer.content  # 400: the cluster is deleted

    def remove(self) -> None:
        if camera := self._camera():
            camera_delete(camera=camera)

    def hand_over(self) -> None:
        name = self._chance.choice(["north", "south"])
        release(self._operator, name, *Camera.objects.values_list("pk", flat=True))

    def silence(self) -> None:
        fall_silent(self._chance.choice(["north", "south"]))

    def drop(self) -> None:
        for cluster in Cluster.objects.filter(name=self._chance.choice(["north", "south"])):
            cluster.delete()

    def _camera(self) -> Camera | None:
        rows = list(Camera.objects.order_by("pk"))
        return self._chance.choice(rows) if rows else None


@pytest.mark.parametrize("seed", range(3))
def test_changes_and_whole_list_agree_under_random_writes(
    anna: Party, operator: Party, pipeline: Party, seed: int
) -> None:
    chance = random.Random(seed)
    writes = Writes(anna, operator, chance)
    followers = [
        Follower(operator, stated("north")),
        Follower(operator, stated("south")),
        Follower(operator),
        Follower(pipeline, "?group=yard"),
    ]
    done = []
    for _ in range(30):
        done.append(writes.one())
        for one in chance.sample(followers, chance.randrange(len(followers) + 1)):
            one.poll()
            one.assert_complete(done)
    counted = [status for one in followers for status in one.statuses]
    assert counted.count(226) >= 5, "the changes were hardly ever certain, so this compares nothing"


@pytest.mark.django_db(transaction=True, available_apps=APPS)
def test_transactions_that_end_in_another_order_lose_no_change(anna: Party, operator: Party) -> None:
    """A reader that comes between must not take a version for complete while an earlier one is not committed."""
    cameras = [add(anna, number) for number in range(6)]
    follower = Follower(operator, stated("north"))
    follower.poll()

    def write(worker: int) -> None:
        chance = random.Random(worker)
        try:
            for round_ in range(12):
                camera = cameras[(worker + round_ * 3) % len(cameras)]
                with suppress(RuntimeError), transaction.atomic():
                    camera_update(camera=camera, values={"name": f"{camera.pk} {worker} {round_}"})
                    time.sleep(chance.random() / 100)
                    if chance.random() < 0.2:
                        raise RuntimeError  # its version is given to another change
        finally:
            connection.close()

    if connection.vendor != "postgresql":  # no second connection to a database in memory
        for camera in cameras:
            camera_update(camera=camera, values={"name": f"{camera.pk} changed"})
        assert follower.poll() == 226
        follower.assert_complete()
        return
    threads = [threading.Thread(target=write, args=(worker,)) for worker in range(3)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        follower.poll()
    for thread in threads:
        thread.join()
    follower.poll()
    follower.assert_complete()
    assert 226 in follower.statuses
    assert 200 not in follower.statuses[1:], "every change was known for certain"
