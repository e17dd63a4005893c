"""Watch policies and classes through kopf: its handlers only update the store and queue the cameras.

kopf maintains the watches: it reconnects, starts over after 410, and detects silent streams. Its change handlers
(`on.create`, `on.update`) are not used: they store the last handled spec in an annotation, block deletion with a
finalizer, and report changes instead of states.
"""

import asyncio
import logging
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

import kopf

from vigil_operator.core.observed import Body, Key
from vigil_operator.kube.access import Login
from vigil_operator.kube.client import INACTIVITY_TIMEOUT_SECONDS, PAGE_SIZE, WATCH_SECONDS
from vigil_operator.kube.kinds import Kind
from vigil_operator.kube.queue import WorkQueue
from vigil_operator.kube.store import Store, version_of
from vigil_operator.kube.watched import BY_KOPF

logger = logging.getLogger(__name__)

CLIENT_TIMEOUT_SECONDS = 270
IDLE_WORKER_SECONDS = 0.1
"""kopf keeps a task and the last body of each object for this time after an event: at the start, of all objects."""

UNTOLD_LIMIT_SECONDS = 120.0
"""A version that a listing found and no watch reported within this time never will be: kopf has restarted by then."""

RESTART_SECONDS = 2.0


Deliver = Callable[[Kind, str, Body], None]
"""Receives one event: the kind, its type (`ADDED`, `MODIFIED`, `DELETED`; empty in the first listing), the object."""


def deliver_to(store: Store, queue: WorkQueue) -> Deliver:
    """Return a function that updates the store and queues the affected cameras."""

    def deliver(kind: Kind, event_type: str, body: Body) -> None:
        metadata = body["metadata"]
        key = Key(metadata.get("namespace", ""), metadata["name"])
        if event_type == "DELETED":
            store.watch_health.gone(kind, key)
            keys = store.forget(kind, key, metadata["uid"])
        else:
            store.watch_health.told(kind, key, version_of(metadata.get("resourceVersion", "")))
            keys = store.observe(kind, body)
        for key in keys:
            queue.add(key)

    return deliver


def build_registry(deliver: Deliver, login: Login) -> kopf.OperatorRegistry:
    """Register the same handler for every kind that kopf watches."""
    registry = kopf.OperatorRegistry()
    kopf.on.login(registry=registry)(_login_handler(login))
    for kind in BY_KOPF:
        kopf.on.event(kind.group, kind.version, kind.plural, registry=registry)(_handler(kind, deliver))
    return registry


class NoDiffs(kopf.DiffBaseStorage):
    """Compares nothing: kopf would copy every object of every event, for handlers that we do not use."""

    def build(self, **_: Any) -> kopf.BodyEssence:
        """Return nothing to compare."""
        return kopf.BodyEssence({})

    def fetch(self, **_: Any) -> None:
        """Return no earlier state."""

    def store(self, **_: Any) -> None:
        """Store nothing."""


def build_settings() -> kopf.OperatorSettings:
    """Configure kopf for watching only: no peering, no CRD scanning (it needs cluster-wide rights), no events."""
    settings = kopf.OperatorSettings()
    settings.peering.standalone = True
    settings.scanning.disabled = True
    settings.posting.enabled = False
    settings.watching.server_timeout = WATCH_SECONDS
    settings.watching.client_timeout = CLIENT_TIMEOUT_SECONDS
    settings.watching.connect_timeout = 10
    settings.watching.chunk_size = PAGE_SIZE
    settings.watching.inactivity_timeout = INACTIVITY_TIMEOUT_SECONDS
    settings.networking.request_timeout = 30
    settings.queueing.idle_timeout = IDLE_WORKER_SECONDS
    # kopf would kill the whole process ten minutes after it has ended, even if we have restarted it.
    settings.process.ultimate_exiting_timeout = None
    settings.persistence.finalizer = "vigil.dev/operator"
    settings.persistence.diffbase_storage = NoDiffs()
    return settings


async def watch_forever(deliver: Deliver, login: Login, namespaces: Sequence[str]) -> None:
    """Run kopf until cancelled, in threads with their own event loops; `deliver` is called in the caller's loop.

    In our loop, kopf would handle SIGTERM itself, and when it ends it cancels all tasks that were started after it,
    including ours.
    """
    loop = asyncio.get_running_loop()
    stop = threading.Event()

    def hand_over(kind: Kind, event_type: str, body: Body) -> None:
        with suppress(RuntimeError):  # the loop has ended, and this thread will too
            loop.call_soon_threadsafe(deliver, kind, event_type, body)

    registry = build_registry(hand_over, login)
    # A kopf operator ends as a whole if one of its watches is denied, so each namespace has its own.
    for namespace in namespaces:
        name = f"kopf {namespace}"
        threading.Thread(target=_watch_thread, args=(registry, namespace, stop), name=name, daemon=True).start()
    try:
        await asyncio.Event().wait()
    finally:
        stop.set()


def _watch_thread(registry: kopf.OperatorRegistry, namespace: str, stop: threading.Event) -> None:
    """Run kopf, and restart it if it gives up (a deleted CRD, an API server that denies access)."""
    while not stop.is_set():
        try:
            operator = kopf.operator(
                registry=registry, settings=build_settings(), namespaces=[namespace], standalone=True, stop_flag=stop
            )
            asyncio.run(operator)
        except Exception as error:  # noqa: BLE001 - kopf ends with any error of its watches; all are retried
            logger.warning("watching %s ended: %s: %s", namespace, type(error).__name__, str(error)[:300])
        stop.wait(RESTART_SECONDS)


def _handler(kind: Kind, deliver: Deliver) -> Callable[..., Any]:
    async def on_event(event: Any, **_: Any) -> None:
        deliver(kind, event["type"] or "", event["object"])

    return on_event


def _login_handler(login: Login) -> Callable[..., Any]:
    async def on_login(**_: Any) -> kopf.ConnectionInfo:
        return await login()

    return on_login
