"""The test cluster is a real Kubernetes: scheduling, garbage collection, validation, recovery."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
from tests.cluster.audit import WRITE_VERBS
from tests.cluster.bare_nodes import BareNode
from tests.cluster.cluster import KubectlError
from tests.cluster.control_plane import ControlPlane
from tests.cluster.http import Document
from tests.cluster.polling import eventually
from tests.integration.cluster.manifests import condition, create_deployment, deployment, pods_of, ready_replicas


@pytest.fixture(scope="module", autouse=True)
def lost_node(cluster: ControlPlane) -> Iterator[tuple[BareNode, datetime]]:
    """A node without heartbeats, and since when. The grace period passes during the other tests of this file."""
    taint = {"key": "test.vigil.dev/lost", "value": "soon", "effect": "NoSchedule"}
    with cluster.add_node("doomed", taints=[taint]) as node:
        node.stop_heartbeat()
        yield node, datetime.now(UTC)


def test_two_gpus_take_two_of_three_pods(cluster: ControlPlane, namespace: str) -> None:
    with cluster.add_node("gpu-two", gpus={"nvidia.com/gpu": 2}):
        create_deployment(cluster, namespace, deployment("greedy", 3, {"nvidia.com/gpu": "1"}))

        def scheduled_and_not() -> bool:
            pods = pods_of(cluster, namespace)
            verdicts = sorted(condition(pod, "PodScheduled").get("status", "") for pod in pods)
            assert verdicts == ["False", "True", "True"]
            return True

        eventually(scheduled_and_not)
        waiting = [pod for pod in pods_of(cluster, namespace) if condition(pod, "PodScheduled")["status"] == "False"]
        assert condition(waiting[0], "PodScheduled")["reason"] == "Unschedulable"
        assert "Insufficient nvidia.com/gpu" in condition(waiting[0], "PodScheduled")["message"]


def test_freed_gpu_goes_to_the_pending_pod(cluster: ControlPlane, namespace: str) -> None:
    with cluster.add_node("gpu-one", gpus={"nvidia.com/gpu": 1}):
        create_deployment(cluster, namespace, deployment("first", 1, {"nvidia.com/gpu": "1"}))
        eventually(lambda: ready_replicas(cluster, namespace) == {"first": 1})
        create_deployment(cluster, namespace, deployment("second", 1, {"nvidia.com/gpu": "1"}))
        eventually(lambda: len(pods_of(cluster, namespace)) == 2)
        assert ready_replicas(cluster, namespace).get("second", 0) == 0
        cluster.kubectl("delete", "deployment", "first", "--namespace", namespace)
        eventually(lambda: ready_replicas(cluster, namespace) == {"second": 1})


@pytest.mark.timeout(300)
def test_the_api_server_survives_a_kill(cluster: ControlPlane, namespace: str) -> None:
    cluster.kubectl("create", "configmap", "kept", "--from-literal=a=1", "--namespace", namespace)
    away_seconds = cluster.restart_apiserver(kill=True)
    assert away_seconds < 60
    kept = eventually(partial(read, cluster, namespace, "kept"))
    assert kept["data"] == {"a": "1"}
    # The controllers and the stand-in kubelet find their way back.
    with cluster.add_node("after-kill"):
        create_deployment(cluster, namespace, deployment("after", 1))
        eventually(lambda: ready_replicas(cluster, namespace) == {"after": 1}, timeout_seconds=60)


def test_a_frozen_etcd_refuses_writes_and_thaws(cluster: ControlPlane, namespace: str) -> None:
    with cluster.etcd_frozen(), pytest.raises(KubectlError):
        cluster.kubectl(
            "create", "configmap", "late", "--from-literal=a=1", "--namespace", namespace, "--request-timeout=3s"
        )
    # A first request after the thaw may still end with a refusal, and be carried out nevertheless.
    eventually(
        lambda: (
            cluster.kubectl("create", "configmap", "thawed", "--namespace", namespace, check=False)
            and read(cluster, namespace, "thawed")
        )
    )


def read(cluster: ControlPlane, namespace: str, name: str) -> Document:
    try:
        return cluster.kubectl_json("get", "configmap", name, "--namespace", namespace)
    except KubectlError as error:
        raise AssertionError(str(error)) from error


def test_the_audit_log_says_who_wrote_what(cluster: ControlPlane, namespace: str) -> None:
    role = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "Role",
        "metadata": {"name": "writer", "namespace": namespace},
    }
    rules = {"rules": [{"apiGroups": [""], "resources": ["configmaps"], "verbs": ["create"]}]}
    cluster.apply(role | rules)
    subject = f"system:serviceaccount:{namespace}:writer"
    cluster.kubectl(
        "create",
        "rolebinding",
        "writer",
        "--role=writer",
        f"--serviceaccount={namespace}:writer",
        "--namespace",
        namespace,
    )
    kubeconfig = cluster.service_account_kubeconfig(namespace, "writer")
    asked = ("auth", "can-i", "create", "configmaps", "--namespace", namespace, f"--as={subject}")
    eventually(lambda: cluster.kubectl(*asked, check=False).startswith("yes"))  # the server has heard of its rights
    mark = cluster.audit_mark()

    cluster.kubectl(
        "create", "configmap", "note", "--from-literal=a=1", "--namespace", namespace, kubeconfig=kubeconfig
    )
    with pytest.raises(KubectlError, match="forbidden"):
        cluster.kubectl("delete", "configmap", "note", "--namespace", namespace, kubeconfig=kubeconfig)

    writes = eventually(
        lambda: (found := cluster.audit_events(since=mark, user=subject, verbs=WRITE_VERBS))[1:] and found
    )
    assert [(event.verb, event.resource, event.name, event.code) for event in writes] == [
        ("create", "configmaps", "note", 201),
        ("delete", "configmaps", "note", 403),
    ]
    assert writes[0].body["data"] == {"a": "1"}


def test_a_user_has_only_the_rights_bound_to_it(cluster: ControlPlane, namespace: str) -> None:
    kubeconfig = cluster.user_kubeconfig("somebody", ["guests"])
    with pytest.raises(KubectlError, match='User "somebody" cannot list resource "secrets"'):
        cluster.kubectl("get", "secrets", "--namespace", namespace, kubeconfig=kubeconfig)


def test_etcd_contents_show_what_is_stored(cluster: ControlPlane, namespace: str) -> None:
    cluster.kubectl("create", "configmap", "marked", "--from-literal=a=x7f3marked", "--namespace", namespace)
    holders = [key for key, value in cluster.etcd_contents() if b"x7f3marked" in value]
    assert holders == [f"/registry/configmaps/{namespace}/marked"]


def test_a_custom_resource_with_cel_rules_is_served(cluster: ControlPlane, namespace: str) -> None:
    schema = {
        "type": "object",
        "properties": {
            "spec": {
                "type": "object",
                "properties": {"size": {"type": "integer", "minimum": 1}},
                "x-kubernetes-validations": [{"rule": "self.size < 10", "message": "size must be below 10"}],
            }
        },
    }
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    names = {"plural": "widgets", "singular": "widget", "kind": "Widget"}
    cluster.apply(
        {
            "apiVersion": "apiextensions.k8s.io/v1",
            "kind": "CustomResourceDefinition",
            "metadata": {"name": "widgets.test.vigil.dev"},
            "spec": {"group": "test.vigil.dev", "scope": "Namespaced", "names": names, "versions": [version]},
        }
    )
    widget = {"apiVersion": "test.vigil.dev/v1", "kind": "Widget", "metadata": {"name": "w", "namespace": namespace}}
    cluster.apply(widget | {"spec": {"size": 3}})
    with pytest.raises(KubectlError, match=r"spec\.size"):
        cluster.apply(widget | {"spec": {"size": 0}})
    cluster.kubectl("delete", "crd", "widgets.test.vigil.dev")


def test_lost_node_is_detected(lost_node: tuple[BareNode, datetime]) -> None:
    node, lost_at = lost_node
    eventually(lambda: not node.is_ready(), timeout_seconds=90, poll_seconds=1)
    unknown = condition(node.read(), "Ready")
    assert unknown["status"] == "Unknown"
    counted = datetime.fromisoformat(unknown["lastTransitionTime"]) - lost_at
    assert counted > timedelta(seconds=10), "heartbeats of the past should have counted for a while"
