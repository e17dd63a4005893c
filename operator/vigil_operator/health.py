"""/healthz, /readyz and /metrics over HTTP.

`/healthz` answers by the age of what must go on happening, not by whether this server runs:
a stuck loop must be seen.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """Something that must happen at least every `limit_seconds`. `last`: when it last did (`time.monotonic`)."""

    last: Callable[[], float]
    limit_seconds: float


class Health:
    """What is expected to be alive now. A replica that waits for its turn expects nothing."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._heartbeats: dict[str, Heartbeat] = {}
        self._monotonic = monotonic
        self.role = "starting"
        """`standby` while another replica is the leader, `active` once this one has seen everything."""

    def expect(self, heartbeats: Mapping[str, Heartbeat]) -> None:
        """From now on."""
        self._heartbeats = dict(heartbeats)

    def problems(self) -> list[str]:
        """One line for each heartbeat that has stopped."""
        now = self._monotonic()
        ages = {name: now - heartbeat.last() for name, heartbeat in self._heartbeats.items()}
        return [
            f"{name}: last {age:.0f} s ago, expected every {self._heartbeats[name].limit_seconds:.0f} s"
            for name, age in ages.items()
            if age > self._heartbeats[name].limit_seconds
        ]


def build_application(health: Health, registry: CollectorRegistry) -> web.Application:
    """The routes."""

    async def healthz(_: web.Request) -> web.Response:
        problems = health.problems()
        return web.Response(text="\n".join(problems) or "ok", status=503 if problems else 200)

    async def readyz(_: web.Request) -> web.Response:
        return web.Response(text=health.role, status=503 if health.role == "starting" else 200)

    async def metrics(_: web.Request) -> web.Response:
        return web.Response(body=generate_latest(registry), headers={"Content-Type": CONTENT_TYPE_LATEST})

    application = web.Application()
    application.router.add_get("/healthz", healthz)
    application.router.add_get("/readyz", readyz)
    application.router.add_get("/metrics", metrics)
    return application


async def serve(application: web.Application, host: str, port: int) -> web.AppRunner:
    """Starts serving; the caller ends with `cleanup()`."""
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, host or None, port).start()
    return runner
