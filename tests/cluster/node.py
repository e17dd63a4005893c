"""A node that runs real containers: containerd, runc, kubelet and kube-proxy in a `Machine` of Linux namespaces.

    with ContainerCluster(kubernetes_binaries, run_folder("containers")) as cluster:
        cluster.node.import_image(product_archive("detector"))            # module `product_images`
        cluster.apply(…)          # imagePullPolicy: Never or IfNotPresent; no registry can be reached

Pods get addresses of POD_SUBNET and reach each other, Services (by address and by name) and this machine at
HOST_ADDRESS; tests reach pods and Services directly. Needs Linux, root and Debian's packages; nothing on the host is
changed, and everything is gone with the run, however that ends.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import yaml
from tests.cluster.binaries import Binaries
from tests.cluster.certificates import KeyPair
from tests.cluster.control_plane import ControlPlane
from tests.cluster.dns import DOMAIN, DnsServer, service_addresses
from tests.cluster.images import TOOLS_IMAGE, tools_archive
from tests.cluster.machine import (
    ADDRESS,
    HOST_ADDRESS,
    POD_SUBNET,
    Cable,
    Machine,
    MachineUnavailableError,
    require_linux_root,
)
from tests.cluster.polling import eventually
from tests.cluster.reaper import Reaper
from tests.cluster.servers import ControlPlaneOptions, Servers
from tools import system_packages

NODE_NAME = "containers-1"
START_TIMEOUT_SECONDS = 90
RUNTIME = Path.home() / ".cache" / "vigil" / "containerd-debian12"
"""Debian's containerd, runc and CNI plugins, unpacked: no service of theirs is installed."""


class ContainerNode:
    """The node. Its constructor returns when pods can run on it."""

    def __init__(self, binaries: Binaries, servers: Servers, cable: Cable, folder: Path) -> None:
        self.name = NODE_NAME
        self._reaper = Reaper()
        self._data = self._reaper.temporary_folder("vigil-node-")
        self._socket = self._data / "containerd.sock"
        self.machine = Machine(folder, self._data, cable, self._reaper)
        programs = f"{RUNTIME}/usr/bin:{RUNTIME}/usr/sbin:{os.environ['PATH']}:/usr/sbin:/sbin"
        config = _write_containerd_config(self._data, self._socket)
        containerd: list[str | Path] = [RUNTIME / "usr/bin/containerd", "--config", config]
        self.containerd = self.machine.program("containerd", containerd, path=programs)
        kubelet = _kubelet_command(binaries, servers, self._data, self._socket, self.machine.cgroup_root)
        self.kubelet = self.machine.program("kubelet", kubelet, path=programs)
        self.proxy = self.machine.program("kube-proxy", _proxy_command(binaries, servers, self._data), path=programs)
        try:
            self._start()
        except BaseException:
            self.close()
            raise

    def _start(self) -> None:
        self.containerd.start()
        self.containerd.wait_until(self._answers, START_TIMEOUT_SECONDS)
        self.import_image(tools_archive())
        self.kubelet.start()
        self.proxy.start()
        self.proxy.wait_until(self._has_service_rules, START_TIMEOUT_SECONDS)

    def import_image(self, archive: Path) -> None:
        """Makes an OCI archive's image known to the node. Its pods must not have `imagePullPolicy: Always`."""
        self._ctr("images", "import", str(archive), timeout_seconds=300)

    def close(self) -> None:
        self.machine.close()
        self._reaper.close()

    def _answers(self) -> bool:
        try:
            self._ctr("version", timeout_seconds=5)
        except (RuntimeError, subprocess.TimeoutExpired):  # the latter on a busy machine
            return False
        return True

    def _has_service_rules(self) -> bool:
        return "KUBE-SERVICES" in self.machine.run(["iptables-save", "--table", "nat"])

    def _ctr(self, *arguments: str, timeout_seconds: float) -> str:
        command = [str(RUNTIME / "usr/bin/ctr"), "--address", str(self._socket), "--namespace=k8s.io", *arguments]
        return self.machine.run(command, timeout_seconds=timeout_seconds)


class ContainerCluster(ControlPlane):
    """A control plane that pods can reach, and one node with real containers. Only one at a time on a machine.

    Raises MachineUnavailableError, saying what is missing, where there can be none.
    """

    def __init__(self, binaries: Binaries, folder: Path) -> None:
        require_linux_root()
        _ensure_runtime()
        folder.mkdir(parents=True, exist_ok=True)
        self._cable = Cable()
        try:
            super().__init__(binaries, folder, ControlPlaneOptions(address=HOST_ADDRESS))
        except BaseException:
            self._cable.close()
            raise
        try:
            self._dns = DnsServer(HOST_ADDRESS, partial(service_addresses, self.http))
            self._lead_pods_to_the_api_server()
            self.node = ContainerNode(binaries, self.servers, self._cable, folder)
            eventually(self._is_ready, timeout_seconds=START_TIMEOUT_SECONDS)
        except BaseException:
            self.close()
            raise

    def set_gpus(self, gpus: Mapping[str, int]) -> None:
        """Has the node report GPUs, {"nvidia.com/gpu": 2}, that the scheduler counts. No device comes with them."""
        quantities = {name: str(count) for name, count in gpus.items()}
        body = {"status": {"capacity": quantities, "allocatable": quantities}}
        self.http.patch(f"/api/v1/nodes/{self.node.name}/status", body)

    def close(self) -> None:
        with ExitStack() as stack:  # whatever cannot be closed, the rest is
            stack.callback(self._cable.close)
            stack.callback(super().close)
            for part in (getattr(self, "_dns", None), getattr(self, "node", None)):
                if part is not None:
                    stack.callback(part.close)

    def _lead_pods_to_the_api_server(self) -> None:
        """The Service `kubernetes`, which an API server on an address of its own fills by itself (see `servers`)."""
        body = {
            "apiVersion": "v1",
            "kind": "Endpoints",
            "metadata": {"name": "kubernetes", "namespace": "default"},
            "subsets": [
                {"addresses": [{"ip": HOST_ADDRESS}], "ports": [{"name": "https", "port": self.servers.port}]}
            ],
        }
        self.http.create("/api/v1/namespaces/default/endpoints", body)

    def _is_ready(self) -> bool:
        nodes = self.http.get("/api/v1/nodes")["items"]
        return any(
            node["metadata"]["name"] == NODE_NAME
            and not node["spec"].get("taints")
            and any(each["type"] == "Ready" and each["status"] == "True" for each in node["status"]["conditions"])
            for node in nodes
        )


