"""Check where notifications may be sent: when a URL is entered, and again when connecting.

A host name is resolved once, all its addresses are checked, and the connection goes to one of exactly these. A later
DNS answer (DNS rebinding) has no effect.
"""

import socket
import ssl
import time
from collections.abc import Iterable
from typing import Any
from urllib.parse import urlsplit

import httpcore
import httpx
from django.conf import settings

from vigil_apps.notifications.channels.base import DeliveryError

FORBIDDEN = (
    "must not lead to this server, a private network, link-local or cloud metadata addresses; an administrator "
    "can allow a network with VIGIL_NOTIFY_NETWORKS"
)
CONNECT_SECONDS = 5.0


def check_url(url: str, schemes: Iterable[str]) -> str:
    """Return the URL, stripped. Raises ValueError whose text repeats no part of it."""
    url = url.strip()
    if any(character.isspace() or not character.isprintable() for character in url):
        raise ValueError("must not contain spaces or control characters; write them percent-encoded, such as %20")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise ValueError("must be a URL; write special characters in a password as %XX") from None
    if parts.scheme.lower() not in schemes:
        raise ValueError(f"must begin with {' or '.join(f'{scheme}://' for scheme in schemes)}")
    if not host or port == 0:
        raise ValueError("must name a host, and a port between 1 and 65535 if any")
    try:
        httpx.URL(url)
    except httpx.InvalidURL:
        raise ValueError(
            "must name a host that exists in the DNS, as in bücher.example or xn--bcher-kva.example"
        ) from None
    if not settings.VIGIL_NOTIFY_ADDRESSES.permits_host(host):
        raise ValueError(FORBIDDEN)
    return url


def permitted_addresses(host: str, port: int) -> list[str]:
    """Return the host's addresses, all of them permitted. Raises DeliveryError."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise DeliveryError("the host name cannot be resolved") from None
    addresses = list(dict.fromkeys(str(entry[4][0]).partition("%")[0] for entry in found))
    if not all(settings.VIGIL_NOTIFY_ADDRESSES.permits(address) for address in addresses):
        raise DeliveryError(f"the address {FORBIDDEN}")
    return addresses


class PinnedBackend(httpcore.NetworkBackend):
    """httpcore's sockets, connected to checked addresses only. TLS still verifies the name in the URL.

    `ends_at`: the monotonic time at which everything ends, even if the receiver keeps sending single bytes.
    """

    def __init__(self, ends_at: float) -> None:
        self._backend = httpcore.SyncBackend()
        self._ends_at = ends_at

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        """Try one address after the other."""
        failure: Exception | None = None
        for address in permitted_addresses(host, port)[:3]:
            try:
                stream = self._backend.connect_tcp(address, port, timeout, local_address, socket_options)
                return _BoundedStream(stream, self._ends_at)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
        raise failure or httpcore.ConnectError("no address")

    def sleep(self, seconds: float) -> None:
        """Wait as httpcore does."""
        self._backend.sleep(seconds)


class _BoundedStream(httpcore.NetworkStream):
    """Applies one common time limit to all operations; httpcore limits each of them separately."""

    def __init__(self, stream: httpcore.NetworkStream, ends_at: float) -> None:
        self._stream = stream
        self._ends_at = ends_at

    def _left(self, timeout: float | None) -> float:
        left = self._ends_at - time.monotonic()
        if left <= 0:
            raise httpcore.ReadTimeout("the time limit is exceeded")
        return left if timeout is None else min(timeout, left)

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Read within the remaining time."""
        return self._stream.read(max_bytes, self._left(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Write within the remaining time."""
        self._stream.write(buffer, self._left(timeout))

    def close(self) -> None:
        """Close the socket."""
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        """Return the same stream with TLS."""
        return _BoundedStream(
            self._stream.start_tls(ssl_context, server_hostname, self._left(timeout)), self._ends_at
        )

    def get_extra_info(self, info: str) -> Any:
        """Return the socket's information."""
        return self._stream.get_extra_info(info)
