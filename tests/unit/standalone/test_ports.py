"""An unusable port is rejected with the specific cause."""

import ctypes
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from vigil_standalone.ports import free_port, port_problem

PR_CAPBSET_DROP, CAP_NET_BIND_SERVICE = 24, 10  # linux/prctl.h, linux/capability.h
FIRST_UNPRIVILEGED = Path("/proc/sys/net/ipv4/ip_unprivileged_port_start")


def drop_the_right_to_low_ports() -> None:
    ctypes.CDLL(None).prctl(PR_CAPBSET_DROP, CAP_NET_BIND_SERVICE, 0, 0, 0)


def test_privileged_port_is_not_reported_as_in_use() -> None:
    if not FIRST_UNPRIVILEGED.exists() or int(FIRST_UNPRIVILEGED.read_text()) <= 81:
        pytest.skip(f"every user may listen on port 81 here ({FIRST_UNPRIVILEGED})")
    code = "from vigil_standalone.ports import port_problem; print(port_problem(81))"
    # As root, exec grants what the bounding set allows: a plain user's rights as far as ports go.
    asked = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        preexec_fn=drop_the_right_to_low_ports,
    )
    assert asked.stdout.strip() == (
        "port 81 is privileged: this user may not listen on low ports; choose a port of 1024 or above:"
        " make run PORT=8081"
    )


@pytest.mark.parametrize(("family", "address"), [(socket.AF_INET, "0.0.0.0"), (socket.AF_INET6, "::")])
def test_port_used_on_all_addresses_is_in_use(family: socket.AddressFamily, address: str) -> None:
    if family == socket.AF_INET6 and not Path("/proc/net/if_inet6").exists():
        pytest.skip("this machine has no IPv6")
    with socket.socket(family) as holder:
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        holder.bind((address, 0))
        holder.listen()
        port = int(holder.getsockname()[1])
        assert port_problem(port) == f"port {port} is taken; choose another: make run PORT={port + 1}"
        assert free_port(port) not in (0, port)
    assert port_problem(port) is None
    assert free_port(port) == port
