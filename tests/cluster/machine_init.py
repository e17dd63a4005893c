"""The first process of a test node's machine (`machine.py`): prepares its file system and reaps its orphans.

Called as `machine_init.py SCRATCH`, as process 1 of fresh PID, mount and network namespaces. It hides what a node
writes outside its own folders behind empty file systems, and what it would change of the running kernel behind
files, so that the host keeps neither.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

HIDDEN = ("/run/netns", "/run/containerd", "/var/lib/kubelet", "/var/lib/cni", "/var/log/pods", "/var/log/containers")
"""Places that kubelet, containerd and CNI use whatever they are told."""

KERNEL_SETTINGS = {
    "vm/overcommit_memory": "1",
    "vm/panic_on_oom": "0",
    "kernel/panic": "10",
    "kernel/panic_on_oops": "1",
    "kernel/keys/root_maxkeys": "1000000",
    "kernel/keys/root_maxbytes": "25000000",
}
"""What a kubelet insists on. It finds these values and so has no reason to change the host's."""


def main(scratch: Path) -> None:
    for folder in HIDDEN:
        Path(folder).mkdir(parents=True, exist_ok=True)
        _mount("-t", "tmpfs", "tmpfs", folder)
    for name, value in KERNEL_SETTINGS.items():
        copy = scratch / name.replace("/", ".")
        copy.write_text(value + "\n")
        with suppress(subprocess.CalledProcessError):  # a kernel built without it
            _mount("--bind", str(copy), f"/proc/sys/{name}")
    _mount("--make-rshared", "/")
    Path("/proc/sys/net/ipv4/ip_forward").write_text("1")
    for name in ("bridge-nf-call-iptables", "bridge-nf-call-ip6tables"):
        with suppress(OSError):
            Path(f"/proc/sys/net/bridge/{name}").write_text("1")
    print("machine is up", flush=True)
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    signal.signal(signal.SIGCHLD, lambda *_: None)  # so that a child's end wakes `pause`
    while True:
        signal.pause()
        with suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass


def _mount(*arguments: str) -> None:
    subprocess.run(["mount", *arguments], check=True, capture_output=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
