"""Check where notifications may be sent: when a URL is entered, and again when connecting.

A host name is resolved once, all its addresses are checked, and the connection goes to one of exactly these. A later
DNS answer (DNS rebinding) has no effect.
"""

import socket
from collections.abc import Iterable
from urllib.parse import urlsplit

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
    import httpx  # here, since few processes need it and it takes a tenth of the time of a start

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
