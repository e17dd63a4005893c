"""Which network addresses a stream may come from, or a notification go to.

Of streams, the backend asks it of what people write, the detector of every address that it is about to connect to:
names resolve to something else later (DNS rebinding), so only that protects.

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
"""Where clouds serve credentials besides link-local addresses: EC2 by IPv6, Alibaba, Azure, Oracle."""
_LOOPBACK_NAMES = ("localhost", "ip6-localhost", "ip6-loopback")
_METADATA_NAMES = ("metadata", "metadata.google.internal", "instance-data")


def unwrapped(address: Address) -> Address:
    """The IPv4 address that an IPv6 one carries, or the address itself."""
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
    """`allowed`: only these networks. Empty: any host of a private or public network, but not this machine itself,
    link-local addresses and others where clouds serve credentials, multicast or reserved ones. `loopback` lets this
    machine in besides: where cameras, detector and backend share one."""

    allowed: tuple[Network, ...] = ()
    loopback: bool = False

    def permits(self, address: str) -> bool:
        """Whether a stream may come from `address` (in text, without a zone)."""
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
        """Whether the host of a URL may be stored. Asks no name server: of names it judges only well-known ones."""
        return _permits_host(host, self.permits, loopback=self.loopback)


@dataclass(frozen=True, slots=True)
class PublicAddresses:
    """The public internet, and besides it the networks that an administrator names. For what users make a server
    connect to: its own network is none of their business."""

    also: tuple[Network, ...] = ()

    def permits(self, address: str) -> bool:
        """Whether a connection may go to `address` (in text, without a zone)."""
        carried = unwrapped(ipaddress.ip_address(address))
        if any(carried.version == network.version and carried in network for network in self.also):
            return True
        return carried.is_global and not (carried.is_multicast or carried.is_reserved or carried in _METADATA)

    def permits_host(self, host: str) -> bool:
        """Whether the host of a URL may be stored. Asks no name server: of names it judges only well-known ones."""
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
    """The address that the text is, in whatever notation a resolver takes; None for a name."""
    try:
        return str(ipaddress.ip_address(host.partition("%")[0]))
    except ValueError:
        pass
    try:
        return socket.inet_ntoa(socket.inet_aton(host))  # decimal, octal, hexadecimal and shortened forms
    except (OSError, UnicodeError):
        return None
