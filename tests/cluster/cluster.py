"""A Kubernetes cluster for tests: kubectl, namespaces, users with few permissions.

`Cluster` is any cluster that tests may break; `control_plane.ControlPlane` runs on this machine, with servers that
can be killed and frozen, and simulated nodes and GPUs.
"""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import yaml
from tests.cluster.http import Access, ApiError, Document, KubernetesHttp
from tests.cluster.kubeconfig import clean_environment, write_kubeconfig
from tests.cluster.polling import eventually


class KubectlError(RuntimeError):
    """kubectl failed; the message is its output."""


class Cluster:
    """`kubeconfig` is the administrator's. Further kubeconfigs are written into `folder`."""

    def __init__(self, kubectl: Path, kubeconfig: Path, folder: Path) -> None:
        self.kubeconfig = kubeconfig
        self.folder = folder
        self._kubectl = kubectl
        self._access = Access.from_kubeconfig(kubeconfig)
        self.http = KubernetesHttp(self._access, "vigil-tests")

    # kubectl

    def kubectl(
        self,
        *arguments: str,
        stdin: str | None = None,
        check: bool = True,
        kubeconfig: Path | None = None,
        timeout_seconds: float = 60,
    ) -> str:
        """Run kubectl as administrator, or as another kubeconfig's user, and return its standard output.

        Raises KubectlError with kubectl's output if it fails; with `check=False` that output is returned.
        """
        command = [str(self._kubectl), "--kubeconfig", str(kubeconfig or self.kubeconfig), *arguments]
        done = subprocess.run(
            command,
            check=False,
            input=stdin,
            capture_output=True,
            text=True,
            env=clean_environment(),
            timeout=timeout_seconds,
        )
        if done.returncode == 0:
            return done.stdout
        if check:
            raise KubectlError(f"kubectl {' '.join(arguments)}: {done.stderr.strip()}")
        return done.stdout + done.stderr

    def kubectl_json(self, *arguments: str, kubeconfig: Path | None = None) -> Document:
        """Run kubectl with `-o json` and return the printed object."""
        document: Document = json.loads(self.kubectl(*arguments, "--output=json", kubeconfig=kubeconfig))
        return document

    def apply(self, manifest: str | Path | Mapping[str, Any] | Sequence[Mapping[str, Any]]) -> None:
        """Apply YAML text, a YAML file, one or several objects; wait until CRDs among them are served."""
        documents = _documents(manifest)
        crds = [document for document in documents if document["kind"] == "CustomResourceDefinition"]
        # Kubernetes 1.20's kubectl rejects a CRD with CEL rules, which its server would only drop.
        validate = ["--validate=false"] if crds else []
        self.kubectl("apply", *validate, "--filename=-", stdin=yaml.safe_dump_all(documents))
        for crd in crds:
            name = crd["metadata"]["name"]
            self.kubectl("wait", "--for=condition=Established", "--timeout=30s", f"crd/{name}")
            eventually(partial(self._is_discovered, crd["spec"]))

    # namespaces and users

    def create_namespace(self, name: str, labels: Mapping[str, str] | None = None) -> str:
        """Create a namespace and wait until it has its ServiceAccount, so that pods can be created."""
        self.http.create("/api/v1/namespaces", {"metadata": {"name": name, "labels": dict(labels or {})}})
        self._wait_for_service_account(name, "default")
        return name

    def delete_namespace(self, name: str, *, wait: bool = True) -> None:
        self.kubectl("delete", "namespace", name, "--ignore-not-found", f"--wait={str(wait).lower()}")

    def service_account_kubeconfig(self, namespace: str, name: str, *, lifetime_seconds: int = 86_400) -> Path:
        """Return a kubeconfig of a ServiceAccount with its permissions; the account is created if it is missing."""
        try:
            self.http.create(f"/api/v1/namespaces/{namespace}/serviceaccounts", {"metadata": {"name": name}})
        except ApiError as error:
            if error.reason != "AlreadyExists":
                raise
        request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest"}
        answer = self.http.create(
            f"/api/v1/namespaces/{namespace}/serviceaccounts/{name}/token",
            {**request, "spec": {"audiences": [], "expirationSeconds": lifetime_seconds}},
        )
        path = self.folder / f"{namespace}-{name}.kubeconfig"
        authority = self.folder / "authority.crt"
        authority.write_text(self._access.authority)
        return write_kubeconfig(path, self._access.server, authority, token=answer["status"]["token"])

    def _is_discovered(self, crd: Document) -> bool:
        """Return whether clients discover its versions, which takes some time after the CRD's creation."""
        try:
            answers = [
                self.http.get(f"/apis/{crd['group']}/{version['name']}")
                for version in crd["versions"]
                if version["served"]
            ]
        except ApiError as error:
            if error.code == 404:
                return False
            raise
        plural = crd["names"]["plural"]
        return all(plural in {each["name"] for each in answer["resources"]} for answer in answers)

    def _wait_for_service_account(self, namespace: str, name: str) -> None:
        self._wait_for(f"/api/v1/namespaces/{namespace}/serviceaccounts/{name}")

    def _wait_for_namespace(self, name: str) -> None:
        self._wait_for(f"/api/v1/namespaces/{name}")

    def _wait_for(self, path: str, timeout_seconds: float = 30) -> None:
        """Wait for an object that a controller creates. Raises ApiError (404) if it never appears."""
        deadline = time.monotonic() + timeout_seconds
        while True:
            try:
                self.http.get(path)
            except ApiError as error:
                if error.code != 404 or time.monotonic() > deadline:
                    raise
                time.sleep(0.05)
            else:
                return

    def close(self) -> None:
        self.http.close()


def _documents(manifest: str | Path | Mapping[str, Any] | Sequence[Mapping[str, Any]]) -> list[Document]:
    documents: Iterable[Any]
    if isinstance(manifest, Path):
        documents = yaml.load_all(manifest.read_text(), Loader=yaml.CSafeLoader)
    elif isinstance(manifest, str):
        documents = yaml.load_all(manifest, Loader=yaml.CSafeLoader)
    elif isinstance(manifest, Mapping):
        documents = [manifest]
    else:
        documents = manifest
    return [dict(document) for document in documents if document]
