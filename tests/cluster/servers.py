"""The four servers of a control plane: how each is started, and on which ports. Knows nothing of what runs there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tests.cluster.audit import POLICY
from tests.cluster.binaries import Binaries
from tests.cluster.certificates import CertificateAuthority
from tests.cluster.http import Access, KubernetesHttp
from tests.cluster.kubeconfig import clean_environment, write_kubeconfig
from tests.cluster.processes import ServerProcess, free_ports, is_listening
from tests.cluster.reaper import Reaper

START_TIMEOUT_SECONDS = 90
"""Far above the usual 3 to 6 s: a laden machine is no failure."""


@dataclass(frozen=True)
class ControlPlaneOptions:
    """What a test may want otherwise than by default."""

    node_monitor_grace_seconds: int = 40
    """So long after its last heartbeat a node counts as lost (Kubernetes' own default)."""
    apiserver_flags: Mapping[str, str] | None = None
    """Further flags of kube-apiserver, {"max-requests-inflight": "5"} for example."""
    audit_policy: str = POLICY
    address: str = "127.0.0.1"
    """Where the API server listens and clients reach it. Pods of a real node need the address of their bridge."""


class Servers:
    """The processes, their data folder (under the system's temporary folder) and their logs (in `folder`)."""

    def __init__(self, binaries: Binaries, folder: Path, options: ControlPlaneOptions) -> None:
        self.folder = folder
        self.authority = CertificateAuthority(folder / "pki")
        self.audit_log = folder / "audit.log"
        self._binaries = binaries
        self._options = options
        self._reaper = Reaper()
        self._data = self._reaper.temporary_folder("vigil-etcd-")
        self._token_key = self.authority.signing_key("service-account-tokens")
        etcd, etcd_peer, self.port, manager, scheduler = free_ports(5)
        self.url = f"https://{options.address}:{self.port}"
        self.etcd_url = f"http://127.0.0.1:{etcd}"
        self.admin_kubeconfig = self.kubeconfig("admin", "kubernetes-admin", ["system:masters"])
        self.etcd = self._server("etcd", self._etcd_flags(f"http://127.0.0.1:{etcd_peer}"))
        self.apiserver = self._server("kube-apiserver", self._apiserver_flags())
        self.controller_manager = self._server("kube-controller-manager", self._manager_flags(manager))
        self.scheduler = self._server("kube-scheduler", self._scheduler_flags(scheduler))
        self._secondary_ports = {self.controller_manager: manager, self.scheduler: scheduler}
        self._probe = KubernetesHttp(Access.from_kubeconfig(self.admin_kubeconfig), "vigil-tests-probe")

    def kubeconfig(self, file_name: str, user: str, groups: Sequence[str] = ()) -> Path:
        """Writes a kubeconfig with a fresh client certificate for the user."""
        client = self.authority.client(user, groups)
        path = self.folder / f"{file_name}.kubeconfig"
        return write_kubeconfig(path, self.url, self.authority.files.certificate, client=client)

    def start(self) -> None:
        """Starts all four and waits until they answer. Raises ProcessFailedError with the log of a failure."""
        self.etcd.start()
        self.start_apiserver()
        for server, port in self._secondary_ports.items():
            server.start()
            server.wait_until(partial(is_listening, port), START_TIMEOUT_SECONDS)

    def start_apiserver(self) -> None:
        self.apiserver.start()
        self.apiserver.wait_until(self._probe.is_ready, START_TIMEOUT_SECONDS)

    def close(self) -> None:
        """Kills what runs. The data is gone, the logs stay."""
        self._probe.close()
        for server in (self.scheduler, self.controller_manager, self.apiserver, self.etcd):
            server.kill()
        self._reaper.close()

    def _server(self, program: str, flags: Mapping[str, object]) -> ServerProcess:
        arguments = [f"--{name}" if value is True else f"--{name}={value}" for name, value in flags.items()]
        command = [str(self._binaries.path(program)), *arguments]
        log = self.folder / f"{program}.log"
        # Less garbage collection: a start takes 10 s of CPU instead of 13, and the API server 550 MB instead of 320.
        environment = {"GOGC": "400", **clean_environment()}
        return ServerProcess(program, command, log, self._reaper, environment=environment)

    def _etcd_flags(self, peer_url: str) -> dict[str, object]:
        return {
            "name": "default",
            "data-dir": self._data,
            "listen-client-urls": self.etcd_url,
            "advertise-client-urls": self.etcd_url,
            "listen-peer-urls": peer_url,
            "initial-advertise-peer-urls": peer_url,
            "initial-cluster": f"default={peer_url}",
            "quota-backend-bytes": 4 * 1024**3,
            "unsafe-no-fsync": True,
        }

    def _apiserver_flags(self) -> dict[str, object]:
        policy = self.folder / "audit-policy.yaml"
        policy.write_text(self._options.audit_policy)
        address = self._options.address
        names = dict.fromkeys(["127.0.0.1", "10.96.0.1", "localhost", "kubernetes.default.svc", address])
        serving = self.authority.server("apiserver", list(names))
        kubelet_client = self.authority.client("kube-apiserver-kubelet-client", ["system:masters"])
        return {
            "etcd-servers": self.etcd_url,
            "bind-address": address,
            "advertise-address": address,
            "secure-port": self.port,
            "tls-cert-file": serving.certificate,
            "tls-private-key-file": serving.key,
            "client-ca-file": self.authority.files.certificate,
            "kubelet-client-certificate": kubelet_client.certificate,
            "kubelet-client-key": kubelet_client.key,
            "kubelet-preferred-address-types": "InternalIP,Hostname",
            "service-account-key-file": self._token_key.certificate,
            "service-account-signing-key-file": self._token_key.key,
            "service-account-issuer": "https://kubernetes.default.svc",
            "service-cluster-ip-range": "10.96.0.0/16",
            "authorization-mode": "Node,RBAC",
            "allow-privileged": "true",
            # Without it a loopback advertise address is refused.
            "endpoint-reconciler-type": "none",
            "audit-policy-file": policy,
            "audit-log-path": self.audit_log,
            "audit-log-maxsize": 4096,
            **(self._options.apiserver_flags or {}),
        }

    def _manager_flags(self, port: int) -> dict[str, object]:
        grace = self._options.node_monitor_grace_seconds
        return {
            **self._client_flags("controller-manager", "system:kube-controller-manager", port),
            "service-account-private-key-file": self._token_key.key,
            "root-ca-file": self.authority.files.certificate,
            "node-monitor-grace-period": f"{grace}s",
            "node-monitor-period": "2s" if grace < 40 else "5s",
            # The defaults (20 requests a second) would make a thousand Deployments a test of this client's patience.
            "concurrent-deployment-syncs": 10,
            "concurrent-replicaset-syncs": 10,
            "kube-api-qps": 200,
            "kube-api-burst": 400,
        }

    def _scheduler_flags(self, port: int) -> dict[str, object]:
        return {
            **self._client_flags("scheduler", "system:kube-scheduler", port),
            "kube-api-qps": 200,
            "kube-api-burst": 400,
        }

    def _client_flags(self, name: str, user: str, port: int) -> dict[str, object]:
        """What the controller manager and the scheduler have in common."""
        kubeconfig = self.kubeconfig(name, user, ["system:masters"])
        flags: dict[str, object] = {
            "kubeconfig": kubeconfig,
            "authentication-kubeconfig": kubeconfig,
            "authorization-kubeconfig": kubeconfig,
            "bind-address": "127.0.0.1",
            "secure-port": port,
            "leader-elect": "false",
        }
        if self._binaries.version < (1, 24):
            flags["port"] = 0  # switches off the port without TLS, which later versions no longer have
        return flags
