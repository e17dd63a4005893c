"""Several watched namespaces, and cameras in namespaces that are not watched."""

from __future__ import annotations

import asyncio
import json
import logging
from typing import Any

import pytest
from tests.unit.operator.builders import NAMESPACE, NOW, camera_body, camera_spec
from tests.unit.operator.kube_server import MemoryTransport

from vigil_contracts.resources import RegisteredResource
from vigil_operator.core.names import MANAGED_BY_BACKEND
from vigil_operator.core.observed import Key, camera_from_body
from vigil_operator.core.registration import RegistrationSettings, build_registration
from vigil_operator.core.specs import parse_camera_spec
from vigil_operator.core.unwatched import unwatched_status
from vigil_operator.kube.client import KubeClient
from vigil_operator.kube.kinds import CAMERA
from vigil_operator.kube.queue import WorkQueue
from vigil_operator.kube.resync import Resync
from vigil_operator.kube.store import Store
from vigil_operator.kube.unwatched import UnwatchedCameras
from vigil_operator.settings import OperatorSettings
from vigil_operator.sync.directory import Directory
from vigil_operator.sync.sweeper import ORPHAN_SECONDS, Sweeper
from vigil_operator.sync.trigger import ReconcileTrigger

TEAM = "team-a"


def body(namespace: str, name: str = "gate", **options: Any) -> dict[str, Any]:
    made = camera_body(name, uid=f"uid-{namespace}-{name}", **{"camera_id": None, **options})
    made["metadata"]["namespace"] = namespace
    return made


def settings(**values: str) -> OperatorSettings:
    return OperatorSettings(**{"api_url": "http://api", "token": "t", **values})  # type: ignore[arg-type]


def test_namespaces_and_owners_are_read_from_one_setting() -> None:
    found = settings(watched_namespaces="team-a=anna, team-b ,vigil-cameras=bert", camera_owner="carl")
    assert found.namespaces == ("vigil-cameras", "team-a", "team-b")
    registration = found.registration("cluster")
    owners = [registration.owner_in(name) for name in ("vigil-cameras", "team-a", "team-b")]
    assert owners == ["bert", "anna", "carl"]
    assert registration.source_of("team-a") == "cluster/team-a"
    assert settings().namespaces == ("vigil-cameras",)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("team_a", "'team_a' is not the name of a namespace; write them as team-a=anna,team-b"),
        ("=anna", "'' is not the name of a namespace"),
        ("a,b,a=anna", "names 'a' twice"),
    ],
)
def test_invalid_namespaces_are_named(text: str, words: str) -> None:
    with pytest.raises(ValueError, match="watched_namespaces") as refused:
        settings(watched_namespaces=text)
    assert words in str(refused.value)


def test_cameras_are_registered_by_their_namespace() -> None:
    found = camera_from_body(body(TEAM))
    registration = build_registration(
        found, parse_camera_spec("gate", found.spec), None, RegistrationSettings(owner="carl", owners={TEAM: "anna"})
    )
    assert (registration.source, registration.owner) == ("cluster/team-a", "anna")


def test_only_one_namespace_has_cameras_of_the_api() -> None:
    store = Store(NAMESPACE)
    for namespace in (NAMESPACE, TEAM):
        store.observe(CAMERA, body(namespace, "cam-7", camera_id=7))
    owned = {key.namespace: found.managed_by_backend for key, found in store.cameras.items()}
    assert owned == {NAMESPACE: True, TEAM: False}
    assert store.cameras[Key(TEAM, "cam-7")].meta.labels["vigil.dev/managed-by"] == MANAGED_BY_BACKEND


class Server(MemoryTransport):
    """Denies access to the namespaces in `denied`, and filters by `metadata.namespace`."""

    def __init__(self) -> None:
        super().__init__()
        self.denied: set[str] = set()
        self.fail = lambda method, path: 403 if any(f"/{name}/" in path for name in self.denied) else None
        for namespace in (NAMESPACE, TEAM):
            self.put(body(namespace))

    def put(self, found: dict[str, Any]) -> str:
        path = CAMERA.path(found["metadata"]["namespace"], found["metadata"]["name"])
        self.objects[path] = found
        return path


def test_denied_namespace_keeps_its_cameras_and_does_not_affect_the_others(caplog: pytest.LogCaptureFixture) -> None:
    server, store = Server(), Store(NAMESPACE)
    resync = Resync(
        kube=KubeClient(server), store=store, queue=WorkQueue(), namespaces=[NAMESPACE, TEAM], interval_seconds=60
    )
    assert asyncio.run(resync.attempt(look_at_all=True))
    assert {key.namespace for key in store.cameras} == {NAMESPACE, TEAM}
    server.denied.add(TEAM)
    server.objects.clear()
    assert asyncio.run(resync.attempt(look_at_all=True)), "the first namespace can be listed"
    assert {key.namespace for key in store.cameras} == {TEAM}
    assert (resync.is_listed(NAMESPACE), resync.is_listed(TEAM)) == (True, False)
    assert "namespaces/team-a/cameras: 403" in caplog.text
    server.denied = {NAMESPACE}
    assert not asyncio.run(resync.attempt(look_at_all=True))


