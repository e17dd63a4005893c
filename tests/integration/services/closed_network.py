"""A network namespace in which every look-up and every connection that leaves the machine is recorded.

    with closed_network(tmp_path) as network:
        network.call(start_everything)   # runs in the namespace; so does each process that it starts
        assert network.attempts() == []

Programs there appear to be online: each name resolves to an address of TEST-NET-1 (RFC 5737), and the default route
is a TUN device. So telemetry that is only sent when online is detected, too. Needs root, /dev/net/tun and `ip`.
"""

import ctypes
import fcntl
import os
import select
import shutil
import socket
import struct
import subprocess
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from tests.integration.services.packets import dns_answer, dns_question, packet_attempt

T = TypeVar("T")
_TUN = Path("/dev/net/tun")
_CLONE_NEWNS, _CLONE_NEWNET = 0x00020000, 0x40000000
_MS_BIND, _MS_REC, _MS_PRIVATE = 0x1000, 0x4000, 0x40000
_TUNSETIFF, _IFF_TUN, _IFF_NO_PI = 0x400454CA, 0x0001, 0x1000
_LARGEST_PACKET = 65_535
_LISTENING = 0x10000
"""`__SO_ACCEPTCON`, the flag of a listening socket in /proc/net/unix."""
_LIBC = ctypes.CDLL(None, use_errno=True)


def closed_network_problem() -> str | None:
    """Return why such a namespace is impossible here, or None."""
    if os.geteuid() != 0:
        return "needs root, to make a network namespace"
    if not os.access(_TUN, os.R_OK | os.W_OK):
        return f"needs {_TUN}: modprobe tun"
    if shutil.which("ip") is None:
        return "needs ip: apt-get install iproute2"
    return None


@dataclass
class ClosedNetwork:
    """The namespace, held by one thread; see the module."""

    _thread: ThreadPoolExecutor
    _attempts: list[str] = field(default_factory=list)

    def call(self, function: Callable[[], T]) -> T:
        """Run `function` in the namespace. Threads and processes that it starts stay there."""
        return self._thread.submit(function).result()

    def attempts(self) -> list[str]:
        """Return the distinct attempts in order: `look-up NAME`, `tcp ADDRESS:PORT`, `udp ADDRESS:PORT`."""
        return list(dict.fromkeys(self._attempts))

    def unix_sockets(self) -> list[str]:
        """Return the names of the unix sockets in the namespace on which a program listens."""
        rows = [
            line.split(maxsplit=7) for line in self.call(Path("/proc/thread-self/net/unix").read_text).splitlines()
        ]
        return [row[7] for row in rows[1:] if len(row) == 8 and int(row[3], 16) & _LISTENING]


@contextmanager
def closed_network(directory: Path) -> Iterator[ClosedNetwork]:
    """Create the namespace; it ends with its last process. Raises `OSError` where that is not permitted."""
    with ExitStack() as stack:
        network = ClosedNetwork(stack.enter_context(ThreadPoolExecutor(1, "closed-network")))
        tun, server = network.call(lambda: _enter(directory))
        stack.callback(os.close, tun)
        stack.enter_context(server)
        stop, stopped = socket.socketpair()
        stack.enter_context(stopped)
        watcher = threading.Thread(target=_watch, args=(tun, server, stopped, network._attempts), daemon=True)
        watcher.start()
        # End the thread before closing its files: it would otherwise read from files that reuse their descriptors.
        stack.callback(watcher.join)
        stack.callback(stop.close)
        yield network


@contextmanager
def relay(network: ClosedNetwork, port: int) -> Iterator[None]:
    """Forward 127.0.0.1:`port` of the namespace to the same port outside."""
    with network.call(lambda: socket.create_server(("127.0.0.1", port))) as listener:
        accepting = threading.Thread(target=_accept, args=(listener, port), daemon=True)
        accepting.start()
        yield
        listener.shutdown(socket.SHUT_RDWR)  # a close alone would leave the other thread in accept()
        accepting.join(10)


def _enter(directory: Path) -> tuple[int, socket.socket]:
    """Move the calling thread into new namespaces, with a resolver and a default route of their own."""
    _check(_LIBC.unshare(_CLONE_NEWNS | _CLONE_NEWNET), "unshare")
    _check(_LIBC.mount(b"none", b"/", None, _MS_REC | _MS_PRIVATE, None), "make mounts private")
    for name, text in (("resolv.conf", "nameserver 127.0.0.1\n"), ("nsswitch.conf", "hosts: files dns\n")):
        file = directory / name
        file.write_text(text)
        _check(_LIBC.mount(os.fsencode(file), f"/etc/{name}".encode(), None, _MS_BIND, None), f"bind /etc/{name}")
    tun = _open_tun()
    for line in (
        *("link set lo up", "address add 192.0.2.2/24 dev outside", "-6 address add 2001:db8::2/64 dev outside"),
        *("link set outside up", "route add default dev outside", "-6 route add default dev outside"),
    ):
        subprocess.run(["ip", *line.split()], check=True, capture_output=True)
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind(("127.0.0.1", 53))
    return tun, server


def _open_tun() -> int:
    """Create the TUN device `outside`; its file returns each packet routed to it."""
    file = os.open(_TUN, os.O_RDWR)
    fcntl.ioctl(file, _TUNSETIFF, struct.pack("16sH22x", b"outside", _IFF_TUN | _IFF_NO_PI))
    return file


def _watch(tun: int, server: socket.socket, stopped: socket.socket, attempts: list[str]) -> None:
    """Record packets, and record and answer look-ups, until the other end of `stopped` is closed."""
    while True:
        readable, _, _ = select.select([tun, server.fileno(), stopped.fileno()], [], [])
        if stopped.fileno() in readable:
            return
        if tun in readable and (attempt := packet_attempt(os.read(tun, _LARGEST_PACKET))):
            attempts.append(attempt)
        if server.fileno() in readable:
            query, client = server.recvfrom(_LARGEST_PACKET)
            attempts.append(f"look-up {dns_question(query)}")
            server.sendto(dns_answer(query), client)


def _accept(listener: socket.socket, port: int) -> None:
    with suppress(OSError):  # shut down
        while True:
            inside, _ = listener.accept()
            threading.Thread(target=_join, args=(inside, port), daemon=True).start()


def _join(inside: socket.socket, port: int) -> None:
    """Copy both directions until both have ended."""
    with inside, socket.create_connection(("127.0.0.1", port)) as outside:
        back = threading.Thread(target=_copy, args=(outside, inside), daemon=True)
        back.start()
        _copy(inside, outside)
        back.join()


def _copy(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(_LARGEST_PACKET):
            sink.sendall(data)
    with suppress(OSError):
        sink.shutdown(socket.SHUT_WR)


def _check(result: int, what: str) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
