"""A stand-in for the kubelets of bare nodes: it reports pods as running and removes those that are being deleted.

It runs no container. It watches the pods bound to the nodes that it serves, with one task a pod on an event loop in a
thread of its own, and is light enough for a thousand pods. How a pod fares is scripted by behaviours:

    with cluster.kubelet.script(CrashLoops(exit_code=3), labels={"vigil.dev/camera": "lobby"}):
        …                                       # these pods crash-loop, others run; afterwards they run as well

A script holds for pods that exist already, too.
"""

from __future__ import annotations

import asyncio
import itertools
import threading
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import aclosing, contextmanager, suppress
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import partial
from typing import TypeVar

import aiohttp
from tests.cluster.behaviours import Behaviour, Runs
from tests.cluster.certificates import KeyPair
from tests.cluster.http import Access, ApiError, AsyncKubernetesHttp, Document
from tests.cluster.kubelet_logs import LogServer

_RETRY_SECONDS = 0.3
_REQUESTS_AT_ONCE = 16
_UNANSWERED = (
    aiohttp.ClientError,
    TimeoutError,
    ValueError,
)  # the last: a watch that was cut in the middle of a line
_BOUND_PODS = {"fieldSelector": "spec.nodeName!="}

T = TypeVar("T")


@dataclass(frozen=True)
class Script:
    """A behaviour and the pods that it holds for: all conditions that are given must match."""

    behaviour: Behaviour
    name: str
    namespace: str | None
    labels: Mapping[str, str]

    def matches(self, pod: Document) -> bool:
        metadata = pod["metadata"]
        labels = metadata.get("labels", {})
        return (
            fnmatchcase(metadata["name"], self.name)
            and self.namespace in (None, metadata["namespace"])
            and all(labels.get(key) == value for key, value in self.labels.items())
        )


@dataclass
class _Tracked:
    """A pod as last seen and, when it is on a node that is served, the task that plays its part."""

    pod: Document
    ip: str = ""
    behaviour: Behaviour | None = None
    task: asyncio.Task[None] | None = None
    is_ending: bool = False

    def stop(self) -> None:
        if self.task is not None:
            self.task.cancel()
        self.task = self.behaviour = None


