"""A camera that speaks ONVIF over HTTP: streams, WS-UsernameToken, pull-points with a long poll, PTZ, relays.

with onvif_camera(rtsp_port=8554, path="/stream") as camera:
    camera.emit(notification("tns1:VideoSource/MotionAlarm", operation="Changed", data={"State": "true"}))

Like real devices, it names its own host (an address that nothing listens at) in its URLs, and rejects a digest whose
time is more than five seconds off its clock.
"""

import base64
import hashlib
import threading
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.request import parse_http_list, parse_keqv_list
from xml.etree import ElementTree
from xml.sax.saxutils import escape, quoteattr

OWN_HOST = "192.0.2.77"
NONCE = "f3a1"
CLOCK_TOLERANCE_SECONDS = 5.0
_NAMESPACES = (
    'xmlns:SOAP-ENV="http://www.w3.org/2003/05/soap-envelope" xmlns:tds="http://www.onvif.org/ver10/device/wsdl" '
    'xmlns:trt="http://www.onvif.org/ver10/media/wsdl" xmlns:tev="http://www.onvif.org/ver10/events/wsdl" '
    'xmlns:tptz="http://www.onvif.org/ver20/ptz/wsdl" xmlns:tt="http://www.onvif.org/ver10/schema" '
    'xmlns:wsnt="http://docs.oasis-open.org/wsn/b-2" xmlns:wsa5="http://www.w3.org/2005/08/addressing" '
    'xmlns:ter="http://www.onvif.org/ver10/error" xmlns:tns1="http://www.onvif.org/ver10/topics" '
    'xmlns:tnsaxis="http://www.axis.com/2009/event/topics"'
)
_PUBLIC = frozenset({"GetSystemDateAndTime", "GetServices"})


def notification(
    topic: str,
    *,
    data: Mapping[str, str] | None = None,
    source: Mapping[str, str] | None = None,
    operation: str | None = "Changed",
    time_text: str | None = None,
) -> str:
    """Return one message of a pull-point. `operation` None: the message is about no property."""
    at = time_text if time_text is not None else datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    changed = f" PropertyOperation={quoteattr(operation)}" if operation else ""
    return (
        '<wsnt:NotificationMessage><wsnt:Topic Dialect="http://www.onvif.org/ver10/tev/topicExpression/ConcreteSet">'
        f"{escape(topic)}</wsnt:Topic><wsnt:Message><tt:Message UtcTime={quoteattr(at)}{changed}>"
        f"<tt:Source>{_items(source or {'VideoSourceConfigurationToken': 'vsc0'})}</tt:Source>"
        f"<tt:Data>{_items(data or {})}</tt:Data></tt:Message></wsnt:Message></wsnt:NotificationMessage>"
    )


def _items(values: Mapping[str, str]) -> str:
    return "".join(
        f"<tt:SimpleItem Name={quoteattr(name)} Value={quoteattr(value)}/>" for name, value in values.items()
    )


