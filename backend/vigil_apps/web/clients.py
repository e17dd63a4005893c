"""Which client sent a request, as far as limits may rely on it.

An untrusted proxy reports its client in `X-Forwarded-For`. Any pod can send that header too, so it identifies no
client. It still tells the clients of one proxy apart: limits count each of them separately, within a limit for the
proxy.
"""

from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address, ip_network

from django.http import HttpRequest

from vigil_apps.web.addresses import address_of
from vigil_apps.web.rate_limits import seconds_to_wait

UNKNOWN = "unknown"
_CLIENT_PREFIX_LENGTH = 64
"""An IPv6 client has a whole network of this size (RFC 6177), so that a limit per address would limit nothing."""


@dataclass(frozen=True, slots=True)
class Client:
    """The sender of a request."""

    peer: str
    """The address that limits count by: the peer's, or the one that a trusted proxy reported. IPv6: its /64."""
    forwarded_for: str = ""
    """The client that an untrusted proxy reported; empty if the peer reported none."""


def client_of(request: HttpRequest) -> Client:
    """Return the sender of a request.

    Only the last address of `X-Forwarded-For` counts: the proxy adds it, while its client can invent all before it.
    """
    peer = address_of(request)
    forwarded = request.META.get("HTTP_X_FORWARDED_FOR", "").split(",")
    chain = [_without_port(entry.strip()) for entry in forwarded if entry.strip()]
    if peer is None or not chain or peer in chain:  # a trusted proxy's header contains the address that it replaced
        return Client(_limited(peer))
    return Client(_limited(peer), _limited(chain[-1]))


def seconds_of_client(request: HttpRequest) -> int:
    """Count a request without a token, like `seconds_to_wait`.

    The proxy's limit is tested first and counted last: a client above its own limit uses up none of the proxy's, and
    a proxy above its limit cannot fill the storage with invented clients.
    """
    client = client_of(request)
    if not client.forwarded_for:
        return seconds_to_wait("address", client.peer)
    return (
        seconds_to_wait("proxy", client.peer, count=False)
        or seconds_to_wait("address", f"{client.peer} for {client.forwarded_for}")
        or seconds_to_wait("proxy", client.peer)
    )


def _without_port(entry: str) -> str:
    """Return the address of `192.0.2.1:5678` or `[2001:db8::1]:5678`, as some proxies report it."""
    if entry.startswith("["):
        entry = entry[1:].partition("]")[0]
    elif entry.count(":") == 1:
        entry = entry.partition(":")[0]
    try:
        return str(ip_address(entry.partition("%")[0]))
    except ValueError:
        return UNKNOWN


def _limited(address: str | None) -> str:
    try:
        parsed = ip_address(address or "")
    except ValueError:
        return UNKNOWN
    if not isinstance(parsed, IPv6Address):
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ip_network((parsed, _CLIENT_PREFIX_LENGTH), strict=False).network_address)
