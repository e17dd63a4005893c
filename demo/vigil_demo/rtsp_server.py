"""An RTSP/1.0 server (RFC 2326) that plays one H.264 clip to any number of clients, over TCP or UDP.

`Broadcast` schedules the frames, `Transport` sends RTP and RTCP packets to one client, `Connection` handles its RTSP
requests, and `RtspServer` combines them.
"""

import asyncio
import contextlib
import re
import secrets
from collections.abc import Callable
from typing import Protocol
from urllib.parse import urlsplit

from vigil_demo.clip import AccessUnit, Clip
from vigil_demo.rtp import TRACK, RtpSender, describe
from vigil_demo.rtsp_messages import (
    MAX_HEADER_BYTES,
    DigestAuthentication,
    MalformedRequestError,
    Request,
    Response,
    read_request,
)

SESSION_TIMEOUT_SECONDS = 60
SENDER_REPORT_INTERVAL_SECONDS = 5.0
MAX_UNSENT_BYTES = 1 << 20
METHODS = "OPTIONS, DESCRIBE, SETUP, PLAY, GET_PARAMETER, SET_PARAMETER, TEARDOWN"

Listener = Callable[[AccessUnit, float], None]


class Broadcast:
    """Plays a clip in a loop in real time for all listeners; timestamps continue across repetitions."""

    def __init__(self, clip: Clip) -> None:
        self.clip = clip
        self._listeners: list[Listener] = []

    def add(self, listener: Listener) -> None:
        """Call `listener` with each frame and its time in seconds from now on."""
        self._listeners.append(listener)

    def remove(self, listener: Listener) -> None:
        """Remove a listener; safe to repeat."""
        with contextlib.suppress(ValueError):
            self._listeners.remove(listener)

    async def run(self) -> None:
        """Play until cancelled."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        round_began_seconds = 0.0
        while True:
            for unit in self.clip.access_units:
                seconds = round_began_seconds + unit.timestamp_seconds
                await asyncio.sleep(began + seconds - loop.time())
                for listener in tuple(self._listeners):
                    listener(unit, seconds)
            round_began_seconds += self.clip.duration_seconds


class Transport(Protocol):
    """Sends packets to one client."""

    header: str
    """The `Transport` header's value for this transport."""

    def send_rtp(self, packet: bytes) -> None:
        """Send a media packet."""

    def send_rtcp(self, packet: bytes) -> None:
        """Send a control packet."""

    @property
    def is_congested(self) -> bool:
        """Return whether the client reads too slowly to receive more."""

    def close(self) -> None:
        """Release the transport's resources."""


class InterleavedTransport:
    """Packets inside the RTSP connection itself (RFC 2326, 10.12)."""

    def __init__(self, writer: asyncio.StreamWriter, rtp_channel: int) -> None:
        self._writer = writer
        self._rtp_channel = rtp_channel
        self.header = f"RTP/AVP/TCP;unicast;interleaved={rtp_channel}-{rtp_channel + 1}"

    def _send(self, channel: int, packet: bytes) -> None:
        self._writer.write(b"$" + bytes((channel,)) + len(packet).to_bytes(2, "big") + packet)

    def send_rtp(self, packet: bytes) -> None:
        self._send(self._rtp_channel, packet)

    def send_rtcp(self, packet: bytes) -> None:
        self._send(self._rtp_channel + 1, packet)

    @property
    def is_congested(self) -> bool:
        return self._writer.transport.get_write_buffer_size() > MAX_UNSENT_BYTES

    def close(self) -> None:
        """Do nothing: `Connection` closes the RTSP connection."""


