"""The chart on the real single-node cluster: images imported, objects applied in Helm's order.

The cluster of the tests is Kubernetes 1.20 (module tests.cluster). What that cannot take is converted here, and only
that: policy/v1 is policy/v1beta1 there, and the CRDs' CEL rules are dropped by its API server (the operator checks
the same rules again). Its network does not enforce NetworkPolicies, and it has no Pod Security admission.
"""

from __future__ import annotations

import base64
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from tests.chart.helm import CHART, ROOT, Document, documents, hooks, render
from tests.cluster.cluster import KubectlError
from tests.cluster.http import ApiError
from tests.cluster.images import CACHE, build_image
from tests.cluster.node import NODE_NAME, ContainerCluster
from tests.cluster.polling import eventually
from tests.cluster.product_images import PRODUCT_IMAGES, forget_old_archives, product_archive
from tests.cluster.store_images import STORES_IMAGE, stores_archive
from tests.e2e.kubernetes.screenshots import take_screenshots
from tests.integration.services.prometheus import Target

SYSTEM, CAMERAS = "vigil-system", "vigil-cameras"
MODEL_IMAGE = "localhost/vigil-detector-coco:test"
ARTEFACTS = ROOT / "build" / "e2e"

VALUES: Mapping[str, Any] = {
    "image": {
        "registry": "localhost",
        "tag": "test",
        "pullPolicy": "Never",
        "names": {"detector": "vigil-detector-coco", "detectorGpu": "vigil-detector-coco"},
    },
    "postgresql": {"image": STORES_IMAGE, "size": "1Gi", "storageClass": "local"},
    "redis": {"image": STORES_IMAGE},
    "media": {"persistence": {"size": "1Gi", "storageClass": "local"}},
    "operator": {"env": {"VIGIL_SYNC_INTERVAL_SECONDS": "1"}},
    # Small requests: the machine of the tests has two processors.
    "detectors": {"classes": {"cpu": {"spec": {"resources": {"requests": {"cpu": "100m", "memory": "256Mi"}}}}}},
}