def _ensure_runtime() -> None:
    try:
        system_packages.ensure("container-node")
        if not (RUNTIME / "stamp").exists():
            system_packages.say("unpacking containerd, runc and the CNI plugins")
            system_packages.unpack(["containerd", "runc", "containernetworking-plugins"], RUNTIME)
            (RUNTIME / "stamp").touch()
    except system_packages.MissingPackagesError as error:
        raise MachineUnavailableError(str(error)) from error


def _write_containerd_config(data: Path, socket: Path) -> Path:
    network = data / "cni"
    network.mkdir()
    bridge = {
        "type": "bridge",
        "bridge": "vigil-cni0",
        "isGateway": True,
        "ipMasq": False,
        "hairpinMode": True,
        "ipam": {
            "type": "host-local",
            "ranges": [[{"subnet": POD_SUBNET}]],
            "routes": [{"dst": "0.0.0.0/0"}],
            "dataDir": str(data / "addresses"),
        },
    }
    portmap = {"type": "portmap", "capabilities": {"portMappings": True}}
    plugins = {"cniVersion": "0.4.0", "name": "vigil", "plugins": [bridge, portmap]}
    (network / "10-vigil.conflist").write_text(json.dumps(plugins))
    config = data / "containerd.toml"
    config.write_text(
        f"""\
version = 2
root = "{data}/containerd"
state = "{data}/containerd-state"
disabled_plugins = ["io.containerd.internal.v1.opt", "io.containerd.snapshotter.v1.btrfs"]
[grpc]
address = "{socket}"
[plugins."io.containerd.grpc.v1.cri"]
sandbox_image = "{TOOLS_IMAGE}"
# Without it runc fails where the score may not be lowered: "can't get final child's PID from pipe".
restrict_oom_score_adj = true
stream_server_address = "{ADDRESS}"
[plugins."io.containerd.grpc.v1.cri".cni]
bin_dir = "{RUNTIME}/usr/lib/cni"
conf_dir = "{network}"
[plugins."io.containerd.grpc.v1.cri".containerd]
snapshotter = "overlayfs"
default_runtime_name = "runc"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
BinaryName = "{RUNTIME}/usr/sbin/runc"
"""
    )
    return config


def _kubelet_command(
    binaries: Binaries, servers: Servers, data: Path, socket: Path, cgroup_root: str
) -> list[str | Path]:
    user = f"system:node:{NODE_NAME}"
    serving: KeyPair = servers.authority.server("kubelet-serving", [ADDRESS, NODE_NAME])
    resolver = data / "resolv.conf"
    resolver.write_text("")
    config = {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "address": ADDRESS,
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": False},
            "x509": {"clientCAFile": str(servers.authority.files.certificate)},
        },
        "authorization": {"mode": "AlwaysAllow"},
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": cgroup_root,
        "clusterDNS": [HOST_ADDRESS],
        "clusterDomain": DOMAIN,
        "enforceNodeAllocatable": ["pods"],
        "evictionHard": {"memory.available": "100Mi", "nodefs.available": "1%"},
        "failSwapOn": False,
        "healthzPort": 0,
        "imageGCHighThresholdPercent": 100,
        "nodeStatusUpdateFrequency": "2s",
        "readOnlyPort": 0,
        "resolvConf": str(resolver),
        "tlsCertFile": str(serving.certificate),
        "tlsPrivateKeyFile": str(serving.key),
    }
    path = data / "kubelet.yaml"
    path.write_text(yaml.safe_dump(config))
    kubelet: list[str | Path] = [binaries.path("kubelet"), "--config", path]
    if binaries.version < (1, 27):
        kubelet.append("--container-runtime=remote")
    return [
        *kubelet,
        f"--container-runtime-endpoint=unix://{socket}",
        "--kubeconfig",
        servers.kubeconfig("node", user, ["system:nodes"]),
        "--root-dir",
        data / "kubelet",
        f"--hostname-override={NODE_NAME}",
        f"--node-ip={ADDRESS}",
    ]


def _proxy_command(binaries: Binaries, servers: Servers, data: Path) -> list[str | Path]:
    config = {
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "clientConnection": {
            "kubeconfig": str(servers.kubeconfig("proxy", "system:kube-proxy", ["system:masters"])),
        },
        "clusterCIDR": POD_SUBNET,
        "conntrack": {"maxPerCore": 0, "tcpEstablishedTimeout": "0s", "tcpCloseWaitTimeout": "0s"},
        "hostnameOverride": NODE_NAME,
        "mode": "iptables",
    }
    path = data / "proxy.yaml"
    path.write_text(yaml.safe_dump(config))
    return [binaries.path("kube-proxy"), "--config", path]
