"""The node with real containers runs hardened pods, with the required network access."""

from __future__ import annotations

import http.server
import subprocess
import threading
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from tests.cluster.cluster import Cluster
from tests.cluster.http import Document
from tests.cluster.images import TOOLS_IMAGE, build_image
from tests.cluster.machine import HOST_ADDRESS
from tests.cluster.node import ContainerCluster
from tests.cluster.polling import eventually

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

LOCKED_DOWN = {
    "runAsNonRoot": True,
    "runAsUser": 65534,
    "readOnlyRootFilesystem": True,
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "seccompProfile": {"type": "RuntimeDefault"},
}


@pytest.fixture
def space(container_cluster: ContainerCluster, request: pytest.FixtureRequest) -> Iterator[str]:
    name = container_cluster.create_namespace(request.node.name.replace("_", "-")[:40].strip("-"))
    yield name
    container_cluster.delete_namespace(name, wait=False)


def pod(name: str, script: str, *, image: str = TOOLS_IMAGE, **spec: Any) -> Document:
    container = {
        "name": "main",
        "image": image,
        "command": ["sh", "-c", script],
        "securityContext": LOCKED_DOWN,
        "resources": spec.pop("resources", {}),
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": {"app": name}},
        "spec": {
            "containers": [container],
            "restartPolicy": "Never",
            "automountServiceAccountToken": False,
            "terminationGracePeriodSeconds": 1,
            **spec,
        },
    }


def run_pod(cluster: Cluster, space: str, manifest: Document, *, until: Sequence[str] = ("Succeeded",)) -> Document:
    """Create the pod, wait for one of the phases, and return the pod."""
    path = f"/api/v1/namespaces/{space}/pods"
    cluster.http.create(path, manifest)

    def found() -> Document | None:
        seen = cluster.http.get(f"{path}/{manifest['metadata']['name']}")
        assert seen["status"]["phase"] in (*until, "Pending", "Running"), seen["status"]
        return seen if seen["status"]["phase"] in until else None

    answer = eventually(found, timeout_seconds=60)
    assert answer is not None
    return answer


def test_a_locked_down_pod_runs_and_its_log_is_read(container_cluster: ContainerCluster, space: str) -> None:
    script = "id -u; grep CapEff /proc/self/status; grep Seccomp: /proc/self/status; touch /x 2>&1; echo done"
    run_pod(container_cluster, space, pod("locked", script.replace("grep", "/bin/busybox grep")))
    lines = container_cluster.kubectl("logs", "locked", "--namespace", space).splitlines()
    assert lines[0] == "65534"
    assert lines[1].split() == ["CapEff:", "0000000000000000"]
    assert lines[2].split() == ["Seccomp:", "2"]
    assert "Read-only file system" in lines[3]
    assert lines[4] == "done"


def test_pods_reach_each_other_services_and_the_host(
    container_cluster: ContainerCluster, space: str, tmp_path: Path
) -> None:
    serve = "mkdir -p /tmp/www && echo from the pod > /tmp/www/index.html && exec httpd -f -p 8080 -h /tmp/www"
    volume = {"name": "tmp", "emptyDir": {"medium": "Memory", "sizeLimit": "1Mi"}}
    server = pod("server", serve.replace("mkdir", "/bin/busybox mkdir"), volumes=[volume])
    server["spec"]["containers"][0]["volumeMounts"] = [{"name": "tmp", "mountPath": "/tmp"}]
    address = run_pod(container_cluster, space, server, until=["Running"])["status"]["podIP"]
    eventually(lambda: fetch(f"http://{address}:8080/") == "from the pod\n")

    service = {
        "metadata": {"name": "web"},
        "spec": {"selector": {"app": "server"}, "ports": [{"port": 80, "targetPort": 8080}]},
    }
    made = container_cluster.http.create(f"/api/v1/namespaces/{space}/services", service)
    service_address = made["spec"]["clusterIP"]
    eventually(lambda: fetch(f"http://{service_address}/") == "from the pod\n")

    (tmp_path / "index.html").write_text("from the host\n")
    with host_server(tmp_path) as port:
        script = f"wget -qO- http://{address}:8080/; wget -qO- http://web/; wget -qO- http://{HOST_ADDRESS}:{port}/"
        run_pod(container_cluster, space, pod("client", script))
    log = container_cluster.kubectl("logs", "client", "--namespace", space)
    assert log == "from the pod\nfrom the pod\nfrom the host\n"


