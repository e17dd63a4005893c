"""Decide which network addresses streams may come from, and notifications may go to.

For streams, the backend checks the URLs that users enter, and the detector checks every address before connecting:
names can resolve to other addresses later (DNS rebinding), so only the second check protects.

`2130706433` and `0x7f.1` are 127.0.0.1, and IPv6 carries IPv4 in several ways (RFC 4291, 6052, 3056, 4380).
"""

import ipaddress
import socket
from collections.abc import Callable
from dataclasses import dataclass

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_METADATA = frozenset(
    ipaddress.ip_address(text) for text in ("fd00:ec2::254", "100.100.100.200", "168.63.129.16", "192.0.0.192")
)
"""Addresses, besides link-local ones, at which clouds serve credentials: EC2 over IPv6, Alibaba, Azure, Oracle."""
_LOOPBACK_NAMES = ("localhost", "ip6-localhost", "ip6-loopback")
_METADATA_NAMES = ("metadata", "metadata.google.internal", "instance-data")


def unwrapped(address: Address) -> Address:
    """Return the IPv4 address embedded in an IPv6 address, or the address itself."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address.sixtofour is not None:
        return address.sixtofour
    if address.teredo is not None:
        return address.teredo[1]
    if address in _NAT64 or (int(address) >> 32 == 0 and int(address) > 1):  # the latter: "IPv4-compatible"
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address


@dataclass(frozen=True, slots=True)
class AddressPolicy:
    """`allowed`: only these networks. Empty: all hosts of private and public networks, except this machine itself,
    link-local addresses and others where clouds serve credentials, multicast and reserved ones. `loopback` also
    permits this machine, for cameras, detector and backend on one host."""

    allowed: tuple[Network, ...] = ()
    loopback: bool = False

    def permits(self, address: str) -> bool:
        """Return whether a stream may come from `address` (in text, without a zone)."""
        carried = unwrapped(ipaddress.ip_address(address))
        if self.loopback and carried.is_loopback:
            return True
        if self.allowed:
            return any(carried.version == network.version and carried in network for network in self.allowed)
        return not (
            carried.is_loopback
            or carried.is_link_local
            or carried.is_multicast
            or carried.is_unspecified
            or carried.is_reserved
            or carried in _METADATA
        )

    def permits_host(self, host: str) -> bool:
        """Return whether a URL with this host may be stored. Resolves no names: only well-known ones are checked."""
        return _permits_host(host, self.permits, loopback=self.loopback)


@dataclass(frozen=True, slots=True)
class PublicAddresses:
    """The public internet, and the networks that an administrator permits. For URLs that users enter: they must not
    make the server connect to its internal network."""

    also: tuple[Network, ...] = ()

    def permits(self, address: str) -> bool:
        """Return whether a connection may go to `address` (in text, without a zone)."""
        carried = unwrapped(ipaddress.ip_address(address))
        if any(carried.version == network.version and carried in network for network in self.also):
            return True
        return carried.is_global and not (carried.is_multicast or carried.is_reserved or carried in _METADATA)

    def permits_host(self, host: str) -> bool:
        """Return whether a URL with this host may be stored. Resolves no names: only well-known ones are checked."""
        return _permits_host(host, self.permits, loopback=self.permits("127.0.0.1"))


def _permits_host(host: str, permits: Callable[[str], bool], *, loopback: bool) -> bool:
    name = host.lower().rstrip(".")
    if name in _LOOPBACK_NAMES or name.endswith(".localhost"):
        return loopback
    if name in _METADATA_NAMES:
        return False
    literal = _literal(name)
    return literal is None or permits(literal)


def _literal(host: str) -> str | None:
    """Return the address if the text is one, in any notation that resolvers accept; None for a name."""
    try:
        return str(ipaddress.ip_address(host.partition("%")[0]))
    except ValueError:
        pass
    try:
        return socket.inet_ntoa(socket.inet_aton(host))  # decimal, octal, hexadecimal and shortened forms
    except (OSError, UnicodeError):
        return None
