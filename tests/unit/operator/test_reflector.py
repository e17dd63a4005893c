"""Our own watches: what they store and queue, and how they continue after failures."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from tests.unit.operator.builders import NAMESPACE
from tests.unit.operator.kube_server import Document, MemoryTransport
from tests.unit.operator.test_store import KEY, listing, pod_body

from vigil_operator.core.observed import Key
from vigil_operator.kube.client import KubeClient, KubeError
from vigil_operator.kube.kinds import POD, SECRET
from vigil_operator.kube.queue import WorkQueue
from vigil_operator.kube.reflector import Reflector
from vigil_operator.kube.store import Relist, Store
from vigil_operator.kube.watch_health import WatchHealth

POD_KEY = Key(NAMESPACE, "cam-7-detector-x")


def event(kind: str, body: Document) -> bytes:
    return json.dumps({"type": kind, "object": body}).encode()


def bookmark(version: int) -> bytes:
    return event("BOOKMARK", {"kind": "Pod", "metadata": {"resourceVersion": str(version)}})


class Server(MemoryTransport):
    """Each watch ends with its script; lists have pages of `page_size`."""

    def __init__(self, *scripts: list[bytes]) -> None:
        super().__init__()
        self.scripts = list(scripts)
        self.since: list[str] = []
        self.page_size = 0
        self.lists = 0

    async def lines(self, path: str) -> AsyncIterator[bytes]:
        query = parse_qs(urlsplit(path).query)
        assert query["allowWatchBookmarks"] == ["true"]
        self.since.append(query["resourceVersion"][0])
        for line in self.scripts.pop(0):
            yield line

    async def request(self, method: str, path: str, content_type: str, body: Any) -> Any:
        self.lists += method == "GET"
        status, headers, data = await super().request(method, path, content_type, body)
        if not self.page_size or status != 200:
            return status, headers, data
        page, begin = json.loads(data), int(parse_qs(urlsplit(path).query).get("continue", ["0"])[0])
        end = begin + self.page_size
        if end < len(page["items"]):
            page["metadata"]["continue"] = str(end)
        page["items"] = page["items"][begin:end]
        return status, headers, json.dumps(page).encode()


class World:
    def __init__(self, *scripts: list[bytes], since: str = "4") -> None:
        self.server, self.store, self.queue = Server(*scripts), Store(), WorkQueue()
        self.reflector = Reflector(
            kube=KubeClient(self.server),
            store=self.store,
            queue=self.queue,
            kind=POD,
            namespace=NAMESPACE,
            since=since,
        )

    def put(self, name: str, version: int) -> None:
        body = pod_body(version, uid=f"uid-{name}")
        body["metadata"]["name"] = name  # type: ignore[index]
        self.server.objects[POD.path(NAMESPACE, name)] = body

    def watch(self) -> None:
        asyncio.run(self.reflector.watch_once())

    def queued(self) -> list[Key]:
        """Take all queued cameras."""
        keys = []
        while len(self.queue):
            keys.append(asyncio.run(self.queue.get()))
            self.queue.done(keys[-1])
        return keys


def test_events_are_stored_and_queue_their_camera() -> None:
    world = World([event("ADDED", pod_body(5)), b"", event("DELETED", pod_body(6))])
    world.watch()
    assert POD_KEY not in world.store.pods
    assert world.queued() == [KEY]
    assert world.server.lists == 0, "it continues from the listing that the store already has"


def test_known_version_is_neither_parsed_nor_queued() -> None:
    world = World([event("MODIFIED", pod_body(5))])
    world.store.observe(POD, pod_body(5))
    known = world.store.pods[POD_KEY]
    world.watch()
    assert world.store.pods[POD_KEY] is known
    assert world.queued() == []


def test_next_watch_continues_from_the_last_bookmark() -> None:
    world = World([event("ADDED", pod_body(5)), bookmark(9)], [])
    world.watch()
    world.watch()
    assert world.server.since == ["4", "9"]


def test_expired_version_lists_again_and_notices_deletions() -> None:
    expired = event("ERROR", {"kind": "Status", "code": 410})
    world = World([event("ADDED", pod_body(5)), expired], [])
    with pytest.raises(KubeError) as raised:
        world.watch()
    asyncio.run(world.reflector.recover(raised.value))
    world.queued()
    world.watch()
    assert world.server.since == ["4", "100"]
    assert POD_KEY not in world.store.pods
    assert world.queued() == [KEY]


def test_failed_watch_continues_from_where_it_was() -> None:
    world = World([event("ADDED", pod_body(5)), b"no json"], [])
    with pytest.raises(KubeError, match="the answer is no event of a watch"):
        world.watch()
    world.watch()
    assert world.server.since == ["4", "5"]


def test_pages_of_a_listing_belong_together() -> None:
    world = World([], since="")
    world.store.observe(POD, pod_body(3, uid="gone"))
    for number in range(5):
        world.put(f"pod-{number}", version=10 + number)
    world.server.page_size = 2
    world.watch()
    assert world.server.lists == 3
    assert sorted(key.name for key in world.store.pods) == [f"pod-{number}" for number in range(5)]


def test_objects_that_start_a_watch_are_not_awaited_from_it() -> None:
    world = World([], since="")
    world.put("pod-1", version=10)
    now = 0.0
    world.store.watch_health = WatchHealth(monotonic=lambda: now)
    # The resync has seen it first, and expects the watch to report it.
    world.store.watch_health.listed(POD, Key(NAMESPACE, "pod-1"), 9)
    world.watch()
    now = 1000.0
    assert world.store.watch_health.alive_at() == now


def test_secret_that_becomes_ours_is_no_longer_a_users() -> None:
    store = Store()

    def secret(version: int, **labels: str) -> Document:
        metadata = {"name": "s", "namespace": NAMESPACE, "uid": "s", "resourceVersion": str(version)}
        return {"metadata": {**metadata, "labels": labels}, "data": {}}

    store.observe(SECRET, secret(5))
    assert len(store.credentials) == 1
    relist = Relist(store, SECRET, NAMESPACE)
    ours = {"app.kubernetes.io/managed-by": "vigil-operator"}
    found = listing(9, secret(7, **ours))
    relist.add(found.items)
    relist.finish(found.resource_version)
    assert len(store.secrets) == 1
    assert len(store.credentials) == 0
