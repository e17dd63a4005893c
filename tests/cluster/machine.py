"""A machine for a Kubernetes node within this one: PID, mount and network namespaces of its own, and one cable.

What runs in it sees this machine's files, but its mounts, interfaces, iptables rules and processes are its own and
vanish with it: ending its first process ends every container, even when the test run is killed. The cable is a pair
of virtual interfaces: the machine and its pods reach servers that listen on `HOST_ADDRESS`, and nothing farther.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TextIO

from tests.cluster import machine_init
from tests.cluster.kubeconfig import clean_environment
from tests.cluster.processes import ServerProcess
from tests.cluster.reaper import Reaper

HOST_ADDRESS = "10.244.76.1"
"""This end of the cable: where servers of a test listen that pods must reach."""

ADDRESS = "10.244.76.2"
POD_SUBNET = "10.244.77.0/24"
SERVICE_SUBNET = "10.96.0.0/16"

_HOST_INTERFACE = "vigil-host"
_NODE_INTERFACE = "vigil-node"
_CGROUP = "vigil-node"
_LOCK_FILE = Path.home() / ".cache" / "vigil" / "node.lock"


class MachineUnavailableError(RuntimeError):
    """No node can run here; the message says what is missing."""


def require_linux_root() -> None:
    """Raises MachineUnavailableError unless this is Linux, we are root, and the tools are there."""
    if sys.platform != "linux":
        raise MachineUnavailableError(f"a node with real containers needs Linux; this is {sys.platform}")
    if os.geteuid() != 0:
        raise MachineUnavailableError("a node with real containers needs root, for namespaces, mounts and cgroups")
    lacking = [tool for tool in ("ip", "iptables", "nsenter", "unshare", "mount") if shutil.which(tool) is None]
    if lacking:
        raise MachineUnavailableError(f"a node with real containers needs {', '.join(lacking)}")


class Cable:
    """The two ends, to be laid before the API server starts, which listens on this one.

    There is one at a time on this machine, since its addresses are fixed: a second test run waits for the first, and
    raises MachineUnavailableError when that does not end in time.
    """

    def __init__(self, *, timeout_seconds: float = 60) -> None:
        require_linux_root()
        self._lock = _lock(timeout_seconds)
        self.remove()  # of a run that was killed before its machine was up
        _ip("link", "add", _HOST_INTERFACE, "type", "veth", "peer", "name", _NODE_INTERFACE)
        _ip("address", "add", f"{HOST_ADDRESS}/30", "dev", _HOST_INTERFACE)
        _ip("link", "set", _HOST_INTERFACE, "up")

    def plug_into(self, pid: int) -> None:
        """Moves the far end into the network namespace of a process and brings it up there."""
        _ip("link", "set", _NODE_INTERFACE, "netns", str(pid))
        inside = ["nsenter", f"--target={pid}", "--net", "ip"]
        for arguments in (
            ["link", "set", "lo", "up"],
            ["address", "add", f"{ADDRESS}/30", "dev", _NODE_INTERFACE],
            ["link", "set", _NODE_INTERFACE, "up"],
        ):
            _run([*inside, *arguments])
        _ip("route", "replace", POD_SUBNET, "via", ADDRESS)
        _ip("route", "replace", SERVICE_SUBNET, "via", ADDRESS)

    def remove(self) -> None:
        subprocess.run(["ip", "link", "delete", _HOST_INTERFACE], check=False, capture_output=True)

    def close(self) -> None:
        self.remove()
        self._lock.close()


class Machine:
    """Starts with its constructor. `folder` takes logs; what its processes store is in `data`, gone at the end."""

    def __init__(self, folder: Path, data: Path, cable: Cable, reaper: Reaper) -> None:
        self.folder = folder
        self.data = data
        self._reaper = reaper
        self._programs: list[ServerProcess] = []
        scratch = data / "kernel"
        scratch.mkdir()
        self.cgroup_root = _make_cgroups()
        namespaces = ["--fork", "--kill-child", "--pid", "--mount-proc", "--mount", "--net", "--uts", "--ipc"]
        command = ["unshare", *namespaces, sys.executable, "-S", machine_init.__file__, str(scratch)]
        self._init = ServerProcess(
            "machine", command, folder / "machine.log", reaper, environment=clean_environment()
        )
        self._init.start()
        self._init.wait_until(lambda: "machine is up" in self._init.log_tail(), 20)
        cable.plug_into(self.first_process)

    @property
    def first_process(self) -> int:
        """The number, on this machine, of the process that is 1 in there."""
        children = Path(f"/proc/{self._init.pid}/task/{self._init.pid}/children").read_text().split()
        return int(children[0])

    def program(self, name: str, command: Sequence[str | Path], *, path: str | None = None) -> ServerProcess:
        """A server that runs in there, not yet started. `path` is its PATH."""
        # Old kubelets look for a cloud to fetch credentials from, which takes them ten seconds where there is none.
        environment = clean_environment() | {"AWS_EC2_METADATA_DISABLED": "true"} | ({"PATH": path} if path else {})
        server = ServerProcess(
            name, self._inside(command), self.folder / f"{name}.log", self._reaper, environment=environment
        )
        self._programs.append(server)
        return server

    def run(self, command: Sequence[str | Path], *, timeout_seconds: float = 120) -> str:
        """Runs a command in there and answers its output. Raises RuntimeError with what it said when it fails."""
        return _run(self._inside(command), timeout_seconds)

    def close(self) -> None:
        for server in reversed(self._programs):
            server.kill()
        self._init.kill()
        _remove_cgroups()

    def _inside(self, command: Sequence[str | Path]) -> list[str]:
        target = f"--target={self.first_process}"
        return ["nsenter", target, "--mount", "--pid", "--net", "--uts", "--ipc", "--", *map(str, command)]


def _lock(timeout_seconds: float) -> TextIO:
    """Holds the lock file until it is closed; the kernel lets go of it when the process dies."""
    _LOCK_FILE.parent.mkdir(parents=True, exist_ok=True)
    file = _LOCK_FILE.open("w")
    deadline = time.monotonic() + timeout_seconds
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                file.close()
                raise MachineUnavailableError("another test run on this machine holds the node") from None
            time.sleep(0.2)
        else:
            return file


def _make_cgroups() -> str:
    """A group of ours in every hierarchy, under which the kubelet makes its own. Answers its path."""
    _remove_cgroups()
    for hierarchy in _cgroup_hierarchies():
        group = hierarchy / _CGROUP
        group.mkdir(exist_ok=True)
        for setting in ("cpuset.cpus", "cpuset.mems"):  # a new group of version 1 has neither and can hold nothing
            if (hierarchy / setting).exists() and (group / setting).exists():
                (group / setting).write_text((hierarchy / setting).read_text())
    return f"/{_CGROUP}"


def _remove_cgroups(timeout_seconds: float = 10) -> None:
    """Removes our groups, which can be done only once the kernel has cleared the last process out of them."""
    groups = [hierarchy / _CGROUP for hierarchy in _cgroup_hierarchies()]
    deadline = time.monotonic() + timeout_seconds
    while any(group.exists() for group in groups) and time.monotonic() < deadline:
        for group in groups:
            for folder, _, _ in os.walk(group, topdown=False):
                with suppress(OSError):
                    Path(folder).rmdir()
        time.sleep(0.02)


def _cgroup_hierarchies() -> list[Path]:
    root = Path("/sys/fs/cgroup")
    if (root / "cgroup.controllers").exists():
        return [root]
    return [path for path in sorted(root.iterdir()) if path.is_dir() and not path.is_symlink()]


def _ip(*arguments: str) -> None:
    _run(["ip", *arguments])


def _run(command: Sequence[str], timeout_seconds: float = 60) -> str:
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=timeout_seconds)
    if done.returncode != 0:
        raise RuntimeError(
            f"{' '.join(command)} ended with {done.returncode}: {(done.stderr or done.stdout).strip()}"
        )
    return done.stdout