@dataclass
class OnvifCamera:
    """The camera's state, which a test changes, and what it was asked to do."""

    port: int = 0
    rtsp_port: int = 554
    path: str = "/Streaming/Channels/101"
    sub_path: str = "/Streaming/Channels/102"
    username: str = "anna"
    password: str = "pass <&> word"
    clock_offset: timedelta = timedelta()
    initial: list[str] = field(default_factory=list)
    """Messages that each new subscription receives first: the current state."""
    has_ptz: bool = True
    requires_http_digest: bool = False
    """Authenticate by HTTP digest (RFC 7616, MD5) instead of WS-UsernameToken."""
    done: list[tuple[str, ...]] = field(default_factory=list)
    """The controls in their order."""
    subscriptions: dict[str, list[str]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    _news: threading.Condition = field(default_factory=threading.Condition)

    def emit(self, message: str) -> None:
        """Send a message to all subscriptions."""
        with self._news:
            for waiting in self.subscriptions.values():
                waiting.append(message)
            self._news.notify_all()

    def drop_subscriptions(self) -> None:
        """Forget all subscriptions, as after a restart of the camera."""
        with self._news:
            self.subscriptions.clear()
            self._news.notify_all()

    @property
    def now(self) -> datetime:
        return datetime.now(UTC) + self.clock_offset

    def answer(self, path: str, request: ElementTree.Element) -> tuple[int, str]:
        """Return status and body of the answer."""
        body = _find(request, "Body")
        asked = body[0] if body is not None else request
        name = asked.tag.rpartition("}")[2]
        self.asked.append(name)
        if name not in _PUBLIC and not self.requires_http_digest and not self._is_authentic(request):
            return 400, _fault("ter:NotAuthorized")
        make = getattr(self, f"_on_{name}", None)
        if make is None:
            return 400, _fault("ter:ActionNotSupported")
        status, text = make(path, asked)
        return int(status), str(text)

    def accepts_digest(self, method: str, header: str) -> bool:
        """Return whether the `Authorization` header answers the challenge (qop auth)."""
        sent = parse_keqv_list(parse_http_list(header.partition(" ")[2]))
        known = hashlib.md5(f"{self.username}:onvif:{self.password}".encode()).hexdigest()
        asked = hashlib.md5(f"{method}:{sent.get('uri', '')}".encode()).hexdigest()
        parts = (known, NONCE, sent.get("nc", ""), sent.get("cnonce", ""), sent.get("qop", ""), asked)
        return sent.get("response") == hashlib.md5(":".join(parts).encode()).hexdigest()

    def _is_authentic(self, request: ElementTree.Element) -> bool:
        token = _find(request, "UsernameToken")
        if token is None:
            return False
        values = {one.tag.rpartition("}")[2]: one.text or "" for one in token}
        created = datetime.fromisoformat(values["Created"])
        if abs((created - self.now).total_seconds()) > CLOCK_TOLERANCE_SECONDS:
            return False
        expected = hashlib.sha1(
            base64.b64decode(values["Nonce"]) + values["Created"].encode() + self.password.encode()
        ).digest()
        return values["Username"] == self.username and base64.b64decode(values["Password"]) == expected

    def _on_GetSystemDateAndTime(self, path: str, asked: ElementTree.Element) -> tuple[int, str]:
        at = self.now
        return 200, (
            "<tds:GetSystemDateAndTimeResponse><tds:SystemDateAndTime><tt:UTCDateTime>"
            f"<tt:Time><tt:Hour>{at.hour}</tt:Hour><tt:Minute>{at.minute}</tt:Minute>"
            f"<tt:Second>{at.second}</tt:Second></tt:Time><tt:Date><tt:Year>{at.year}</tt:Year>"
            f"<tt:Month>{at.month}</tt:Month><tt:Day>{at.day}</tt:Day></tt:Date></tt:UTCDateTime>"
            "</tds:SystemDateAndTime></tds:GetSystemDateAndTimeResponse>"
        )

    def _on_GetServices(self, path: str, asked: ElementTree.Element) -> tuple[int, str]:
        services = {
            "http://www.onvif.org/ver10/device/wsdl": "device_service",
            "http://www.onvif.org/ver10/media/wsdl": "Media",
            "http://www.onvif.org/ver10/events/wsdl": "Events",
        }
        if self.has_ptz:
            services["http://www.onvif.org/ver20/ptz/wsdl"] = "PTZ"
        inside = "".join(
            f"<tds:Service><tds:Namespace>{namespace}</tds:Namespace>"
            f"<tds:XAddr>http://{OWN_HOST}/onvif/{name}</tds:XAddr></tds:Service>"
            for namespace, name in services.items()
        )
        return 200, f"<tds:GetServicesResponse>{inside}</tds:GetServicesResponse>"

    def _on_GetDeviceInformation(self, path: str, asked: ElementTree.Element) -> tuple[int, str]:
        return 200, (
            "<tds:GetDeviceInformationResponse><tds:Manufacturer>Example</tds:Manufacturer><tds:Model>C-7</tds:Model>"
            "<tds:FirmwareVersion>1.2</tds:FirmwareVersion></tds:GetDeviceInformationResponse>"
        )

    def _on_GetProfiles(self, path: str, asked: ElementTree.Element) -> tuple[int, str]:
        ptz = '<tt:PTZConfiguration token="ptz0"/>' if self.has_ptz else ""
        inside = "".join(
            f'<trt:Profiles token="{token}"><tt:Name>{token}</tt:Name><tt:VideoSourceConfiguration>'
            "<tt:SourceToken>vs0</tt:SourceToken></tt:VideoSourceConfiguration><tt:VideoEncoderConfiguration>"
            f"<tt:Encoding>H264</tt:Encoding><tt:Resolution><tt:Width>{width}</tt:Width><tt:Height>{height}"
            "</tt:Height></tt:Resolution><tt:RateControl><tt:FrameRateLimit>25</tt:FrameRateLimit></tt:RateControl>"
            f"</tt:VideoEncoderConfiguration>{ptz}</trt:Profiles>"
            for token, width, height in (("main", 1920, 1080), ("sub", 640, 360), ("tiny", 320, 180))
        )
        return 200, f"<trt:GetProfilesResponse>{inside}</trt:GetProfilesResponse>"

    def _on_GetStreamUri(self, path: str, asked: ElementTree.Element) -> tuple[int, str]:
        stream = {"main": self.path, "sub": self.sub_path}.get(_text(asked, "ProfileToken"), "/tiny")
        return 200, (
            "<trt:GetStreamUriResponse><trt:MediaUri>"
            f"<tt:Uri>rtsp://{OWN_HOST}:{self.rtsp_port}{escape(stream)}</tt:Uri>"
            "</trt:MediaUri></trt:GetStreamUriResponse>"
        )

    def _on_GetSnapshotUri(self, path: str, asked: ElementTree.Element) -> tuple[int, str]:
        return 200, (
            f"<trt:GetSnapshotUriResponse><trt:MediaUri><tt:Uri>http://{OWN_HOST}/snap.jpg</tt:Uri>"
            "</trt:MediaUri></trt:GetSnapshotUriResponse>"
        )

    def _on_CreatePullPointSubscription(self, path: str, asked: ElementTree.Element) -> tuple[int, str]:
        name = uuid.uuid4().hex[:8]
        with self._news:
            self.subscriptions[name] = [*self.initial]
        return 200, (
            "<tev:CreatePullPointSubscriptionResponse><tev:SubscriptionReference>"
            f"<wsa5:Address>http://{OWN_HOST}/onvif/Subscription?Idx={name}</wsa5:Address>"
            f"<wsa5:ReferenceParameters><tnsaxis:SubscriptionId>{name}</tnsaxis:SubscriptionId>"
            "</wsa5:ReferenceParameters></tev:SubscriptionReference></tev:CreatePullPointSubscriptionResponse>"
        )

    def _on_PullMessages(self, path: str, asked: ElementTree.Element) -> tuple[int, str]:
        name = path.rpartition("=")[2]
        seconds = float(_text(asked, "Timeout").removeprefix("PT").removesuffix("S"))
        until = time.monotonic() + seconds
        with self._news:
            while (
                name in self.subscriptions and not self.subscriptions[name] and (left := until - time.monotonic()) > 0
            ):
                self._news.wait(left)
            if name not in self.subscriptions:
                return 400, _fault("wsnt:ResourceUnknownFault")
            messages, self.subscriptions[name] = self.subscriptions[name], []
        return 200, f"<tev:PullMessagesResponse>{''.join(messages)}</tev:PullMessagesResponse>"

    def _on_Renew(self, path: str, asked: ElementTree.Element) -> tuple[int, str]:
        return 200, "<wsnt:RenewResponse/>"

    def _on_Unsubscribe(self, path: str, asked: ElementTree.Element) -> tuple[int, str]:
        with self._news:
            self.subscriptions.pop(path.rpartition("=")[2], None)
        return 200, "<wsnt:UnsubscribeResponse/>"

    def _on_ContinuousMove(self, path: str, asked: ElementTree.Element) -> tuple[int, str]:
        pan_tilt, zoom = _find(asked, "PanTilt"), _find(asked, "Zoom")
        assert pan_tilt is not None
        assert zoom is not None
        speeds = (pan_tilt.attrib["x"], pan_tilt.attrib["y"], zoom.attrib["x"])
        self.done.append(("move", *speeds, _text(asked, "Timeout")))
        return 200, "<tptz:ContinuousMoveResponse/>"

    def _on_Stop(self, path: str, asked: ElementTree.Element) -> tuple[int, str]:
        self.done.append(("stop",))
        return 200, "<tptz:StopResponse/>"

    def _on_GetPresets(self, path: str, asked: ElementTree.Element) -> tuple[int, str]:
        return 200, (
            '<tptz:GetPresetsResponse><tptz:Preset token="1"><tt:Name>Gate</tt:Name></tptz:Preset>'
            '<tptz:Preset token="2"/></tptz:GetPresetsResponse>'
        )

    def _on_GotoPreset(self, path: str, asked: ElementTree.Element) -> tuple[int, str]:
        self.done.append(("preset", _text(asked, "PresetToken")))
        return 200, "<tptz:GotoPresetResponse/>"

    def _on_GetRelayOutputs(self, path: str, asked: ElementTree.Element) -> tuple[int, str]:
        return 200, '<tds:GetRelayOutputsResponse><tds:RelayOutputs token="relay0"/></tds:GetRelayOutputsResponse>'

    def _on_SetRelayOutputState(self, path: str, asked: ElementTree.Element) -> tuple[int, str]:
        self.done.append(("relay", _text(asked, "RelayOutputToken"), _text(asked, "LogicalState")))
        return 200, "<tds:SetRelayOutputStateResponse/>"


def _find(element: ElementTree.Element, name: str) -> ElementTree.Element | None:
    return next((one for one in element.iter() if one.tag.rpartition("}")[2] == name), None)


def _text(element: ElementTree.Element, name: str) -> str:
    found = _find(element, name)
    return (found.text or "") if found is not None else ""


def _fault(code: str) -> str:
    return (
        "<SOAP-ENV:Fault><SOAP-ENV:Code><SOAP-ENV:Value>SOAP-ENV:Sender</SOAP-ENV:Value><SOAP-ENV:Subcode>"
        f"<SOAP-ENV:Value>{code}</SOAP-ENV:Value></SOAP-ENV:Subcode></SOAP-ENV:Code></SOAP-ENV:Fault>"
    )


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        camera: OnvifCamera = self.server.camera  # type: ignore[attr-defined]
        content = self.rfile.read(int(self.headers["Content-Length"]))
        if camera.requires_http_digest and not camera.accepts_digest("POST", self.headers.get("Authorization", "")):
            self.send_response(401)
            self.send_header("WWW-Authenticate", f'Digest realm="onvif", nonce="{NONCE}", qop="auth"')
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        status, body = camera.answer(self.path, ElementTree.fromstring(content))
        answer = (
            f"<SOAP-ENV:Envelope {_NAMESPACES}><SOAP-ENV:Body>{body}</SOAP-ENV:Body></SOAP-ENV:Envelope>".encode()
        )
        self.send_response(status)
        self.send_header("Content-Type", "application/soap+xml; charset=utf-8")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 as the base class has it
        """Print nothing."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that ends a long poll is no error."""


@contextmanager
def onvif_camera(**properties: Any) -> Iterator[OnvifCamera]:
    """Run a camera on a free port of the loopback interface."""
    camera = OnvifCamera(**properties)
    with _Server(("127.0.0.1", 0), _Handler) as server:
        server.camera = camera  # type: ignore[attr-defined]
        camera.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield camera
        finally:
            camera.drop_subscriptions()
            server.shutdown()
            thread.join()
