"""Discover cameras in the local network: send a WS-Discovery probe for network video transmitters.

WS-Discovery (April 2005) over UDP multicast, with the types and scopes of the ONVIF Core Specification, section 7.
Multicast is not routed, so only devices in this machine's networks answer. Their answers are not verified.
"""

import socket
import struct
import time
import uuid
from collections.abc import Iterator
from contextlib import ExitStack
from selectors import EVENT_READ, DefaultSelector
from urllib.parse import unquote, urlsplit
from xml.etree import ElementTree

from vigil_contracts.detector_tasks import DiscoveredCamera, DiscoveryResult

GROUP, PORT = "239.255.255.250", 3702
LISTEN_SECONDS = 4.0
AGAIN_SECONDS = 0.5
"""UDP may lose a datagram, so the probe is sent twice (SOAP-over-UDP, section 3.2)."""
MOST_CAMERAS = 1000
NO_NETWORK = "The search could not be sent into any network of the machine that was asked to look."
NOBODY = "No camera answered. Cameras answer only in the network of the machine that looks, and with ONVIF enabled."

_DISCOVERY = "{http://schemas.xmlsoap.org/ws/2005/04/discovery}"
_ADDRESSING = "{http://schemas.xmlsoap.org/ws/2004/08/addressing}"
_LONGEST_TEXT, _LONGEST_DATAGRAM, _MOST_SERVICES = 500, 65535, 20
_PROBE = """<?xml version="1.0" encoding="UTF-8"?>
<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope" \
xmlns:a="http://schemas.xmlsoap.org/ws/2004/08/addressing" \
xmlns:d="http://schemas.xmlsoap.org/ws/2005/04/discovery" \
xmlns:dn="http://www.onvif.org/ver10/network/wsdl"><s:Header>\
<a:MessageID>urn:uuid:{message}</a:MessageID><a:To>urn:schemas-xmlsoap-org:ws:2005:04:discovery</a:To>\
<a:Action>http://schemas.xmlsoap.org/ws/2005/04/discovery/Probe</a:Action></s:Header>\
<s:Body><d:Probe><d:Types>dn:NetworkVideoTransmitter</d:Types></d:Probe></s:Body></s:Envelope>"""


def discover(seconds: float = LISTEN_SECONDS) -> DiscoveryResult:
    """Send a probe in every network of this machine and collect answers for `seconds`."""
    found: dict[str, DiscoveredCamera] = {}
    message = uuid.uuid4()
    probe = _PROBE.format(message=message).encode()
    with ExitStack() as opened:
        sockets = [opened.enter_context(one) for one in _sockets()]
        reached = [one for one in sockets if _send(one, probe)]
        if not reached:
            return DiscoveryResult(message=NO_NETWORK)
        for content, address in _answers(reached, probe, time.monotonic() + seconds):
            for camera in read_matches(content, address, str(message)):
                found.setdefault(camera.endpoint or camera.address, camera)
            if len(found) >= MOST_CAMERAS:
                break
    cameras = sorted(found.values(), key=lambda camera: (socket.inet_aton(camera.address), camera.endpoint))
    return DiscoveryResult(cameras=tuple(cameras[:MOST_CAMERAS]), message="" if cameras else NOBODY)


def read_matches(content: bytes, address: str, message: str) -> list[DiscoveredCamera]:
    """Return the devices of one answer (ProbeMatches) to the probe `message`; empty for anything else."""
    try:
        text = content.decode("utf-8")
        if "<!DOCTYPE" in text:  # forbidden by SOAP; entity expansion could exhaust the memory
            return []
        envelope = ElementTree.fromstring(text)  # noqa: S314 # nosec B314 no document type, at most 64 KB
    except (ValueError, ElementTree.ParseError):
        return []
    if not (envelope.findtext(f".//{_ADDRESSING}RelatesTo") or "").strip().endswith(message):
        return []
    return [_camera(match, address) for match in envelope.iter(f"{_DISCOVERY}ProbeMatch")]


def _camera(match: ElementTree.Element, address: str) -> DiscoveredCamera:
    scopes = (match.findtext(f"{_DISCOVERY}Scopes") or "").split()
    services = (match.findtext(f"{_DISCOVERY}XAddrs") or "").split()
    return DiscoveredCamera(
        address=address,
        name=_scope(scopes, "name"),
        hardware=_scope(scopes, "hardware"),
        location=_scope(scopes, "location"),
        services=tuple(one for one in services if _is_service(one))[:_MOST_SERVICES],
        endpoint=(match.findtext(f".//{_ADDRESSING}Address") or "").strip()[:_LONGEST_TEXT],
    )


def _scope(scopes: list[str], name: str) -> str:
    """Return the value of the scope onvif://www.onvif.org/<name>/…; several values (locations) are joined."""
    start = f"onvif://www.onvif.org/{name}/"
    said = [_one_line(unquote(scope[len(start) :])) for scope in scopes if scope.lower().startswith(start)]
    return ", ".join(text for text in said if text)[:_LONGEST_TEXT]


def _one_line(text: str) -> str:
    """Remove percent-encoded line breaks and control characters, which would break tables, logs and CSV files."""
    return " ".join("".join(character if character.isprintable() else " " for character in text).split())


def _is_service(url: str) -> bool:
    try:
        return len(url) <= _LONGEST_TEXT and urlsplit(url).scheme in {"http", "https"}
    except ValueError:
        return False


def _sockets() -> Iterator[socket.socket]:
    """Yield one socket per interface: by default the system sends multicast only to the default route's network."""
    for index, _ in socket.if_nameindex():
        one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        one.setblocking(False)
        one.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, 1)
        one.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, struct.pack("4s4si", b"", b"", index))
        yield one


def _send(one: socket.socket, probe: bytes) -> bool:
    try:
        one.sendto(probe, (GROUP, PORT))
    except OSError:  # the interface is down or has no IPv4
        return False
    return True


def _answers(sockets: list[socket.socket], probe: bytes, until: float) -> Iterator[tuple[bytes, str]]:
    again_at = time.monotonic() + AGAIN_SECONDS
    with DefaultSelector() as selector:
        for one in sockets:
            selector.register(one, EVENT_READ, one)
        while (now := time.monotonic()) < until:
            if now >= again_at:
                again_at = until
                for one in sockets:
                    _send(one, probe)
            for key, _ in selector.select(max(0.0, min(until, again_at) - now)):
                try:
                    content, (address, _) = key.data.recvfrom(_LONGEST_DATAGRAM)
                except OSError:  # ICMP "port unreachable" for an earlier datagram
                    continue
                yield content, address