class UdpTransport:
    """Datagrams to a pair of client ports, only at the address of its RTSP connection."""

    def __init__(
        self, rtp: asyncio.DatagramTransport, rtcp: asyncio.DatagramTransport, client: str, client_port: int
    ) -> None:
        self._rtp, self._rtcp = rtp, rtcp
        self._rtp_address, self._rtcp_address = (client, client_port), (client, client_port + 1)
        server_port = rtp.get_extra_info("sockname")[1]
        rtcp_port = rtcp.get_extra_info("sockname")[1]
        self.header = (
            f"RTP/AVP;unicast;client_port={client_port}-{client_port + 1};server_port={server_port}-{rtcp_port}"
        )

    @classmethod
    async def open(cls, local: str, client: str, client_port: int) -> "UdpTransport":
        """Bind an even port and the odd one above it (RFC 3550, 11)."""
        loop = asyncio.get_running_loop()
        for _ in range(50):
            port = 20_000 + 2 * secrets.randbelow(15_000)
            try:
                rtp, _protocol = await loop.create_datagram_endpoint(asyncio.DatagramProtocol, (local, port))
            except OSError:
                continue
            try:
                rtcp, _protocol = await loop.create_datagram_endpoint(asyncio.DatagramProtocol, (local, port + 1))
            except OSError:
                rtp.close()
                continue
            return cls(rtp, rtcp, client, client_port)
        raise OSError("no pair of UDP ports is free")

    def send_rtp(self, packet: bytes) -> None:
        self._rtp.sendto(packet, self._rtp_address)

    def send_rtcp(self, packet: bytes) -> None:
        self._rtcp.sendto(packet, self._rtcp_address)

    @property
    def is_congested(self) -> bool:
        return False

    def close(self) -> None:
        self._rtp.close()
        self._rtcp.close()


