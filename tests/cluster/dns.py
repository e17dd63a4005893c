"""The cluster's DNS for pods of the real node: names of Services, answered from the API server.

Resolves `<service>.<namespace>.svc.cluster.local` (A records, RFC 1035; the endpoints' addresses for a headless
Service) and denies all other names. Debian has no package of CoreDNS.
"""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Callable
from ipaddress import IPv4Address

import httpx
from tests.cluster.http import ApiError, KubernetesHttp

DOMAIN = "cluster.local"

_RECORD_A = 1
_CLASS_IN = 1
_NO_ERROR, _SERVER_FAILURE, _NO_SUCH_NAME = 0, 2, 3
_TTL_SECONDS = 1
_HEADER = struct.Struct("!6H")

Lookup = Callable[[str], list[str] | None]
"""A name in lower case, without the final dot -> its IPv4 addresses; None if the name does not exist."""


def answer(query: bytes, look_up: Lookup) -> bytes:
    """Return the response to a DNS query with one question. Raises ValueError for malformed queries."""
    try:
        identity, flags, questions = _HEADER.unpack_from(query)[:3]
        name, end = _read_name(query, _HEADER.size)
        kind, record_class = struct.unpack_from("!2H", query, end)
    except (struct.error, IndexError, UnicodeDecodeError) as error:
        raise ValueError("no DNS query") from error
    if flags & 0x8000 or questions != 1:
        raise ValueError("no DNS query of one question")
    try:
        addresses = look_up(name)
        code = _NO_SUCH_NAME if addresses is None else _NO_ERROR
    except (ApiError, httpx.HTTPError):
        addresses, code = None, _SERVER_FAILURE
    wanted = addresses or [] if (kind, record_class) == (_RECORD_A, _CLASS_IN) else []
    # QR and AA, recursion desired as requested, and recursion available, which resolvers expect.
    header = _HEADER.pack(identity, 0x8480 | flags & 0x0100 | code, 1, len(wanted), 0, 0)
    pointer_to_question = struct.pack("!H", 0xC000 | _HEADER.size)
    records = b"".join(
        pointer_to_question
        + struct.pack("!2HIH", _RECORD_A, _CLASS_IN, _TTL_SECONDS, 4)
        + IPv4Address(address).packed
        for address in wanted
    )
    return header + query[_HEADER.size : end + 4] + records


def service_addresses(http: KubernetesHttp, name: str) -> list[str] | None:
    """Return the addresses of a Service's name; None for other names."""
    labels = name.removesuffix(f".svc.{DOMAIN}").split(".")
    if not name.endswith(f".svc.{DOMAIN}") or len(labels) != 2:
        return None
    path = f"/api/v1/namespaces/{labels[1]}"
    try:
        cluster_ip = str(http.get(f"{path}/services/{labels[0]}")["spec"]["clusterIP"])
        if cluster_ip != "None":
            return [cluster_ip]
        subsets = http.get(f"{path}/endpoints/{labels[0]}").get("subsets") or []
    except ApiError as error:
        if error.code == 404:
            return None
        raise
    return [str(address["ip"]) for subset in subsets for address in subset.get("addresses", [])]


class DnsServer:
    """Answers on UDP port 53 of an address in a separate thread until it is closed."""

    def __init__(self, address: str, look_up: Lookup) -> None:
        self._look_up = look_up
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((address, 53))
        self._socket.settimeout(0.2)
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._run, name="cluster-dns", daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._closed.set()
        self._thread.join(timeout=40)
        self._socket.close()

    def _run(self) -> None:
        while not self._closed.is_set():
            try:
                query, sender = self._socket.recvfrom(512)
            except TimeoutError:
                continue
            try:
                self._socket.sendto(answer(query, self._look_up), sender)
            except (ValueError, OSError):
                continue  # malformed query, or the pod has ended


def _read_name(query: bytes, offset: int) -> tuple[str, int]:
    """Return the name at the offset, in lower case, and the offset after it. Questions are not compressed."""
    labels = []
    while (length := query[offset]) != 0:
        if length > 63:
            raise IndexError("a compressed name")
        labels.append(query[offset + 1 : offset + 1 + length].decode("ascii").lower())
        offset += 1 + length
    return ".".join(labels), offset + 1
