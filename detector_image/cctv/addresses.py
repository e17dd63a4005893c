"""Which network addresses a stream may come from: asked of every address that is connected to, at that time.

Checking the name in a URL is not enough: names resolve to something else later (DNS rebinding), `2130706433` and
`0x7f.1` are 127.0.0.1, and IPv6 carries IPv4 in several ways (RFC 4291, 6052, 3056, 4380). So the check is on the
resolved address, and the connection is made to exactly that one.
"""

import ipaddress
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from cctv.faults import StreamFault, from_connect_error
from vigil_contracts.names import Reason

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Resolver = Callable[[str, int], list[str]]

_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")


def _unwrapped(address: Address) -> Address:
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
    link-local addresses (clouds serve credentials there), multicast or reserved ones. `loopback` lets this machine in
    besides: where cameras, detector and backend share one."""

    allowed: tuple[Network, ...] = ()
    loopback: bool = False

    def permits(self, address: str) -> bool:
        """Whether a stream may come from `address` (in text, without a zone)."""
        carried = _unwrapped(ipaddress.ip_address(address))
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
        )


def system_resolver(host: str, port: int) -> list[str]:
    """Every address of `host` by the system's resolver, best first."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]).partition("%")[0] for entry in found))


def resolve(host: str, port: int, policy: AddressPolicy, resolver: Resolver = system_resolver) -> Sequence[str]:
    """The addresses of `host` that may be connected to. Raises `StreamFault` where there is none."""
    try:
        found = resolver(host, port)
    except (OSError, UnicodeError) as error:
        raise from_connect_error(error if isinstance(error, OSError) else socket.gaierror()) from None
    permitted = [address for address in found if policy.permits(address)]
    if not permitted:
        raise StreamFault(Reason.STREAM_FORBIDDEN, "the host's address is not in an allowed network")
    return permitted