class Connection:
    """One client: at most one session, with one media stream in it."""

    def __init__(self, server: "RtspServer", reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._server, self._reader, self._writer = server, reader, writer
        self._session_id = secrets.token_hex(8)
        self._transport: Transport | None = None
        self._sender = RtpSender()
        self._is_waiting_for_keyframe = True
        self._next_report_seconds = 0.0
        self._handlers = {
            "OPTIONS": self._options,
            "DESCRIBE": self._describe,
            "SETUP": self._setup,
            "PLAY": self._play,
            "GET_PARAMETER": self._keep_alive,
            "SET_PARAMETER": self._keep_alive,
            "TEARDOWN": self._teardown,
        }

    async def serve(self) -> None:
        """Handle requests until the client disconnects, exceeds the session time-out, or sends malformed data."""
        try:
            while True:
                # Over TCP, the open connection keeps the session alive; over UDP, the client must send requests.
                is_udp = isinstance(self._transport, UdpTransport)
                async with asyncio.timeout(SESSION_TIMEOUT_SECONDS if is_udp or not self._transport else None):
                    request = await read_request(self._reader)
                if request is None:
                    return
                response = await self._answer(request)
                self._writer.write(response.encode(request.headers.get("cseq", "0")))
                await self._writer.drain()
                if request.method == "PLAY" and response.status == 200:
                    self._server.broadcast.add(self._show)
                if request.method == "TEARDOWN":
                    return
        except MalformedRequestError:
            self._writer.write(Response(400).encode("0"))
        except (TimeoutError, ConnectionError, asyncio.IncompleteReadError):
            return
        finally:
            self._server.broadcast.remove(self._show)
            if self._transport is not None:
                self._transport.close()
            self._writer.close()

    async def _answer(self, request: Request) -> Response:
        handler = self._handlers.get(request.method)
        if handler is None:
            return Response(405, {"Allow": METHODS})
        authentication = self._server.authentication
        if authentication is not None and request.method != "OPTIONS" and not authentication.accepts(request):
            return Response(401, {"WWW-Authenticate": authentication.challenge})
        if request.url != "*" and not self._server.has(request.url):
            return Response(404)
        if request.headers.get("session", self._session_id).partition(";")[0] != self._session_id:
            return Response(454)
        return await handler(request)

    async def _options(self, _: Request) -> Response:
        return Response(200, {"Public": METHODS})

    async def _describe(self, request: Request) -> Response:
        body = describe(self._server.broadcast.clip, self._server.title).encode()
        base = request.url.rstrip("/") + "/"
        return Response(200, {"Content-Type": "application/sdp", "Content-Base": base}, body)

    async def _setup(self, request: Request) -> Response:
        wanted = request.headers.get("transport", "")
        for offer in wanted.split(","):
            transport = await self._transport_for(offer)
            if transport is not None:
                if self._transport is not None:
                    self._transport.close()
                self._transport = transport
                return Response(
                    200,
                    {
                        "Transport": f"{transport.header};ssrc={self._sender.ssrc:08X}",
                        "Session": f"{self._session_id};timeout={SESSION_TIMEOUT_SECONDS}",
                    },
                )
        return Response(461)

    async def _transport_for(self, offer: str) -> Transport | None:
        if "multicast" in offer:
            return None
        if "RTP/AVP/TCP" in offer:
            channel = re.search(r"interleaved=(\d{1,3})", offer)
            return InterleavedTransport(self._writer, min(int(channel[1]), 254) if channel else 0)
        port = re.search(r"client_port=(\d{1,5})", offer)
        if port is None or not 0 < int(port[1]) < 65535:
            return None
        local = self._writer.get_extra_info("sockname")[0]
        client = self._writer.get_extra_info("peername")[0]
        return await UdpTransport.open(local, client, int(port[1]))

    async def _play(self, request: Request) -> Response:
        if self._transport is None:
            return Response(455)
        return Response(200, {"Session": self._session_id, "Range": "npt=now-"})

    async def _keep_alive(self, _: Request) -> Response:
        return Response(200, {"Session": self._session_id})

    async def _teardown(self, _: Request) -> Response:
        self._server.broadcast.remove(self._show)
        return Response(200, {"Session": self._session_id})

    def _show(self, unit: AccessUnit, seconds: float) -> None:
        """Send one frame; starts with a keyframe, also after congestion."""
        assert self._transport is not None
        if self._transport.is_congested:
            self._is_waiting_for_keyframe = True
            return
        if self._is_waiting_for_keyframe and not unit.is_keyframe:
            return
        self._is_waiting_for_keyframe = False
        if seconds >= self._next_report_seconds:
            self._transport.send_rtcp(self._sender.sender_report(seconds))
            self._next_report_seconds = seconds + SENDER_REPORT_INTERVAL_SECONDS
        for packet in self._sender.packets(unit, seconds):
            self._transport.send_rtp(packet)


class RtspServer:
    """Serve one clip at `rtsp://host:port{path}`."""

    def __init__(
        self,
        clip: Clip,
        *,
        path: str = "/demo",
        title: str = "Vigil demo camera",
        authentication: DigestAuthentication | None = None,
    ) -> None:
        self.broadcast = Broadcast(clip)
        self.path = path
        self.title = title
        self.authentication = authentication
        self._connections: set[asyncio.Task[None]] = set()

    def has(self, url: str) -> bool:
        """Return whether a request's URL is the stream or its track."""
        try:
            path = urlsplit(url).path.rstrip("/")
        except ValueError:
            return False
        return path in (self.path, f"{self.path}/{TRACK}")

    async def serve(self, host: str, port: int, on_ready: Callable[[int], None]) -> None:
        """Serve until cancelled; calls `on_ready` with the port (`port` 0: chosen by the system)."""
        server = await asyncio.start_server(self._accept, host, port, limit=MAX_HEADER_BYTES)
        player = asyncio.create_task(self.broadcast.run())
        try:
            on_ready(server.sockets[0].getsockname()[1])
            await player
        finally:
            player.cancel()
            server.close()
            for connection in tuple(self._connections):
                connection.cancel()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        try:
            await Connection(self, reader, writer).serve()
        except asyncio.CancelledError:
            writer.close()
        finally:
            self._connections.discard(task)
