"""Find the names and addresses of this machine for other machines, without sending anything."""

import fcntl
import re
import socket
import struct
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path

Address = IPv4Address | IPv6Address
_SIOCGIFADDR = 0x8915  # netdevice(7)
_ROUTES = Path("/proc/net/route")
_IPV6_ADDRESSES = Path("/proc/net/if_inet6")
_HOST_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*")


def host_names() -> tuple[str, ...]:
    """Return the host name, and its short form as mDNS publishes it (`NAME.local`, RFC 6762)."""
    name = socket.gethostname().lower()
    if not _HOST_NAME.fullmatch(name) or len(name) > 63:  # not valid in a certificate
        return ()
    return tuple(dict.fromkeys((name, f"{name.partition('.')[0]}.local")))


def addresses() -> tuple[Address, ...]:
    """Return the addresses of all interfaces except loopback; the default route's first, then IPv4."""
    default = _default_interface(_ROUTES.read_text() if _ROUTES.exists() else "")
    names = sorted((name for _, name in socket.if_nameindex()), key=lambda name: name != default)
    found: list[Address] = [address for name in names if (address := _ipv4(name)) is not None]
    found += _ipv6(_IPV6_ADDRESSES.read_text() if _IPV6_ADDRESSES.exists() else "")
    return tuple(address for address in dict.fromkeys(found) if not address.is_loopback)


def _ipv4(interface: str) -> IPv4Address | None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        try:
            answer = fcntl.ioctl(any_socket, _SIOCGIFADDR, struct.pack("256s", interface.encode()[:15]))
        except OSError:  # it has no address
            return None
    return IPv4Address(answer[20:24])


def _ipv6(table: str) -> list[Address]:
    """Return the addresses from the text of /proc/net/if_inet6, without link-local ones, which need a zone in
    URLs."""
    found = [IPv6Address(bytes.fromhex(line.split()[0])) for line in table.splitlines() if line.strip()]
    return [address for address in found if not address.is_link_local]


def _default_interface(table: str) -> str:
    """Return the interface of the default route from the text of /proc/net/route; empty if there is none."""
    for line in table.splitlines()[1:]:
        fields = line.split()
        if len(fields) > 7 and fields[1] == fields[7] == "00000000":  # destination, mask
            return fields[0]
    return ""