@dataclass
class Installation:
    """An installed release: the objects of its present revision, and its hooks by their moment."""

    cluster: ContainerCluster
    applied: list[Document]
    at: Mapping[str, list[Document]]

    def address(self, service: str) -> str:
        """A Service's address, which this machine reaches."""
        found = self.cluster.http.get(f"/api/v1/namespaces/{SYSTEM}/services/{service}")
        return str(found["spec"]["clusterIP"])

    def pods(self, namespace: str, **labels: str) -> list[Document]:
        found: list[Document] = self.cluster.http.get(f"/api/v1/namespaces/{namespace}/pods")["items"]
        return [each for each in found if labels.items() <= each["metadata"]["labels"].items()]

    def targets(self, namespace: str, port: int, **labels: str) -> list[Target]:
        """What a PodMonitor finds: a port of every running pod with these labels."""
        running = [each for each in self.pods(namespace, **labels) if each["status"]["phase"] == "Running"]
        return [
            Target(f"{each['status']['podIP']}:{port}", {"namespace": namespace, "pod": each["metadata"]["name"]})
            for each in running
        ]

    def scale(self, deployment: str, replicas: int) -> None:
        """As `kubectl scale`: it waits for nothing."""
        arguments = ["scale", f"deployment/{deployment}", "--namespace", SYSTEM, f"--replicas={replicas}"]
        self.cluster.kubectl(*arguments)

    def api(self) -> httpx.Client:
        """The API as an administrator, who has just asked for a token with the password that the chart made."""
        url = f"http://{self.address('vigil-backend')}:8000"
        password = self._admin_password()
        answer = httpx.post(
            f"{url}/api/token/",
            json={"username": "admin", "password": password},
            headers={"Host": "vigil-backend"},
            timeout=30,
        )
        answer.raise_for_status()
        headers = {"Authorization": f"Token {answer.json()['token']}", "Host": "vigil-backend"}
        return httpx.Client(base_url=url, headers=headers, timeout=30)

    def _admin_password(self) -> str:
        secret = self.cluster.kubectl_json("get", "secret", "vigil-backend", "--namespace", SYSTEM)
        return _decoded(secret, "admin-password")

    def kill(self, pattern: str) -> int:
        """kill -9 of every process on the node whose command line holds `pattern`; answers how many there were."""
        found = self.cluster.node.machine.run(["sh", "-c", f"pgrep -f -- {pattern!r} || true"]).split()
        ours = [pid for pid in found if pattern in _command_line(self.cluster, pid)]
        if ours:
            self.cluster.node.machine.run(["kill", "-9", *ours])
        return len(ours)

    def upgrade(self, chart: Path, *, moment: str = "pre-upgrade") -> None:
        """Act as `helm upgrade --wait`, or with `pre-rollback` as `helm rollback --wait`: hook, changes, deletions.

        Secrets stay as they are: Helm's `lookup` gives the chart their present values, and there is none here.
        """
        found, at = hooks(documents(render(VALUES, namespace=SYSTEM, chart=chart, upgrade=True)))
        kept = [each for each in self.applied if each["kind"] == "Secret"]
        found = _in_helms_order([*kept, *(each for each in found if each["kind"] != "Secret")])
        self._run_hooks(at[moment])
        self.cluster.apply([converted(each, self.cluster.version) for each in found])
        present = {_key(each) for each in found}
        former = [each for each in self.applied if _key(each) not in present]
        self.applied, self.at = found, at
        self._delete(former)
        self.wait_until_ready()

    def uninstall(self) -> None:
        """As Helm does: the hook before, then the objects but those that are to be kept."""
        self._run_hooks(self.at.get("pre-delete", []))
        self._delete(self.applied)

    def _run_hooks(self, jobs: list[Document]) -> None:
        for hook in jobs:
            self.cluster.apply([converted(hook, self.cluster.version)])
            self.wait_for_job(hook["metadata"]["name"])
            self.cluster.kubectl("delete", "job", hook["metadata"]["name"], "--namespace", SYSTEM)

    def _delete(self, objects: list[Document]) -> None:
        for each in reversed(objects):
            if (each["metadata"].get("annotations") or {}).get("helm.sh/resource-policy") == "keep":
                continue
            arguments = ["delete", each["kind"].lower(), each["metadata"]["name"], "--ignore-not-found"]
            space = each["metadata"].get("namespace")
            self.cluster.kubectl(*arguments, "--wait=false", *([f"--namespace={space}"] if space else []))

    def wait_for_job(self, name: str, timeout_seconds: float = 240) -> None:
        arguments = ["wait", "--for=condition=complete", f"job/{name}", "--namespace", SYSTEM]
        self.cluster.kubectl(*arguments, f"--timeout={timeout_seconds:.0f}s", timeout_seconds=timeout_seconds + 10)

    def wait_until_ready(self, timeout_seconds: float = 300) -> None:
        """Waits for every Deployment and StatefulSet of the release."""
        for each in self.applied:
            if each["kind"] in {"Deployment", "StatefulSet"}:
                name = f"{each['kind'].lower()}/{each['metadata']['name']}"
                self.cluster.kubectl(
                    *("rollout", "status", name, "--namespace", SYSTEM, f"--timeout={timeout_seconds:.0f}s"),
                    timeout_seconds=timeout_seconds + 10,
                )

    def keep_artefacts(self, name: str) -> Path:
        """Write logs, events, objects and screenshots to build/e2e/<name> for the analysis of failures."""
        folder = ARTEFACTS / name
        folder.mkdir(parents=True, exist_ok=True)
        for kind in ("pods", "deployments", "jobs", "events", "cameras.vigil.dev", "persistentvolumeclaims"):
            text = self.cluster.kubectl("get", kind, "--all-namespaces", "--output=yaml", check=False)
            (folder / f"{kind}.yaml").write_text(text)
        for namespace in (SYSTEM, CAMERAS):
            for pod in self.pods(namespace):
                pod_name = pod["metadata"]["name"]
                for suffix, more in (("", []), (".previous", ["--previous"])):
                    log = self.cluster.kubectl("logs", pod_name, "--namespace", namespace, *more, check=False)
                    (folder / f"{pod_name}{suffix}.log").write_text(log)
        try:
            address, password = self.address("vigil-backend"), self._admin_password()
        except (ApiError, KubectlError) as error:  # it is uninstalled, or nothing answers
            (folder / "screenshots.txt").write_text(f"{error}\n")
        else:
            take_screenshots(folder, address, "admin", password)
        return folder