class StandinKubelet:
    """Serves the nodes named by `serve`. `port` is where it answers `kubectl logs`."""

    def __init__(self, access: Access, certificate: KeyPair) -> None:
        self._access = access
        self._nodes: set[str] = set()
        self._scripts: list[Script] = []
        self._pods: dict[str, _Tracked] = {}
        self._addresses = itertools.count(1)
        self._loop = asyncio.new_event_loop()
        self._logs = LogServer(self._log_of, certificate)
        self.port = self._logs.port
        self._slots = asyncio.Semaphore(_REQUESTS_AT_ONCE)
        self._started = threading.Event()
        self._thread = threading.Thread(target=self._run, name="standin-kubelet", daemon=True)
        self._thread.start()
        self._started.wait(10)

    # what tests call, from any thread

    def serve(self, node: str) -> None:
        """Plays the kubelet of this node from now on, for the pods that are bound to it already as well."""
        self._call(self._nodes.add, node)

    def forsake(self, node: str) -> None:
        """Plays no part for this node's pods any more, as when the machine is lost; they stay as they are."""
        self._call(self._nodes.discard, node)

    @contextmanager
    def script(
        self,
        behaviour: Behaviour,
        *,
        name: str = "*",
        namespace: str | None = None,
        labels: Mapping[str, str] | None = None,
    ) -> Iterator[None]:
        """Pods that match behave so while it is held. `name` may have wildcards; the latest script wins."""
        script = Script(behaviour, name, namespace, dict(labels or {}))
        self._call(self._scripts.append, script)
        try:
            yield
        finally:
            self._call(self._scripts.remove, script)

    def close(self) -> None:
        with suppress(RuntimeError):  # the loop is closed already
            self._loop.call_soon_threadsafe(self._main.cancel)
        self._thread.join(timeout=10)
        self._logs.close()

    def _call(self, change: Callable[[T], None], argument: T) -> None:
        """Apply a change in the event loop's thread, then process every pod again."""

        async def apply() -> None:
            change(argument)
            for tracked in self._pods.values():
                self._consider(tracked)

        asyncio.run_coroutine_threadsafe(apply(), self._loop).result(timeout=30)

    def _log_of(self, namespace: str, name: str, previous: bool) -> str | None:
        """What `kubectl logs` shows; called on the log server's threads."""
        for tracked in list(self._pods.values()):
            metadata = tracked.pod["metadata"]
            if (metadata["namespace"], metadata["name"]) == (namespace, name) and tracked.behaviour is not None:
                return tracked.behaviour.previous_logs if previous else tracked.behaviour.logs
        return None

    # on the event loop's thread

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._main = self._loop.create_task(self._watch_for_ever())
        self._started.set()
        with suppress(asyncio.CancelledError):
            self._loop.run_until_complete(self._main)
        tasks = asyncio.all_tasks(self._loop)
        for task in tasks:
            task.cancel()
        self._loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        self._loop.run_until_complete(self._loop.shutdown_asyncgens())
        self._loop.run_until_complete(self._http.close())
        self._loop.close()

    async def _watch_for_ever(self) -> None:
        """Lists, then watches; after whatever goes wrong, an API server that is killed for example, lists again."""
        self._http = AsyncKubernetesHttp(self._access, "standin-kubelet")
        while True:
            try:
                listing = await self._http.get("/api/v1/pods", **_BOUND_PODS)
                self._replace_all(listing["items"])
                version = listing["metadata"]["resourceVersion"]
                async with aclosing(self._http.watch("/api/v1/pods", version, **_BOUND_PODS)) as events:
                    async for event in events:
                        if event["type"] == "DELETED":
                            self._drop(event["object"]["metadata"]["uid"])
                        else:
                            self._see(event["object"])
            except (ApiError, *_UNANSWERED):
                await asyncio.sleep(_RETRY_SECONDS)

    def _replace_all(self, pods: list[Document]) -> None:
        for uid in self._pods.keys() - {pod["metadata"]["uid"] for pod in pods}:
            self._drop(uid)
        for pod in pods:
            self._see(pod)

    def _see(self, pod: Document) -> None:
        tracked = self._pods.setdefault(pod["metadata"]["uid"], _Tracked(pod))
        tracked.pod = pod
        self._consider(tracked)

    def _drop(self, uid: str) -> None:
        tracked = self._pods.pop(uid, None)
        if tracked is not None:
            tracked.stop()

    def _consider(self, tracked: _Tracked) -> None:
        """Starts, changes or stops the task that plays the pod's part, as the pod, nodes and scripts demand."""
        if tracked.pod["spec"]["nodeName"] not in self._nodes:
            tracked.stop()
            return
        behaviour = self._behaviour_of(tracked.pod)
        is_ending = "deletionTimestamp" in tracked.pod["metadata"]
        if tracked.task is not None and tracked.behaviour == behaviour and tracked.is_ending == is_ending:
            return
        tracked.stop()
        tracked.ip = tracked.ip or self._next_address()
        tracked.behaviour, tracked.is_ending = behaviour, is_ending
        play = self._end(tracked.pod, behaviour) if is_ending else self._live(tracked.pod, tracked.ip, behaviour)
        tracked.task = self._loop.create_task(play)

    def _behaviour_of(self, pod: Document) -> Behaviour:
        return next((script.behaviour for script in reversed(self._scripts) if script.matches(pod)), Runs())

    async def _live(self, pod: Document, ip: str, behaviour: Behaviour) -> None:
        for step in behaviour.steps(pod, ip):
            await asyncio.sleep(step.after_seconds)
            await self._insist(partial(self._http.patch, f"{_path(pod)}/status", {"status": step.status}))

    async def _end(self, pod: Document, behaviour: Behaviour) -> None:
        """Removes the pod for good, as a kubelet does once its containers have ended."""
        await asyncio.sleep(behaviour.termination_seconds)
        for_good = {"gracePeriodSeconds": 0, "preconditions": {"uid": pod["metadata"]["uid"]}}
        await self._insist(partial(self._http.delete, _path(pod), for_good))

    async def _insist(self, request: Callable[[], Awaitable[None]]) -> None:
        """Repeats a request until it is answered; for a pod that is gone or replaced (404, 409) there is no need."""
        # A request that is cancelled half-way costs its connection, so it is let finish.
        while True:
            if await asyncio.shield(self._loop.create_task(self._is_answered(request))):
                return
            await asyncio.sleep(_RETRY_SECONDS)

    async def _is_answered(self, request: Callable[[], Awaitable[None]]) -> bool:
        async with self._slots:
            try:
                await request()
            except ApiError as error:
                return error.code in (404, 409, 422)
            except _UNANSWERED:
                return False
            return True

    def _next_address(self) -> str:
        number = next(self._addresses)
        return f"10.128.{number // 250 % 256}.{number % 250 + 1}"


def _path(pod: Document) -> str:
    return f"/api/v1/namespaces/{pod['metadata']['namespace']}/pods/{pod['metadata']['name']}"
