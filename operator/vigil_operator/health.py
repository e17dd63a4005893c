"""/healthz, /readyz and /metrics over HTTP.

`/healthz` checks the age of recurring events and not only that this server responds, so that a blocked loop is
detected.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """An event that must recur at least every `limit_seconds`. `last`: its last time (`time.monotonic`)."""

    last: Callable[[], float]
    limit_seconds: float


class Health:
    """The events that are currently expected. A standby replica expects none."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._heartbeats: dict[str, Heartbeat] = {}
        self._monotonic = monotonic
        self.role = "starting"
        """`standby` while another replica is the leader, `active` once this one has loaded all objects."""
        self.missing_rights: Callable[[], list[str]] = list
        """One line for each permission that the operator lacks."""

    def expect(self, heartbeats: Mapping[str, Heartbeat]) -> None:
        """Expect these events from now on."""
        self._heartbeats = dict(heartbeats)

    def problems(self) -> list[str]:
        """Return one line for each event that is overdue."""
        now = self._monotonic()
        ages = {name: now - heartbeat.last() for name, heartbeat in self._heartbeats.items()}
        return [
            f"{name}: last {age:.0f} s ago, expected every {self._heartbeats[name].limit_seconds:.0f} s"
            for name, age in ages.items()
            if age > self._heartbeats[name].limit_seconds
        ]


def build_application(health: Health, registry: CollectorRegistry) -> web.Application:
    """Return the application with its routes."""

    async def healthz(_: web.Request) -> web.Response:
        problems = health.problems()
        return web.Response(text="\n".join(problems) or "ok", status=503 if problems else 200)

    async def readyz(_: web.Request) -> web.Response:
        missing = health.missing_rights()
        is_ready = health.role != "starting" and not missing
        return web.Response(text="\n".join([health.role, *missing]), status=200 if is_ready else 503)

    async def metrics(_: web.Request) -> web.Response:
        return web.Response(body=generate_latest(registry), headers={"Content-Type": CONTENT_TYPE_LATEST})

    application = web.Application()
    application.router.add_get("/healthz", healthz)
    application.router.add_get("/readyz", readyz)
    application.router.add_get("/metrics", metrics)
    return application


async def serve(application: web.Application, host: str, port: int) -> web.AppRunner:
    """Start serving; the caller ends it with `cleanup()`."""
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, host or None, port).start()
    return runner
