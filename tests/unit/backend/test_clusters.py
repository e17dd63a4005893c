"""Several clusters on one API: each camera is given to one of them, and handed over when it moves."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone
from tests.unit.backend.conftest import URL, Party, client_with

from surveillance.core.clusters import KnownCluster, unknown_cluster_problem, unwatched_message
from surveillance.models import Camera, CameraHealth, CameraHold, Cluster
from surveillance.services.clusters import cameras_acquire
from vigil_apps.accounts.models import AuthToken
from vigil_apps.accounts.scopes import Scope

LATER = timedelta(minutes=5)


def stated(name: str, identity: str = "") -> str:
    return f"?cluster={name}&identity={identity or f'digest-of-{name}/vigil-cameras'}"


def cameras_of(operator: Party, name: str, identity: str = "") -> list[int]:
    answer = operator.client.get(f"/api/active-cameras/{stated(name, identity)}")
    assert answer.status_code == 200, answer.content
    return [row["id"] for row in answer.json()]


def release(operator: Party, name: str, *ids: int) -> list[int]:
    answer = operator.client.post(f"/api/camera-releases/{stated(name)}", {"released": ids})
    assert answer.status_code == 200, answer.content
    pending: list[int] = answer.json()["cameras"]
    return pending


def move(owner: Party, camera: Camera, name: str) -> Any:
    return owner.client.patch(f"/api/cameras/{camera.pk}/", {"cluster": name})


def detector_token(operator: Party, camera: Camera, name: str) -> str | None:
    answer = operator.client.post(f"/api/detector-tokens/{stated(name)}", {"cameras": [camera.pk]})
    assert answer.status_code == 201
    token: str | None = answer.json()["tokens"].get(str(camera.pk))
    return token


def fall_silent(name: str) -> None:
    Cluster.objects.filter(name=name).update(asked_at=timezone.now() - LATER)


@pytest.fixture
def clusters(operator: Party) -> None:
    """Two clusters that have asked for cameras and hold none yet."""
    for name in ("north", "south"):
        cameras_of(operator, name)
    CameraHold.objects.all().delete()


def test_camera_without_cluster_goes_to_the_first_that_asks_and_to_no_other(operator: Party, camera: Camera) -> None:
    assert cameras_of(operator, "north") == [camera.pk]
    assert cameras_of(operator, "south") == []
    assert cameras_of(operator, "north") == [camera.pk]


def test_default_cluster_alone_gets_cameras_without_cluster(
    operator: Party, clusters: None, camera: Camera, settings: Any
) -> None:
    settings.VIGIL_DEFAULT_CLUSTER = "south"
    assert cameras_of(operator, "north") == []
    assert cameras_of(operator, "south") == [camera.pk]


def test_cluster_that_is_given_the_default_name_keeps_its_cameras_meanwhile(
    operator: Party, camera: Camera, settings: Any
) -> None:
    assert cameras_of(operator, "", "one/cameras") == [camera.pk]
    settings.VIGIL_DEFAULT_CLUSTER = "south"  # the backend restarts first
    assert cameras_of(operator, "", "one/cameras") == [camera.pk]
    assert cameras_of(operator, "south", "one/cameras") == [camera.pk]


def test_operator_without_name_and_one_of_an_older_version_get_what_has_no_cluster(
    operator: Party, pipeline: Party, anna: Party, clusters: None, camera: Camera
) -> None:
    other = Camera.objects.create(user=camera.user, name="Other", rtsp_url=URL, is_active=True)
    assert move(anna, other, "north").status_code == 200
    for party in (operator, pipeline):
        assert [row["id"] for row in party.client.get("/api/active-cameras/").json()] == [camera.pk]
    assert cameras_of(operator, "", "digest/one") == [camera.pk]
    assert cameras_of(operator, "", "digest/two") == [], "another cluster without a name"
    assert len(anna.client.get("/api/active-cameras/").json()) == 2, "the user's own view has all"


def test_one_patch_moves_a_camera_once_its_cluster_has_released_it(
    operator: Party, anna: Party, camera: Camera, clusters: None
) -> None:
    assert move(anna, camera, "north").json()["cluster"] == "north"
    assert cameras_of(operator, "north") == [camera.pk]
    token = detector_token(operator, camera, "north")
    assert token is not None
    shown = move(anna, camera, "south").json()
    assert (shown["cluster"], shown["watched_by"]) == ("south", "north")
    # Neither cluster has it now: one still runs its detector, the other must wait.
    assert cameras_of(operator, "north") == cameras_of(operator, "south") == []
    assert detector_token(operator, camera, "south") is None
    assert client_with(token).get(f"/api/cameras/{camera.pk}/configuration/").status_code == 200
    assert release(operator, "north") == [camera.pk]
    assert release(operator, "north", camera.pk) == []
    assert client_with(token).get(f"/api/cameras/{camera.pk}/configuration/").status_code == 401
    assert cameras_of(operator, "south") == [camera.pk]
    assert detector_token(operator, camera, "south") is not None
    assert detector_token(operator, camera, "north") is None
    assert anna.client.get(f"/api/cameras/{camera.pk}/").json()["watched_by"] == "south"


def test_silent_cluster_does_not_keep_its_cameras(
    operator: Party, anna: Party, camera: Camera, clusters: None
) -> None:
    move(anna, camera, "north")
    cameras_of(operator, "north")
    cut_off = detector_token(operator, camera, "north")
    move(anna, camera, "south")
    waiting = operator.client.get(f"/api/active-cameras/{stated('south')}")
    fall_silent("north")
    answer = operator.client.get(
        f"/api/active-cameras/{stated('south')}", headers={"If-None-Match": waiting.headers["ETag"]}
    )
    assert [row["id"] for row in answer.json()] == [camera.pk], "silence changes the list without a write"
    # A detector that is cut off may still have alerts to deliver; it has the usual grace period.
    assert client_with(str(cut_off)).get(f"/api/cameras/{camera.pk}/configuration/").status_code == 200
    ends = AuthToken.objects.get(scope=Scope.DETECTOR).expiry
    assert ends is not None
    assert cameras_of(operator, "north") == []
    assert release(operator, "north") == [], "it has nothing to release any more"


def test_detector_that_still_reports_for_a_silent_cluster_loses_its_token(
    operator: Party, anna: Party, camera: Camera, clusters: None
) -> None:
    move(anna, camera, "north")
    cameras_of(operator, "north")
    token = detector_token(operator, camera, "north")
    CameraHealth.objects.create(camera=camera, phase="Streaming", reason="Streaming", reported_at=timezone.now())
    move(anna, camera, "south")
    fall_silent("north")
    assert cameras_of(operator, "south") == [camera.pk]
    assert client_with(str(token)).get(f"/api/cameras/{camera.pk}/configuration/").status_code == 401


def test_two_clusters_that_ask_at_once_get_a_camera_once(camera: Camera, clusters: None) -> None:
    north, south = Cluster.objects.get(name="north"), Cluster.objects.get(name="south")
    held = [
        cameras_acquire(cluster=cluster, cameras=Camera.objects.all(), now=timezone.now())
        for cluster in (north, south)
    ]
    assert held == [{camera.pk}, set()]


def test_deactivated_camera_is_released(operator: Party, anna: Party, camera: Camera) -> None:
    cameras_of(operator, "north")
    anna.client.post(f"/api/cameras/{camera.pk}/deactivate/")
    assert release(operator, "north") == [camera.pk]
    assert release(operator, "north", camera.pk) == []
    assert not CameraHold.objects.exists()


def test_cluster_cannot_release_what_another_holds(operator: Party, camera: Camera, clusters: None) -> None:
    assert cameras_of(operator, "north") == [camera.pk]
    release(operator, "south", camera.pk)
    assert cameras_of(operator, "south") == []


def test_second_cluster_of_one_name_is_refused_until_the_first_is_silent(operator: Party, camera: Camera) -> None:
    assert cameras_of(operator, "north", "one/cameras") == [camera.pk]
    refused = operator.client.get(f"/api/active-cameras/{stated('north', 'two/cameras')}")
    assert refused.status_code == 409
    assert (
        "The cluster name north is in use by another cluster or namespace (one/cameras)" in refused.json()["detail"]
    )
    fall_silent("north")
    assert cameras_of(operator, "north", "two/cameras") == [camera.pk], "a rebuilt cluster has a new identity"


def test_cluster_that_gets_a_name_keeps_its_cameras(operator: Party, anna: Party, camera: Camera) -> None:
    assert cameras_of(operator, "", "one/cameras") == [camera.pk]
    assert cameras_of(operator, "north", "one/cameras") == [camera.pk]
    move(anna, camera, "north")
    assert cameras_of(operator, "nord", "one/cameras") == [camera.pk]
    assert anna.client.get(f"/api/cameras/{camera.pk}/").json()["cluster"] == "nord"


@pytest.mark.parametrize(("name", "known"), [("nrth", "north, south"), ("North", "north, south")])
def test_unknown_cluster_is_refused_with_the_known_ones(
    anna: Party, camera: Camera, clusters: None, name: str, known: str
) -> None:
    answer = move(anna, camera, name)
    assert answer.status_code == 400
    assert answer.json()["cluster"] == [
        f"must be one of the known clusters ({known}), or empty for the default; a cluster is known once its"
        " operator, with that VIGIL_CLUSTER_NAME, has asked for cameras"
    ]
    assert "none is known yet" in unknown_cluster_problem([])


@pytest.mark.parametrize(
    "query", ["cluster=North_1&identity=i", "cluster=north&identity=", f"cluster={'n' * 64}&identity=i"]
)
def test_operator_must_state_a_valid_cluster(operator: Party, query: str) -> None:
    answer = operator.client.get(f"/api/active-cameras/?{query}")
    assert answer.status_code == 400
    assert set(answer.json()) <= {"cluster", "identity"}
    assert operator.client.post("/api/camera-releases/", {}).json() == {
        "identity": ["is required, as a parameter of the URL"]
    }


def test_camera_of_a_silent_cluster_says_so(operator: Party, anna: Party, camera: Camera, clusters: None) -> None:
    move(anna, camera, "north")
    fall_silent("north")
    health = anna.client.get(f"/api/cameras/{camera.pk}/").json()["health"]
    assert (health["phase"], health["reason"]) == ("Pending", "DetectorNotReporting")
    assert health["message"].startswith("No operator of cluster north has asked for its cameras for 5 min.")
    (listed,) = anna.client.get("/api/cameras/").json()["results"]
    assert listed["health"] == health


def test_list_of_cameras_with_clusters_takes_no_more_queries(
    operator: Party, anna: Party, camera: Camera, clusters: None, django_assert_max_num_queries: Any
) -> None:
    for number in range(5):
        made = Camera.objects.create(user=anna.user, name=f"c{number}", rtsp_url=URL, is_active=True)
        move(anna, made, "north")
    cameras_of(operator, "north")
    fall_silent("north")
    with django_assert_max_num_queries(4):
        anna.client.get("/api/cameras/")


def test_camera_of_kubectl_belongs_to_the_cluster_that_registers_it(
    operator: Party, anna: Party, clusters: None
) -> None:
    body = {"source": "north/vigil-cameras", "resource": "lobby", "owner": "anna", "name": "Lobby"}
    sent = {**body, "rtsp_url": "rtsp://10.0.0.9/s", "digest": "d"}
    assert operator.client.put("/api/camera-resources/uid-1/", sent).status_code == 201
    camera = Camera.objects.get()
    assert anna.client.get(f"/api/cameras/{camera.pk}/").json()["cluster"] == "north"
    assert move(anna, camera, "south").status_code == 409
    assert cameras_of(operator, "north") == [camera.pk]
    assert cameras_of(operator, "south") == []


def test_csv_names_the_cluster(anna: Party, clusters: None) -> None:
    text = b"name,rtsp_url,cluster\nYard,rtsp://10.0.0.1/s,south\nHall,rtsp://10.0.0.2/s,\n"
    file = SimpleUploadedFile("cameras.csv", text)
    answer = anna.client.post("/api/cameras/import/", {"file": file}, format="multipart")
    assert answer.status_code == 201, answer.content
    assert Camera.objects.get(name="Yard").cluster_name == "south"
    assert Camera.objects.get(name="Hall").cluster is None


def test_words_about_cameras_that_nobody_watches() -> None:
    now = timezone.now()
    north, south = KnownCluster("north", now), KnownCluster("south", now)
    gone = KnownCluster("gone", now - timedelta(days=3))
    assert unwatched_message(assigned=None, holder=None, now=now) == ""
    assert unwatched_message(assigned=north, holder=north, now=now) == ""
    assert unwatched_message(assigned=south, holder=north, now=now) == (
        "Cluster north is removing its detector of this camera; then cluster south starts one."
    )
    for assigned, holder in ((gone, None), (gone, north), (None, gone)):
        words = unwatched_message(assigned=assigned, holder=holder, now=now)
        assert words.startswith("No operator of cluster gone has asked for its cameras for 3 days. Check that")