def install(cluster: ContainerCluster, model: Path) -> Installation:
    """Installs the chart; `model` is an OpenVINO export that the detectors' image gets as `yolov8n`."""
    archives = [product_archive("operator"), product_archive("backend"), detector_archive(model), stores_archive()]
    for archive in archives:
        cluster.node.import_image(archive)
    _make_volumes(cluster, ["database", "media"])
    cluster.create_namespace(SYSTEM)
    applied, at = hooks(documents(render(VALUES, namespace=SYSTEM)))
    applied = _in_helms_order(applied)
    for crd in sorted((CHART / "crds").glob("*.yaml")):
        eventually(_attempt(lambda path=crd: cluster.apply(path)), timeout_seconds=60)  # type: ignore[misc]
    cluster.apply([converted(each, cluster.version) for each in applied])
    installation = Installation(cluster, applied, at)
    (bootstrap,) = [each["metadata"]["name"] for each in applied if each["kind"] == "Job"]
    installation.wait_for_job(bootstrap, 400)
    installation.wait_until_ready()
    return installation


def detector_archive(model: Path) -> Path:
    """The detector's image with a model beside the demo one, as MODELS=yolov8n gives it where there is a network."""
    base = product_archive("detector")
    archive = CACHE / f"vigil-detector-coco-{base.stem.rpartition('-')[2]}.tar"
    if not archive.exists():
        context = CACHE / "coco"
        subprocess.run(["rm", "-rf", context], check=True)
        subprocess.run(["cp", "-r", model, context], check=True)
        target = "/opt/vigil/models/yolov8n_int8_openvino_model/"
        (context / "Dockerfile").write_text(f"ARG BASE\nFROM ${{BASE}}\nCOPY . {target}\n")
        build_image(context, MODEL_IMAGE, archive, arguments={"BASE": PRODUCT_IMAGES["detector"].tag})
    forget_old_archives("vigil-detector-coco")
    return archive


_ORDER = [
    "Namespace",
    "Secret",
    "ConfigMap",
    "PersistentVolumeClaim",
    "ServiceAccount",
    "ClusterRole",
    "ClusterRoleBinding",
]
_ORDER += ["Role", "RoleBinding", "Service", "DetectorClass"]


def _in_helms_order(objects: list[Document]) -> list[Document]:
    return sorted(objects, key=lambda each: _ORDER.index(each["kind"]) if each["kind"] in _ORDER else len(_ORDER))


def _key(each: Document) -> tuple[str, str, str]:
    return each["kind"], each["metadata"].get("namespace", ""), each["metadata"]["name"]


def converted(each: Document, version: tuple[int, int]) -> Document:
    """What a server of this version takes of it."""
    if each["apiVersion"] == "policy/v1" and version < (1, 21):
        return {**each, "apiVersion": "policy/v1beta1"}
    return each


def _attempt(action: Callable[[], None]) -> Callable[[], bool]:
    def attempt() -> bool:
        try:
            action()
        except KubectlError as error:
            raise AssertionError(str(error)) from error
        return True

    return attempt


def _make_volumes(cluster: ContainerCluster, names: list[str]) -> None:
    """Local volumes, whose owner the kubelet sets (`fsGroup`), as a provisioner would make them."""
    cluster.apply(
        {
            "apiVersion": "storage.k8s.io/v1",
            "kind": "StorageClass",
            "metadata": {"name": "local"},
            "provisioner": "kubernetes.io/no-provisioner",
            "volumeBindingMode": "WaitForFirstConsumer",
        }
    )
    for name in names:
        path = f"/var/lib/kubelet/e2e-{name}"
        cluster.node.machine.run(["mkdir", "-p", path])
        here = {"key": "kubernetes.io/hostname", "operator": "In", "values": [NODE_NAME]}
        cluster.apply(
            {
                "apiVersion": "v1",
                "kind": "PersistentVolume",
                "metadata": {"name": f"e2e-{name}"},
                "spec": {
                    "capacity": {"storage": "1Gi"},
                    "accessModes": ["ReadWriteOnce"],
                    "storageClassName": "local",
                    "persistentVolumeReclaimPolicy": "Retain",
                    "local": {"path": path},
                    "nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchExpressions": [here]}]}},
                },
            }
        )


def _command_line(cluster: ContainerCluster, pid: str) -> str:
    return cluster.node.machine.run(["sh", "-c", f"tr '\\0' ' ' </proc/{pid}/cmdline || true"])


def _decoded(secret: Document, key: str) -> str:
    return base64.b64decode(secret["data"][key]).decode()
