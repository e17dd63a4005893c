"""Devices that answer WS-Discovery like ONVIF cameras, only on the loopback interface."""

import socket
import struct
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from xml.etree import ElementTree

GROUP, PORT = "239.255.255.250", 3702
_ADDRESSING = "{http://schemas.xmlsoap.org/ws/2004/08/addressing}"
_DISCOVERY = "{http://schemas.xmlsoap.org/ws/2005/04/discovery}"

ANSWER = """<?xml version="1.0" encoding="utf-8"?>
<e:Envelope xmlns:e="http://www.w3.org/2003/05/soap-envelope" xmlns:w="http://schemas.xmlsoap.org/ws/2004/08/addressing"
 xmlns:p="http://schemas.xmlsoap.org/ws/2005/04/discovery" xmlns:n="http://www.onvif.org/ver10/network/wsdl">
<e:Header><w:MessageID>uuid:6b1c</w:MessageID><w:RelatesTo>{message}</w:RelatesTo>
<w:Action>http://schemas.xmlsoap.org/ws/2005/04/discovery/ProbeMatches</w:Action></e:Header>
<e:Body><p:ProbeMatches><p:ProbeMatch><w:EndpointReference><w:Address>{endpoint}</w:Address></w:EndpointReference>
<p:Types>n:NetworkVideoTransmitter</p:Types><p:Scopes>{scopes}</p:Scopes><p:XAddrs>{services}</p:XAddrs>
<p:MetadataVersion>1</p:MetadataVersion></p:ProbeMatch></p:ProbeMatches></e:Body></e:Envelope>"""


@dataclass(frozen=True)
class Device:
    """Properties that a device reports."""

    endpoint: str
    scopes: str = ""
    services: str = "http://127.0.0.1/onvif/device_service"


@dataclass
class Responder:
    """Records probes. With `loses_first`, the first probe of each search is ignored, as if lost."""

    devices: Sequence[Device]
    noise: Sequence[bytes] = ()
    loses_first: bool = False
    probes: list[str] = field(default_factory=list)

    def serve(self, one: socket.socket, ended: threading.Event) -> None:
        """Answer until `ended`."""
        while not ended.is_set():
            try:
                content, address = one.recvfrom(65535)
            except TimeoutError:
                continue
            envelope = ElementTree.fromstring(content)
            message = envelope.findtext(f".//{_ADDRESSING}MessageID") or ""
            types = envelope.findtext(f".//{_DISCOVERY}Types") or ""
            is_first = message not in self.probes
            self.probes.append(message)
            if types.partition(":")[2] != "NetworkVideoTransmitter" or (self.loses_first and is_first):
                continue
            for noise in self.noise:
                one.sendto(noise.replace(b"MESSAGE", message.encode()), address)
            for device in self.devices:
                answer = ANSWER.format(message=message, **vars(device))
                one.sendto(answer.encode(), address)


@contextmanager
def onvif_devices(*devices: Device, noise: Sequence[bytes] = (), loses_first: bool = False) -> Iterator[Responder]:
    """Run devices that receive multicast on the loopback interface."""
    responder, ended = Responder(devices, noise, loses_first), threading.Event()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        one.settimeout(0.1)
        one.bind((GROUP, PORT))
        joined = struct.pack("4s4si", socket.inet_aton(GROUP), b"", socket.if_nametoindex("lo"))
        one.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, joined)
        thread = threading.Thread(target=responder.serve, args=(one, ended))
        thread.start()
        try:
            yield responder
        finally:
            ended.set()
            thread.join()
