"""Watch through kopf: its handlers only update the store and queue the cameras.

kopf maintains the watches: it reconnects, starts over after 410, and detects silent streams. Its change handlers
(`on.create`, `on.update`) are not used: they store the last handled spec in an annotation, block deletion with a
finalizer, and report changes instead of states.
"""

import asyncio
import logging
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from http import HTTPStatus
from typing import Any

import kopf

from vigil_operator.core.names import OUR_OBJECTS
from vigil_operator.core.observed import Body, Key
from vigil_operator.kube.access import Login
from vigil_operator.kube.client import KubeClient, KubeError
from vigil_operator.kube.kinds import (
    CAMERA,
    CAMERA_POLICY,
    DEPLOYMENT,
    DETECTOR_CLASS,
    NETWORK_POLICY,
    POD,
    SECRET,
    VOLUME_CLAIM,
    Kind,
)
from vigil_operator.kube.listing import Listing
from vigil_operator.kube.queue import WorkQueue
from vigil_operator.kube.store import Store, version_of

logger = logging.getLogger(__name__)

WATCHED = (CAMERA, CAMERA_POLICY, DETECTOR_CLASS, SECRET, VOLUME_CLAIM, NETWORK_POLICY, DEPLOYMENT, POD)
OURS_ONLY = frozenset(WATCHED) - {CAMERA, CAMERA_POLICY, DETECTOR_CLASS, SECRET}
"""Watched by label, since other pods do not concern us. Secrets are not: cameras of kubectl refer to any Secret."""

SERVER_TIMEOUT_SECONDS = 240
CLIENT_TIMEOUT_SECONDS = 270
INACTIVITY_TIMEOUT_SECONDS = 75
"""The server sends a bookmark each minute: a stream without one for longer is dead."""

UNTOLD_LIMIT_SECONDS = 120.0
"""A version that a listing found and no watch reported within this time never will be: kopf has restarted by then."""

RESTART_SECONDS = 2.0


def selector_of(kind: Kind) -> str:
    """Return the label selector with which a kind is listed and watched."""
    return OUR_OBJECTS if kind in OURS_ONLY else ""


async def list_watched(kube: KubeClient, kind: Kind, namespace: str) -> Listing | None:
    """List a kind; None if its definition is not installed, and the operator can work without it.

    Charts can be upgraded before the definitions. Raises `KubeError`.
    """
    try:
        return await kube.list_all(kind, namespace, selector_of(kind))
    except KubeError as error:
        if kind is CAMERA_POLICY and error.status == HTTPStatus.NOT_FOUND:
            return None
        raise


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
    """Register the same handler for every watched kind."""
    registry = kopf.OperatorRegistry()
    kopf.on.login(registry=registry)(_login_handler(login))
    for kind in WATCHED:
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
    settings.watching.server_timeout = SERVER_TIMEOUT_SECONDS
    settings.watching.client_timeout = CLIENT_TIMEOUT_SECONDS
    settings.watching.connect_timeout = 10
    settings.watching.inactivity_timeout = INACTIVITY_TIMEOUT_SECONDS
    settings.networking.request_timeout = 30
    # kopf would kill the whole process ten minutes after it has ended, even if we have restarted it.
    settings.process.ultimate_exiting_timeout = None
    settings.persistence.finalizer = "vigil.dev/operator"
    settings.persistence.diffbase_storage = NoDiffs()
    for kind in OURS_ONLY:
        settings.watching.label_selectors[kind.group, kind.version, kind.plural] = OUR_OBJECTS
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