class Rows:
    """The API's rows: one of each namespace, without a resource."""

    def __init__(self) -> None:
        self.rows = {
            f"cluster/{name}": RegisteredResource(uid=f"row-{name}", id=number, digest="d")
            for number, name in enumerate((NAMESPACE, TEAM), start=1)
        }

    async def registered_resources(self, source: str) -> list[RegisteredResource]:
        return [row for where, row in self.rows.items() if where == source]

    async def unregister_resource(self, uid: str) -> None:
        self.rows = {where: row for where, row in self.rows.items() if row.uid != uid}


def test_rows_of_a_namespace_that_cannot_be_listed_are_kept() -> None:
    rows, listed, now = Rows(), {NAMESPACE}, [0.0]
    store, directory = Store(NAMESPACE), Directory()
    sweeper = Sweeper(
        api=rows,
        store=store,
        directory=directory,
        trigger=ReconcileTrigger(store, WorkQueue()),
        namespaces=[NAMESPACE, TEAM],
        source_of=RegistrationSettings().source_of,
        is_listed=listed.__contains__,
        monotonic=lambda: now[0],
    )

    def sweep() -> set[str]:
        for seconds in (1.0, ORPHAN_SECONDS):
            now[0] += seconds
            asyncio.run(sweeper.run_if_due(have_cameras_changed=True))
        return set(rows.rows)

    assert sweep() == {"cluster/team-a"}
    listed.add(TEAM)
    assert sweep() == set()


def test_camera_in_an_unwatched_namespace_gets_a_condition(monkeypatch: pytest.MonkeyPatch) -> None:
    server = Server()
    path = CAMERA.path(TEAM, "gate")
    fields: list[str] = []
    request = server.request

    async def filtered(method: str, where: str, content_type: str, sent: Any) -> Any:
        if method != "GET":
            return await request(method, where, content_type, sent)
        fields.append(where)
        return 200, {}, json.dumps({"metadata": {}, "items": [server.objects[path]]}).encode()

    monkeypatch.setattr(server, "request", filtered)
    reporter = UnwatchedCameras(kube=KubeClient(server), namespaces=[NAMESPACE, "team-b"], clock=lambda: NOW)
    asyncio.run(reporter.report_once())
    assert fields == [
        "/apis/vigil.dev/v1alpha1/cameras?limit=500&"
        "fieldSelector=metadata.namespace%21%3Dvigil-cameras%2Cmetadata.namespace%21%3Dteam-b"
    ]
    status = server.objects[path]["status"]
    ready, stalled = status["conditions"]
    assert (stalled["type"], stalled["status"]) == ("Stalled", "True")
    assert (status["phase"], ready["type"], ready["status"], ready["reason"]) == (
        "Failed",
        "Ready",
        "False",
        "NamespaceNotWatched",
    )
    assert ready["message"] == (
        "The operator does not watch the namespace team-a. Create the camera in a watched namespace, or ask an "
        "administrator to add this one to detectors.watchedNamespaces in the chart (VIGIL_WATCHED_NAMESPACES)."
    )
    writes = len(server.writes)
    asyncio.run(reporter.report_once())
    assert len(server.writes) == writes, "an equal status is not written again"


def test_status_of_another_operator_is_left_alone_and_our_own_is_updated() -> None:
    theirs = body(TEAM, status={"phase": "Streaming", "conditions": [{"type": "Ready", "reason": "Streaming"}]})
    assert unwatched_status(theirs, NOW) is None
    first = unwatched_status(body(TEAM), NOW)
    assert first is not None
    edited = body(TEAM, status=first, generation=2, spec=camera_spec(active=False))
    second = unwatched_status(edited, NOW.replace(year=2027))
    assert second is not None
    assert (second["observedGeneration"], second["conditions"][0]["lastTransitionTime"]) == (
        2,
        first["conditions"][0]["lastTransitionTime"],
    )


def test_denied_listing_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    server = MemoryTransport()
    server.fail = lambda method, path: 403
    reporter = UnwatchedCameras(kube=KubeClient(server), namespaces=[NAMESPACE], clock=lambda: NOW)
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            asyncio.run(reporter.report_once())
    assert [record.getMessage() for record in caplog.records] == [
        "could not report the cameras in namespaces that are not watched: "
        "GET /apis/vigil.dev/v1alpha1/cameras: 403 made to fail; retrying"
    ]