def test_pods_cannot_reach_other_machines(container_cluster: ContainerCluster, space: str) -> None:
    run_pod(container_cluster, space, pod("caged", "wget -T 2 -qO- http://198.51.100.1/ 2>&1 || echo cut off"))
    assert "cut off" in container_cluster.kubectl("logs", "caged", "--namespace", space)


def test_locally_built_image_runs(container_cluster: ContainerCluster, space: str, tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text(
        f"ARG BASE\nFROM $BASE\nRUN echo built in > /note\nUSER 65534\n# {tmp_path}\n"
    )
    archive = tmp_path / "built.tar"
    build_image(tmp_path, "localhost/built:1", archive, arguments={"BASE": TOOLS_IMAGE})
    container_cluster.node.import_image(archive)
    run_pod(container_cluster, space, pod("built", "cat /note", image="localhost/built:1"))
    assert container_cluster.kubectl("logs", "built", "--namespace", space) == "built in\n"


def test_its_gpus_are_counted(container_cluster: ContainerCluster, space: str) -> None:
    container_cluster.set_gpus({"nvidia.com/gpu": 1})
    limits = {"limits": {"nvidia.com/gpu": "1"}}
    run_pod(container_cluster, space, pod("first", "sleep 300", resources=limits), until=["Running", "Pending"])
    run_pod(container_cluster, space, pod("second", "sleep 300", resources=limits), until=["Running", "Pending"])

    def messages() -> list[str]:
        pods = container_cluster.http.get(f"/api/v1/namespaces/{space}/pods")["items"]
        conditions = [each for one in pods for each in one["status"].get("conditions", [])]
        return [each["message"] for each in conditions if each.get("reason") == "Unschedulable"]

    (message,) = eventually(lambda: found if len(found := messages()) == 1 else [])
    assert "Insufficient nvidia.com/gpu" in message


def test_a_crash_is_reported_by_a_real_kubelet(container_cluster: ContainerCluster, space: str) -> None:
    run_pod(
        container_cluster, space, pod("crash", "echo last words; exit 3", restartPolicy="Always"), until=["Running"]
    )

    def waiting() -> str | None:
        status = container_cluster.http.get(f"/api/v1/namespaces/{space}/pods/crash")["status"]["containerStatuses"][
            0
        ]
        return str(status["state"].get("waiting", {}).get("reason", ""))

    eventually(lambda: waiting() == "CrashLoopBackOff", timeout_seconds=60)
    logs = container_cluster.kubectl("logs", "crash", "--previous", "--namespace", space)
    assert logs == "last words\n"


BUILDAH_MOUNT = "/images/storage/overlay"
"""buildah mounts its storage onto itself when it builds an image, and leaves that so, as no node does."""


def test_the_node_does_not_touch_the_host(container_cluster: ContainerCluster) -> None:
    assert container_cluster.node.machine.run(["iptables-save", "--table", "nat"]).count("KUBE-") > 5
    here = subprocess.run(["iptables-save", "--table", "nat"], check=True, capture_output=True, text=True).stdout
    assert "KUBE-" not in here
    mounts = [line for line in Path("/proc/self/mounts").read_text().splitlines() if "vigil" in line]
    assert [line for line in mounts if BUILDAH_MOUNT not in line.split()[1]] == []


def fetch(url: str) -> str:
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:
            return str(answer.read().decode())
    except OSError as error:
        return repr(error)


@contextmanager
def host_server(folder: Path) -> Iterator[int]:
    """Serve `folder` on the host's end of the network link; yields the port."""
    handler = partial(http.server.SimpleHTTPRequestHandler, directory=str(folder))
    with http.server.ThreadingHTTPServer((HOST_ADDRESS, 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield int(server.server_address[1])
        server.shutdown()
        thread.join()
