"""Faults of the API server and etcd: the operator recovers without intervention."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
from tests.cluster.cluster import KubectlError
from tests.cluster.control_plane import ControlPlane
from tests.cluster.http import Access
from tests.cluster.polling import eventually
from tests.integration.operator.faulty_proxy import Answers, FaultyProxy, let_through
from tests.integration.operator.running import Operator, View, install_definitions
from tests.integration.services.backend import BackendServer, BackendUser

pytestmark = [pytest.mark.timeout(600), pytest.mark.slow]

BACK_WITHIN_SECONDS = 10
SILENT_WATCH_MENDED_SECONDS = 90


@pytest.fixture
def proxy(vigil_cluster: ControlPlane) -> Iterator[FaultyProxy]:
    with FaultyProxy(Access.from_kubeconfig(vigil_cluster.kubeconfig)).running() as running:
        yield running


@pytest.fixture
def proxied(proxy: FaultyProxy, make_operator: Callable[..., Operator]) -> Operator:
    """A replica that accesses the API server through the proxy."""
    made = make_operator("proxied")
    made.variables["VIGIL_KUBECONFIG"] = str(proxy.kubeconfig(Path(made.variables["VIGIL_KUBECONFIG"])))
    made.start()
    return made


def add(backend: BackendServer, user: BackendUser, number: int) -> str:
    url = f"rtsp://10.0.0.{number}/s"
    return f"cam-{backend.add_camera(user.token, name=f'Camera {number}', rtsp_url=url)}"


def scale_away(cluster: ControlPlane, namespace: str, camera: str) -> None:
    cluster.kubectl("scale", "deployment", f"{camera}-detector", "--replicas=0", "--namespace", namespace)


def replicas(view: View, camera: str) -> int:
    return int(view.deployments()[f"{camera}-detector"]["spec"]["replicas"])


def test_rejections_and_broken_or_silent_watches(
    vigil_cluster: ControlPlane,
    namespace: str,
    backend: BackendServer,
    user: BackendUser,
    proxy: FaultyProxy,
    proxied: Operator,
    view: View,
) -> None:
    first = add(backend, user, 1)
    eventually(lambda: f"{first}-detector" in view.deployments())

    # Throttled, then in conflict: retried until it succeeds, at most once a second per object.
    for number, status in enumerate((429, 409, 500), start=2):
        script = Answers(status, count=3, contains="deployments")
        proxy.script = script
        began = time.monotonic()
        camera = add(backend, user, number)
        eventually(partial(_is_made, view, camera), timeout_seconds=60)
        took = time.monotonic() - began
        print(f"{status}: refused {len(script.refused)} times, made after {took:.1f} s")
        assert len(script.refused) == 3
        assert took >= (3 if status == 429 else 1.5)
    proxy.script = let_through

    # An expired watch is restarted and reports changes in between.
    begun = proxy.watches_begun
    proxy.cut_watches(gone=True)
    scale_away(vigil_cluster, namespace, first)
    eventually(lambda: proxy.watches_begun > begun, timeout_seconds=30)
    eventually(lambda: replicas(view, first) == 1, timeout_seconds=30)

    # The parallel listing detects a silent watch.
    proxy.swallow = True
    began = time.monotonic()
    scale_away(vigil_cluster, namespace, first)
    eventually(lambda: replicas(view, first) == 1, timeout_seconds=SILENT_WATCH_MENDED_SECONDS)
    print(f"silent watch: drift mended after {time.monotonic() - began:.1f} s")
    assert proxied.process.is_running
    answer = proxied.get("/healthz")
    assert answer is not None
    assert answer.status_code == 200


def test_etcd_frozen_for_longer_than_the_lease(
    vigil_cluster: ControlPlane, backend: BackendServer, user: BackendUser, operator: Operator, view: View
) -> None:
    before = add(backend, user, 1)
    eventually(lambda: f"{before}-detector" in view.deployments())
    uid = view.deployments()[f"{before}-detector"]["metadata"]["uid"]
    with vigil_cluster.etcd_frozen():
        meanwhile = add(backend, user, 2)
        # It cannot renew its Lease, so it must stop leading: a new process replaces it and takes part in the
        # election.
        eventually(lambda: "leadership lost" in operator.log.read_text(), timeout_seconds=40)
    began = time.monotonic()
    eventually(lambda: f"{meanwhile}-detector" in view.deployments(), timeout_seconds=60)
    print(f"etcd thawed: reconciled after {time.monotonic() - began:.1f} s, an election included")
    assert operator.process.is_running, "nobody had to start it again"
    assert view.deployments()[f"{before}-detector"]["metadata"]["uid"] == uid


def test_short_etcd_freeze(
    vigil_cluster: ControlPlane, backend: BackendServer, user: BackendUser, operator: Operator, view: View
) -> None:
    add(backend, user, 1)
    eventually(lambda: len(view.deployments()) == 1)
    mark = vigil_cluster.audit_mark()
    with vigil_cluster.etcd_frozen():
        meanwhile = add(backend, user, 2)
        time.sleep(5)
    began = time.monotonic()
    eventually(lambda: f"{meanwhile}-detector" in view.deployments(), timeout_seconds=BACK_WITHIN_SECONDS)
    print(f"etcd thawed: reconciled after {time.monotonic() - began:.1f} s")
    assert operator.process.is_running
    assert len([event for event in operator.writes(mark) if event.name.startswith(meanwhile)]) <= 20


def test_recreated_resource_definition(
    vigil_cluster: ControlPlane,
    namespace: str,
    backend: BackendServer,
    user: BackendUser,
    operator: Operator,
    view: View,
) -> None:
    camera = add(backend, user, 1)
    eventually(lambda: f"{camera}-detector" in view.deployments())
    uid = view.camera(camera)["metadata"]["uid"]
    try:
        vigil_cluster.kubectl("delete", "crd", "cameras.vigil.dev", timeout_seconds=120)
    except (KubectlError, subprocess.TimeoutExpired):
        eventually(lambda: "cameras.vigil.dev" not in vigil_cluster.kubectl("get", "crd"), timeout_seconds=60)
    finally:
        install_definitions(vigil_cluster)
    began = time.monotonic()
    eventually(partial(_is_another, view, camera, uid), timeout_seconds=90)
    eventually(partial(_is_owned_by, view, camera), timeout_seconds=90)
    print(f"the definition is back: its camera and Deployment after {time.monotonic() - began:.1f} s")
    assert operator.process.is_running
    # The watches have recovered, too: a change is detected before the next listing.
    vigil_cluster.kubectl("label", "cam", camera, "team=gate", "--namespace", namespace)
    scale_away(vigil_cluster, namespace, camera)
    eventually(lambda: replicas(view, camera) == 1)


def _is_another(view: View, camera: str, uid: str) -> bool:
    return bool(view.camera(camera)["metadata"]["uid"] != uid)


def _is_made(view: View, camera: str) -> bool:
    return f"{camera}-detector" in view.deployments()


def _is_owned_by(view: View, camera: str) -> bool:
    found = view.deployments().get(f"{camera}-detector")
    owner = view.camera(camera)["metadata"]["uid"]
    return found is not None and found["metadata"]["ownerReferences"][0]["uid"] == owner
