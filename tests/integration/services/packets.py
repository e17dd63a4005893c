"""Describe the destinations of IP packets and DNS queries as text."""

import ipaddress
import struct

_TCP, _UDP = 6, 17
_SYN, _ACK = 0x02, 0x10
_KERNEL = {1: "icmp", 2: "igmp", 58: "icmp6"}
"""Protocols that the kernel itself speaks when a device comes up."""
_IP4_ADDRESS = bytes((192, 0, 2, 1))
_TYPE_A = 1


def packet_attempt(packet: bytes) -> str | None:
    """Return `tcp ADDRESS:PORT` for the start of a connection, `udp ADDRESS:PORT` for a datagram, or None."""
    version = packet[0] >> 4
    if version == 4:
        protocol, address, rest = packet[9], ipaddress.ip_address(packet[16:20]), packet[(packet[0] & 15) * 4 :]
    else:  # a chain of IPv6 headers begins with the hop-by-hop one, in which the kernel sends its multicast reports
        address = ipaddress.ip_address(packet[24:40])
        protocol, rest = (packet[40], packet[48:]) if packet[6] == 0 else (packet[6], packet[40:])
    if protocol in _KERNEL:
        return None
    if protocol not in {_TCP, _UDP}:
        return f"protocol {protocol} {address}"
    if protocol == _TCP and rest[13] & (_SYN | _ACK) != _SYN:
        return None
    host = f"[{address}]" if address.version == 6 else str(address)
    return f"{'tcp' if protocol == _TCP else 'udp'} {host}:{struct.unpack_from('!H', rest, 2)[0]}"


def dns_question(query: bytes) -> str:
    """Return the name that a DNS query asks for (RFC 1035, section 4.1.2)."""
    labels, at = [], 12
    while length := query[at]:
        labels.append(query[at + 1 : at + 1 + length].decode("ascii", "replace"))
        at += 1 + length
    return ".".join(labels)


def dns_answer(query: bytes) -> bytes:
    """Return an answer: the address 192.0.2.1 to a question for an IPv4 address, else no records."""
    end = 12 + len(dns_question(query)) + 2 + 4
    (kind,) = struct.unpack_from("!H", query, end - 4)
    records = [struct.pack("!HHHIH", 0xC00C, _TYPE_A, 1, 60, 4) + _IP4_ADDRESS] if kind == _TYPE_A else []
    header = query[:2] + struct.pack("!HHHHH", 0x8180, 1, len(records), 0, 0)
    return header + query[12:end] + b"".join(records)
