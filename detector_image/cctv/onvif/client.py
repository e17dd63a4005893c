"""Send requests to a device: to a checked address only, authenticated with its time; answers of bounded size."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Self, TypeVar
from urllib.parse import unquote, urlsplit

import httpx

from cctv.logs import redactor
from cctv.onvif import device_messages as messages
from cctv.onvif.soap import (
    MAX_ANSWER_BYTES,
    Element,
    NotSoapError,
    SoapFaultError,
    UsernameToken,
    addressing,
    envelope,
    read_body,
)
from cctv.streams.addresses import resolve
from cctv.streams.faults import StreamFault, from_connect_error
from cctv.streams.rtsp_gate import GateOptions
from vigil_contracts.device import DEFAULT_ONVIF_PORT, DEVICE_PATH, HTTPS_PORTS
from vigil_contracts.names import Reason

TIMEOUT_SECONDS = 8.0
CLOCK_TOLERANCE_SECONDS = 5.0
WHAT_TO_TRY = (
    "Enable ONVIF in the camera's settings, create an ONVIF user there if it asks for one, and check the port: often"
    " 80, but 8000, 8080, 8899 or 2020 with some vendors."
)


Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class DeviceAddress:
    """Where and as whom a device is asked."""

    host: str
    port: int = DEFAULT_ONVIF_PORT
    username: str = ""
    password: str = field(default="", repr=False)

    @property
    def is_tls(self) -> bool:
        """Return whether the port speaks HTTPS."""
        return self.port in HTTPS_PORTS

    @property
    def authority(self) -> str:
        """Return host and port for the `Host` header."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class OnvifClient:
    """One device. Used by one thread. Its methods raise `StreamFault`, and `SoapFaultError` for other faults."""

    def __init__(self, address: DeviceAddress, options: GateOptions) -> None:
        """Resolve the address. Raises StreamFault where it is not permitted."""
        if address.password:
            redactor.add([address.password])
        self._address = address
        self._ip = resolve(address.host, address.port, options.policy, options.resolver)[0]
        self._token = UsernameToken(address.username, address.password) if address.username else None
        self._services: dict[str, str] = {}
        self.clock_offset: timedelta | None = None
        """The device's time minus this machine's; None: unknown."""
        self._http = httpx.Client(
            verify=options.tls,
            timeout=TIMEOUT_SECONDS,
            trust_env=False,  # a proxy must not see the requests
            follow_redirects=False,
            # Some devices accept HTTP digest only (ONVIF Core, section 5.9.1); it is used after a 401 that offers it.
            auth=httpx.DigestAuth(address.username, address.password) if address.username else None,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.close()

    def open(self) -> None:
        """Read the device's clock and the addresses of its services."""
        before = datetime.now(UTC)
        try:
            told = messages.read_time(self._exchange(DEVICE_PATH, envelope(messages.GET_TIME)))
        except SoapFaultError:  # some devices require a user even here
            told = None
        if told is not None:
            middle = before + (datetime.now(UTC) - before) / 2
            self.clock_offset = told - middle
        try:
            self._services = messages.read_services(self.call(messages.DEVICE, messages.GET_SERVICES))
        except SoapFaultError:  # before ONVIF 2.1
            self._services = messages.read_services(self.call(messages.DEVICE, messages.GET_CAPABILITIES))

    @property
    def services(self) -> Mapping[str, str]:
        """Return the services by their namespaces."""
        return self._services

    def call(self, service: str, body: str) -> Element:
        """Send a request to a service and return the answer."""
        path = DEVICE_PATH if service == messages.DEVICE else messages.path_of(self._services.get(service, ""))
        return self._authenticated(path or DEVICE_PATH, body)

    def call_optional(self, service: str, body: str) -> Element | None:
        """Return the answer as `call` does; None if the device refuses what it need not offer."""
        try:
            return self.call(service, body)
        except SoapFaultError:
            return None

    def call_at(
        self, address: str, action: str, body: str, headers: tuple[str, ...] = (), wait_seconds: float = 0.0
    ) -> Element:
        """Send a request with WS-Addressing to a subscription's own address; its host is the device's."""
        path = messages.path_of(address)
        if not path:
            raise StreamFault(Reason.EVENTS_UNAVAILABLE, "its subscription has no usable address")
        return self._authenticated(path, body, (addressing(action, address), *headers), wait_seconds)

    def call_events(self, action: str, body: str) -> Element:
        """Send a request with WS-Addressing to the event service."""
        address = self._services.get(messages.EVENTS, "")
        return self.call_at(address, action, body)

    def _authenticated(
        self, path: str, body: str, headers: tuple[str, ...] = (), wait_seconds: float = 0.0
    ) -> Element:
        if self._token is not None:
            now = datetime.now(UTC) + (self.clock_offset or timedelta())
            headers = (self._token.header(now), *headers)
        try:
            return self._exchange(path, envelope(body, headers), wait_seconds)
        except SoapFaultError as fault:
            if fault.is_unauthorized:
                raise self._unauthorized() from None
            raise

    def _exchange(self, path: str, content: bytes, wait_seconds: float = 0.0) -> Element:
        scheme = "https" if self._address.is_tls else "http"
        ip = f"[{self._ip}]" if ":" in self._ip else self._ip
        began = time.monotonic()
        try:
            with self._http.stream(
                "POST",
                f"{scheme}://{ip}:{self._address.port}{path}",
                content=content,
                headers={"Host": self._address.authority, "Content-Type": "application/soap+xml; charset=utf-8"},
                timeout=httpx.Timeout(TIMEOUT_SECONDS, read=TIMEOUT_SECONDS + wait_seconds),
                extensions={"sni_hostname": self._address.host},
            ) as answer:
                received = self._read(answer, began + 2 * TIMEOUT_SECONDS + wait_seconds)
                status = answer.status_code
        except httpx.HTTPError as error:
            raise _unreachable(error, self._address) from None
        try:
            return read_body(received)
        except NotSoapError:
            if status in {401, 403}:
                raise self._unauthorized() from None
            raise StreamFault(
                Reason.STREAM_NOT_FOUND,
                text=f"No ONVIF service answers at port {self._address.port} (HTTP status {status}). {WHAT_TO_TRY}",
            ) from None

    def _read(self, answer: httpx.Response, until: float) -> bytes:
        received = bytearray()
        for part in answer.iter_bytes():
            received += part
            if len(received) > MAX_ANSWER_BYTES or time.monotonic() > until:
                raise StreamFault(
                    Reason.STREAM_UNSUPPORTED,
                    text="The device's ONVIF answer is too long or too slow. Update its firmware or restart it.",
                )
        return bytes(received)

    def _unauthorized(self) -> StreamFault:
        text = "The device rejects the user name or password for ONVIF."
        if not self._address.username:
            text = "The device requires a user name and password for ONVIF. Enter them."
        elif self.clock_offset is None:
            text += " Or its clock is wrong: set its time, or an NTP server, and check the user's ONVIF rights."
        else:
            text += " Enter them again; many cameras have ONVIF users of their own, apart from those of the web page."
        return StreamFault(Reason.STREAM_UNAUTHORIZED, text=text)

    @property
    def clock_problem(self) -> str:
        """Return a sentence about a wrong clock; empty if it is right or unknown."""
        seconds = self.clock_offset.total_seconds() if self.clock_offset is not None else 0.0
        if abs(seconds) <= CLOCK_TOLERANCE_SECONDS:
            return ""
        which = "ahead" if seconds > 0 else "behind"
        return f"The device's clock is {abs(seconds):.0f} s {which}. Set an NTP server in its settings."


def ask_device(
    address: DeviceAddress, options: GateOptions, question: Callable[[OnvifClient], Answer], *, refusal: str
) -> Answer:
    """Connect to the device and return what `question` returns.

    `refusal`: the text for a request that the device refuses, with `{}` for the codes of its answer.
    Raises `StreamFault` if the device does not answer as it should.
    """
    try:
        with OnvifClient(address, options) as client:
            client.open()
            return question(client)
    except SoapFaultError as fault:
        raise StreamFault(Reason.STREAM_UNSUPPORTED, text=refusal.format(fault)) from fault


def address_of_stream(url: str, port: int) -> DeviceAddress:
    """Return the device that sends a stream: the same host and credentials."""
    parts = urlsplit(url)
    return DeviceAddress(parts.hostname or "", port, unquote(parts.username or ""), unquote(parts.password or ""))


def _unreachable(error: httpx.HTTPError, address: DeviceAddress) -> StreamFault:
    """Return the fault without the library's text, which may contain what the device has sent."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OSError):
            fault = from_connect_error(cause)
            if not fault.detail:  # the text names the problem with TLS and its remedy
                return fault
            return StreamFault(
                Reason.STREAM_UNREACHABLE,
                text=f"The device cannot be reached at port {address.port}: {fault.detail}. {WHAT_TO_TRY}",
            )
        cause = cause.__cause__ or cause.__context__
    if isinstance(error, httpx.TimeoutException):
        return StreamFault(
            Reason.STREAM_TIMEOUT,
            text=f"The device does not answer at port {address.port} in time. {WHAT_TO_TRY}",
        )
    return StreamFault(
        Reason.STREAM_NOT_FOUND, text=f"Port {address.port} of the device does not speak HTTP. {WHAT_TO_TRY}"
    )
