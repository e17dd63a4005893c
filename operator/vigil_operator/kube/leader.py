"""Leader election: one active replica at a time, with our own Lease.

kopf's peering is not an election: operators of equal priority pause one another, and none holds a lock. Here the
holder renews its Lease every two seconds, and replaces itself with a new process if it could not for ten: a former
leader has no state left to write. Every write must pass the fence `check`.
"""

import asyncio
import logging
import time
from collections.abc import Callable

from vigil_operator.clock import Clock, utc_now
from vigil_operator.core.lease import (
    RENEW_PERIOD_SECONDS,
    STANDBY_PERIOD_SECONDS,
    SeenLease,
    lease_body,
    may_act,
    may_take,
    see,
)
from vigil_operator.core.observed import Key
from vigil_operator.kube.client import KubeClient, KubeError
from vigil_operator.kube.kinds import LEASE

logger = logging.getLogger(__name__)

LEASE_NAME = "vigil-operator"


class NotLeaderError(Exception):
    """This replica must not write: it is not the leader, or cannot be sure of it."""


class Leadership:
    """This replica's participation in the election."""

    def __init__(
        self,
        kube: KubeClient,
        *,
        namespace: str,
        identity: str,
        clock: Clock = utc_now,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._kube = kube
        self._key = Key(namespace, LEASE_NAME)
        self._identity = identity
        self._clock = clock
        self._monotonic = monotonic
        self._seen: SeenLease | None = None
        self._renewed: float | None = None

    def check(self) -> None:
        """Raise `NotLeaderError` unless the Lease was renewed recently."""
        if not may_act(self._renewed, self._monotonic()):
            raise NotLeaderError("the Lease has not been renewed in time")

    async def acquire(self) -> None:
        """Wait until this replica is the leader."""
        while not await self._attempt():  # noqa: ASYNC110 - this polls the server, not a flag
            await asyncio.sleep(STANDBY_PERIOD_SECONDS)
        logger.info("this replica (%s) is the leader", self._identity)

    async def hold(self) -> None:
        """Renew the Lease until it is lost; then raise `NotLeaderError`."""
        while True:
            await asyncio.sleep(RENEW_PERIOD_SECONDS)
            if not await self._attempt():
                if self._seen is not None and self._seen.holder not in {"", self._identity}:
                    raise NotLeaderError(f"{self._seen.holder} has taken the Lease")
                self.check()

    async def release(self) -> None:
        """Release the Lease, so that another replica need not wait for its expiry."""
        if self._seen is None or self._renewed is None:
            return
        self._renewed = None
        body = lease_body(
            namespace=self._key.namespace, name=self._key.name, identity="", now=self._clock(), before=self._seen
        )
        try:
            await self._kube.replace(LEASE, body)
        except KubeError as error:
            logger.info("the Lease was not given up: %s", error)

    async def _attempt(self) -> bool:
        """Acquire or renew the Lease if permitted; return whether it is ours now."""
        began = self._monotonic()
        try:
            if self._renewed is None or self._seen is None:
                await self._observe()
            if self._seen is not None and not may_take(self._seen, self._identity, self._monotonic()):
                return False
            await self._write()
        except KubeError as error:
            await self._after(error)
            return False
        # Counted from before the request: the renewal is at least that recent, whenever the response arrived.
        self._renewed = began
        return True

    async def _observe(self) -> None:
        body = await self._kube.get(LEASE, self._key)
        self._seen = None if body is None else see(body, self._seen, self._monotonic())

    async def _write(self) -> None:
        body = lease_body(
            namespace=self._key.namespace,
            name=self._key.name,
            identity=self._identity,
            now=self._clock(),
            before=self._seen,
        )
        written = await (self._kube.replace(LEASE, body) if self._seen else self._kube.create(LEASE, body))
        self._seen = see(written, self._seen, self._monotonic())

    async def _after(self, error: KubeError) -> None:
        if error.status not in {404, 409}:
            logger.warning("lease: %s", error)
            return
        # Another replica has written it: its version decides.
        try:
            await self._observe()
        except KubeError as second:
            logger.warning("lease: %s", second)
