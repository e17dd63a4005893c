from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
from tests.unit.operator.builders import NAMESPACE, camera_body, plan

from vigil_operator.core.desired.deployment import build_deployment
from vigil_operator.core.observed import Key
from vigil_operator.kube.kinds import CAMERA, DEPLOYMENT, DETECTOR_CLASS, POD
from vigil_operator.kube.listing import Listing
from vigil_operator.kube.store import Store

KEY = Key(NAMESPACE, "cam-7")


def pod_body(version: int = 5, uid: str = "p") -> dict[str, object]:
    return {
        "metadata": {
            "name": "cam-7-detector-x",
            "namespace": NAMESPACE,
            "uid": uid,
            "resourceVersion": str(version),
            "labels": {"vigil.dev/camera": "cam-7"},
        }
    }


def listing(version: int, *bodies: Mapping[str, Any]) -> Listing:
    text = json.dumps({"kind": "List", "metadata": {"resourceVersion": str(version)}, "items": bodies})
    return Listing.read(text.encode())


def test_only_new_objects_of_a_listing_are_parsed() -> None:
    store = Store()
    store.observe(CAMERA, camera_body(version=10))
    known = store.cameras[KEY]
    assert store.replace(CAMERA, listing(15, camera_body(version=10))) == set()
    assert store.cameras[KEY] is known
    assert store.replace(CAMERA, listing(15, camera_body(version=12, generation=3))) == {KEY}
    assert store.cameras[KEY].meta.generation == 3


@pytest.mark.parametrize("text", [b"", b"busy", b"[]", b'{"items": [{"metadata": {}}]}'])
def test_invalid_listing_is_not_treated_as_empty(text: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - the library's own words
        Listing.read(text)


def test_only_real_changes_return_their_camera() -> None:
    store = Store()
    assert store.observe(CAMERA, camera_body()) == {KEY}
    assert store.observe(CAMERA, camera_body()) == set()
    assert store.observe(POD, pod_body()) == {KEY}
    assert store.observe(DEPLOYMENT, build_deployment(plan())) == {KEY}
    assert store.children(KEY).deployment is not None
    assert len(store.children(KEY).pods) == 1


def test_an_older_version_never_replaces_a_newer_one() -> None:
    store = Store()
    store.observe(CAMERA, camera_body(version=11, generation=2))
    assert store.observe(CAMERA, camera_body(version=10)) == set()
    assert store.cameras[KEY].meta.generation == 2


def test_late_deletion_does_not_remove_the_successor() -> None:
    store = Store()
    store.observe(CAMERA, camera_body(uid="new", version=20))
    assert store.forget(CAMERA, KEY, "old") == set()
    assert KEY in store.cameras
    assert store.forget(CAMERA, KEY, "new") == {KEY}


def test_late_listing_does_not_restore_deleted_objects() -> None:
    store = Store()
    store.observe(CAMERA, camera_body(version=10))
    store.forget(CAMERA, KEY, "uid-7")
    store.replace(CAMERA, listing(15, camera_body(version=10)))
    assert KEY not in store.cameras


def test_listing_removes_deleted_objects_but_keeps_newer_ones() -> None:
    store = Store()
    store.observe(CAMERA, camera_body("gone", uid="g", version=5))
    store.observe(CAMERA, camera_body("newer", uid="n", version=50))
    assert store.replace(CAMERA, listing(20)) == {Key(NAMESPACE, "gone")}
    assert set(store.cameras) == {Key(NAMESPACE, "newer")}


def test_pods_missing_from_a_listing_are_removed() -> None:
    store = Store()
    store.observe(POD, pod_body())
    assert store.replace(POD, listing(9)) == {KEY}
    assert store.children(KEY).pods == ()


def test_class_change_affects_all_cameras_and_orphans() -> None:
    store = Store()
    store.observe(CAMERA, camera_body("a", uid="a"))
    store.observe(DEPLOYMENT, build_deployment(plan()))
    found = store.observe(DETECTOR_CLASS, {"metadata": {"name": "gpu", "uid": "c", "resourceVersion": "1"}})
    assert found == {Key(NAMESPACE, "a"), KEY}
