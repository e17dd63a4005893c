"""Two replicas on a real API server: one is active, and the audit log shows no write of a former leader."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from tests.cluster.audit import WRITE_VERBS
from tests.cluster.control_plane import ControlPlane
from tests.cluster.polling import eventually
from tests.integration.operator.running import Operator, View
from tests.integration.services.backend import BackendServer, BackendUser

pytestmark = [pytest.mark.timeout(600), pytest.mark.slow]

TAKEOVER_SECONDS = 20


def holder(cluster: ControlPlane, system: str) -> str:
    path = f"/apis/coordination.k8s.io/v1/namespaces/{system}/leases/vigil-operator"
    return str(cluster.http.get(path)["spec"]["holderIdentity"])


@pytest.mark.parametrize("fault", ["kill", "freeze"])
def test_second_replica_takes_over_and_the_first_stops_writing(
    fault: str,
    vigil_cluster: ControlPlane,
    system: str,
    namespace: str,
    backend: BackendServer,
    user: BackendUser,
    make_operator: Callable[..., Operator],
    view: View,
) -> None:
    first, second = make_operator("operator-1"), make_operator("operator-2")
    first.start()
    second.start(wait=False)
    backend.add_camera(user.token, name="before", rtsp_url="rtsp://10.0.0.1/s")
    eventually(lambda: len(view.deployments()) == 1)
    assert holder(vigil_cluster, system) == "operator-1"
    # Both use one service account: the audit log distinguishes them by this.
    assert vigil_cluster.audit_events(user_agent="(operator-1)", verbs=WRITE_VERBS, resource="deployments")

    getattr(first.process, fault)()
    began = time.monotonic()
    eventually(lambda: holder(vigil_cluster, system) == "operator-2", timeout_seconds=TAKEOVER_SECONDS)
    took = time.monotonic() - began
    backend.add_camera(user.token, name="after", rtsp_url="rtsp://10.0.0.2/s")
    eventually(lambda: len(view.deployments()) == 2, timeout_seconds=30)
    print(f"{fault}: taken over after {took:.1f} s, working after {time.monotonic() - began:.1f} s")
    assert took <= TAKEOVER_SECONDS

    if fault == "freeze":
        # After a kill, the Lease must expire: until then no replica may write.
        second.process.kill()
        # Drift and a new camera: a former leader that still considered itself active would write a lot.
        backend.add_camera(user.token, name="later", rtsp_url="rtsp://10.0.0.3/s")
        name = next(iter(view.deployments()))
        vigil_cluster.kubectl("scale", "deployment", name, "--replicas=0", "--namespace", namespace)
        pid = first.process.pid
        # Not earlier: requests that the second sent before the kill may still have been executed.
        mark = vigil_cluster.audit_mark()
        first.process.thaw()
        eventually(first.is_standby, timeout_seconds=15)
        assert first.writes(mark) == []
        leases = vigil_cluster.audit_events(since=mark, verbs=WRITE_VERBS, resource="leases", namespace=system)
        assert [event.code for event in leases if event.code < 300] == []
        # It takes part in the election again, without being started.
        eventually(lambda: holder(vigil_cluster, system) == "operator-1", timeout_seconds=TAKEOVER_SECONDS)
        eventually(lambda: len(view.deployments()) == 3, timeout_seconds=30)
        assert (first.process.pid, first.process.is_running) == (pid, True)


def test_clean_shutdown_releases_leadership_at_once(
    vigil_cluster: ControlPlane, system: str, make_operator: Callable[..., Operator]
) -> None:
    first, second = make_operator("operator-1"), make_operator("operator-2")
    first.start()
    second.start(wait=False)
    assert second.get("/readyz") is not None
    began = time.monotonic()
    first.process.stop()
    eventually(second.is_ready, timeout_seconds=15)
    print(f"handed over after {time.monotonic() - began:.1f} s")
    assert holder(vigil_cluster, system) == "operator-2"
