"""Pods of nodes without containers follow a script, with a real kubelet's messages."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator

import pytest
from tests.cluster.behaviours import CannotPullImage, CrashLoops, RefusedByNode, Runs, StaysCreating
from tests.cluster.control_plane import ControlPlane
from tests.cluster.polling import eventually
from tests.integration.cluster.manifests import (
    condition,
    container_state,
    create_deployment,
    deployment,
    only_pod,
    pods_of,
    ready_replicas,
)


@pytest.fixture(autouse=True, scope="module")
def node(cluster: ControlPlane) -> Iterator[None]:
    with cluster.add_node("standin", pods=1100, cpu="64"):
        yield


def test_pods_become_ready_and_their_deployment_available(cluster: ControlPlane, namespace: str) -> None:
    create_deployment(cluster, namespace, deployment("web", 2))
    eventually(lambda: ready_replicas(cluster, namespace) == {"web": 2})
    pods = pods_of(cluster, namespace)
    assert len({pod["status"]["podIP"] for pod in pods}) == 2
    for pod in pods:
        assert pod["status"]["phase"] == "Running"
        assert pod["status"]["startTime"]
        assert condition(pod, "Ready")["status"] == "True"
        assert condition(pod, "PodScheduled")["status"] == "True", "the scheduler's condition must be kept"
        assert "running" in container_state(pod)["state"]


def test_deleted_pods_are_gone_at_once(cluster: ControlPlane, namespace: str) -> None:
    create_deployment(cluster, namespace, deployment("web", 3))
    eventually(lambda: ready_replicas(cluster, namespace) == {"web": 3})
    cluster.kubectl("delete", "deployment", "web", "--namespace", namespace)
    eventually(lambda: pods_of(cluster, namespace) == [], timeout_seconds=20)


def test_hanging_pod_stays_terminating(cluster: ControlPlane, namespace: str) -> None:
    with cluster.kubelet.script(Runs(termination_seconds=math.inf), namespace=namespace):
        create_deployment(cluster, namespace, deployment("stuck", 1))
        eventually(lambda: ready_replicas(cluster, namespace) == {"stuck": 1})
        cluster.kubectl("delete", "deployment", "stuck", "--namespace", namespace)
        eventually(lambda: "deletionTimestamp" in only_pod(cluster, namespace)["metadata"])
    eventually(lambda: pods_of(cluster, namespace) == [])


def test_script_applies_to_running_pods_until_removed(cluster: ControlPlane, namespace: str) -> None:
    create_deployment(cluster, namespace, deployment("flaky", 1))
    eventually(lambda: ready_replicas(cluster, namespace) == {"flaky": 1})
    crash = CrashLoops(exit_code=3, message="no GPU", back_off_seconds=1, previous_logs="one\ntwo\nthree\n")
    with cluster.kubelet.script(crash, labels={"app": "flaky"}, namespace=namespace):
        eventually(lambda: _restarts(only_pod(cluster, namespace)) >= 2)
        pod = only_pod(cluster, namespace)
        ended = container_state(pod)["lastState"]["terminated"]
        assert (ended["exitCode"], ended["reason"], ended["message"]) == (3, "Error", "no GPU")
        eventually(lambda: _waiting_reason(cluster, namespace) == "CrashLoopBackOff")
        eventually(lambda: ready_replicas(cluster, namespace) == {"flaky": 0})
        name = pod["metadata"]["name"]
        logs = cluster.kubectl("logs", name, "--namespace", namespace, "--previous", "--tail=2")
        assert logs == "two\nthree\n"
    eventually(lambda: ready_replicas(cluster, namespace) == {"flaky": 1})
    assert _restarts(only_pod(cluster, namespace)) >= 2, "a real kubelet's count never falls"


def test_an_image_that_cannot_be_pulled(cluster: ControlPlane, namespace: str) -> None:
    with cluster.kubelet.script(CannotPullImage(message="no such tag"), namespace=namespace):
        create_deployment(cluster, namespace, deployment("typo", 1))
        eventually(lambda: _waiting_reason(cluster, namespace) == "ImagePullBackOff")
        pod = only_pod(cluster, namespace)  # before the script ends, and with it the pod's trouble
        assert container_state(pod)["state"]["waiting"]["message"] == "no such tag"
        assert pod["status"]["phase"] == "Pending"


def test_pod_that_never_becomes_ready(cluster: ControlPlane, namespace: str) -> None:
    with cluster.kubelet.script(Runs(ready_after_seconds=None), name="slow-*"):
        create_deployment(cluster, namespace, deployment("slow", 1))
        eventually(lambda: condition(only_pod(cluster, namespace), "Ready").get("reason") == "ContainersNotReady")
        assert ready_replicas(cluster, namespace) == {"slow": 0}


def test_containers_that_are_never_created(cluster: ControlPlane, namespace: str) -> None:
    with cluster.kubelet.script(StaysCreating(), namespace=namespace):
        create_deployment(cluster, namespace, deployment("volume", 1))
        eventually(lambda: _waiting_reason(cluster, namespace) == "ContainerCreating")


def test_pod_rejected_by_a_node_is_replaced(cluster: ControlPlane, namespace: str) -> None:
    with cluster.kubelet.script(RefusedByNode(), namespace=namespace):
        create_deployment(cluster, namespace, deployment("refused", 1))
        eventually(lambda: any(_reason(pod) == "UnexpectedAdmissionError" for pod in pods_of(cluster, namespace)))
    eventually(lambda: ready_replicas(cluster, namespace) == {"refused": 1})


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_thousand_pods(cluster: ControlPlane, namespace: str) -> None:
    began = time.monotonic()
    create_deployment(cluster, namespace, deployment("many", 1000))
    eventually(lambda: ready_replicas(cluster, namespace) == {"many": 1000}, timeout_seconds=180, poll_seconds=0.5)
    print(f"1,000 pods ready after {time.monotonic() - began:.1f} s")
    began = time.monotonic()
    cluster.kubectl("delete", "deployment", "many", "--namespace", namespace)
    eventually(lambda: pods_of(cluster, namespace) == [], timeout_seconds=180, poll_seconds=0.5)
    print(f"1,000 pods gone after {time.monotonic() - began:.1f} s")


def _restarts(pod: dict[str, object]) -> int:
    return int(container_state(pod).get("restartCount", 0))


def _waiting_reason(cluster: ControlPlane, namespace: str) -> str | None:
    waiting = container_state(only_pod(cluster, namespace)).get("state", {}).get("waiting", {})
    return str(waiting.get("reason"))


def _reason(pod: dict[str, dict[str, str]]) -> str | None:
    return pod["status"].get("reason")
