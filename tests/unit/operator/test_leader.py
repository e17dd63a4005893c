"""Leader election: two replicas, an in-memory API server, and a controllable clock."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable

import pytest
from tests.unit.operator.builders import NOW
from tests.unit.operator.kube_server import MemoryTransport

from vigil_operator.core.lease import LEASE_DURATION_SECONDS, RENEW_DEADLINE_SECONDS
from vigil_operator.kube.client import KubeClient
from vigil_operator.kube.leader import Leadership, NotLeaderError

PATH = "/apis/coordination.k8s.io/v1/namespaces/vigil-system/leases/vigil-operator"


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Replicas:
    def __init__(self) -> None:
        self.server = MemoryTransport()
        self.clock = Clock()

    def replica(self, name: str, clock: Clock | None = None) -> Leadership:
        return Leadership(
            KubeClient(self.server),
            namespace="vigil-system",
            identity=name,
            clock=lambda: NOW,
            monotonic=clock or self.clock,
        )

    @property
    def holder(self) -> str:
        return str(self.server.objects[PATH]["spec"]["holderIdentity"])


def attempt(leadership: Leadership) -> bool:
    return run(leadership._attempt())


def run(work: Awaitable[bool]) -> bool:
    async def main() -> bool:
        return await work

    return asyncio.run(main())


def test_first_replica_leads_and_second_waits() -> None:
    replicas = Replicas()
    first, second = replicas.replica("a"), replicas.replica("b")
    assert attempt(first)
    assert not attempt(second)
    first.check()
    with pytest.raises(NotLeaderError):
        second.check()


def test_renewed_lease_is_never_taken() -> None:
    replicas = Replicas()
    first, second = replicas.replica("a"), replicas.replica("b")
    assert attempt(first)
    for _ in range(30):
        replicas.clock.now += 2
        assert attempt(first)
        assert not attempt(second)


def test_silent_leader_stops_before_it_is_replaced() -> None:
    replicas = Replicas()
    first, second = replicas.replica("a"), replicas.replica("b")
    assert attempt(first)
    assert not attempt(second)
    replicas.clock.now += RENEW_DEADLINE_SECONDS
    with pytest.raises(NotLeaderError):
        first.check()
    assert not attempt(second)
    replicas.clock.now += LEASE_DURATION_SECONDS - RENEW_DEADLINE_SECONDS
    assert attempt(second)
    assert replicas.holder == "b"
    assert replicas.server.objects[PATH]["spec"]["leaseTransitions"] == 1


def test_suspended_leader_does_not_retake_the_lease() -> None:
    replicas = Replicas()
    first, second = replicas.replica("a"), replicas.replica("b")
    attempt(first)
    attempt(second)
    replicas.clock.now += LEASE_DURATION_SECONDS
    assert attempt(second)
    assert not attempt(first)
    with pytest.raises(NotLeaderError):
        first.check()
    assert replicas.holder == "b"


def test_expired_lease_is_acquired_by_only_one() -> None:
    replicas = Replicas()
    leader, second, third = (replicas.replica(name) for name in "abc")
    attempt(leader)
    attempt(second)
    attempt(third)
    replicas.clock.now += LEASE_DURATION_SECONDS
    assert [attempt(second), attempt(third)] == [True, False]


def test_a_released_lease_is_free_at_once() -> None:
    replicas = Replicas()
    first, second = replicas.replica("a"), replicas.replica("b")
    attempt(first)
    attempt(second)
    asyncio.run(first.release())
    assert attempt(second)


def test_clock_skew_does_not_matter() -> None:
    replicas = Replicas()
    ahead = Clock()
    ahead.now = 1e9
    first, second = replicas.replica("a"), replicas.replica("b", ahead)
    assert attempt(first)
    assert not attempt(second)
    ahead.now += LEASE_DURATION_SECONDS - 1
    assert not attempt(second)


def test_unreachable_api_server_ends_the_leadership_in_time() -> None:
    replicas = Replicas()
    first = replicas.replica("a")
    assert attempt(first)
    replicas.server.fail = lambda method, path: 503
    replicas.clock.now += RENEW_DEADLINE_SECONDS / 2
    assert not attempt(first)
    first.check()
    replicas.clock.now += RENEW_DEADLINE_SECONDS / 2
    with pytest.raises(NotLeaderError):
        first.check()


def test_deleted_lease_is_created_again() -> None:
    replicas = Replicas()
    first = replicas.replica("a")
    assert attempt(first)
    del replicas.server.objects[PATH]
    assert not attempt(first)
    assert attempt(first)
