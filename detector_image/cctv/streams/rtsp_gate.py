"""The only way to a camera: a loopback relay between libav's RTSP client and the one address that was checked.

libav follows RTSP redirects to any host, prints URLs with their passwords, knows MD5 digests alone, and can block
where no timeout of its own reaches. So libav connects to this gate, which holds the connection to the camera:

- the host is resolved and checked here, and the connection is made to the very address that passed;
- redirects end the stream, and addresses in the camera's answers are put right, so that nothing else is contacted;
- the gate answers the camera's authentication; libav gets a made-up user and never sees a credential;
- TLS (`rtsps`) is done here, with certificates checked;
- what the camera refused is known by its status, not guessed from an error number;
- closing the gate ends a blocked read from outside the reading thread, and the camera's session with it (TEARDOWN):
  a camera that allows one session is free for the next connection at once.

The gate takes one connection, and only one whose first request carries a secret that libav was given.
"""

import contextlib
import secrets
import selectors
import socket
import ssl
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from cctv.streams.addresses import Resolver, resolve, system_resolver
from cctv.streams.faults import StreamFault, from_connect_error
from cctv.streams.rtp_watch import RtpWatch
from cctv.streams.rtsp_dialogue import Dialogue, Replies
from cctv.streams.rtsp_messages import Message, NotRtspError, Splitter
from vigil_contracts.addresses import AddressPolicy
from vigil_contracts.names import Reason
from vigil_contracts.stream_url import split_credentials

_DEFAULT_PORTS = {"rtsp": 554, "rtsps": 322}
_CHUNK_BYTES = 256 * 1024
TEARDOWN_SECONDS = 1.0
"""How long a closing gate waits for the camera's answer to TEARDOWN: a silent camera delays nothing for longer."""


@dataclass(frozen=True, slots=True)
class GateOptions:
    """What all cameras of a process share."""

    policy: AddressPolicy = field(default_factory=AddressPolicy)
    tls: ssl.SSLContext = field(default_factory=ssl.create_default_context)
    connect_timeout_seconds: float = 5.0
    resolver: Resolver = system_resolver


def connect(host: str, port: int, options: GateOptions) -> socket.socket:
    """A TCP connection to a permitted address of `host`. Raises `StreamFault`."""
    fault: StreamFault | None = None
    for address in resolve(host, port, options.policy, options.resolver):
        try:
            return socket.create_connection((address, port), options.connect_timeout_seconds)
        except OSError as error:
            fault = fault or from_connect_error(error)
    raise fault or StreamFault(Reason.STREAM_UNREACHABLE)


class RtspGate:
    """A relay to one camera for one connection of libav. Open it, give `local_url` to libav, close it."""

    def __init__(self, url: str, options: GateOptions) -> None:
        self._url = url
        self._options = options
        self._token = secrets.token_hex(16)
        self._lock = threading.Lock()
        self._sockets: list[socket.socket] = []
        self._client: socket.socket | None = None
        self._closed = False
        self._dialogue: Dialogue | None = None
        self._thread: threading.Thread | None = None
        self.local_url = ""
        self.media = RtpWatch()

    @property
    def user_agent(self) -> str:
        """What libav must call itself, so that nobody else can use the gate."""
        return self._token

    @property
    def fault(self) -> StreamFault | None:
        """What the camera refused, where it did."""
        return self._dialogue.fault if self._dialogue else None

    @property
    def is_closed(self) -> bool:
        """Whether `interrupt` or `close` was called."""
        return self._closed

    def open(self) -> None:
        """Connects to the camera and waits for libav in a thread. Raises `StreamFault`."""
        parts = urlsplit(split_credentials(self._url)[0])
        host, scheme = parts.hostname or "", parts.scheme.lower()
        camera = connect(host, parts.port or _DEFAULT_PORTS[scheme], self._options)
        self._keep(camera)
        if scheme == "rtsps":
            camera = self._encrypt(camera, host)
        listener = socket.create_server(("127.0.0.1", 0), backlog=1)
        self._keep(listener)
        listener.settimeout(self._options.connect_timeout_seconds)
        netloc = f"127.0.0.1:{listener.getsockname()[1]}"
        self.local_url = parts._replace(scheme="rtsp", netloc=netloc, fragment="").geturl()
        self._dialogue = Dialogue(self._url, netloc, self._token, str(camera.getpeername()[0]))
        self._thread = threading.Thread(target=self._run, args=(listener, camera), name="rtsp-gate", daemon=True)
        self._thread.start()

    def interrupt(self) -> None:
        """End the stream soon without waiting; safe from any thread. The relay's thread tears the session down."""
        with self._lock:
            self._closed = True
            # Before libav has come there is no session, and the connection to the camera may be what blocks.
            sockets = [self._client] if self._client is not None else list(self._sockets)
        _shut_down(sockets)

    def close(self) -> None:
        """End both connections within a moment after `TEARDOWN_SECONDS`; safe from any thread, more than once."""
        self.interrupt()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(TEARDOWN_SECONDS + 0.5)
        with self._lock:
            sockets, self._sockets = self._sockets, []
        _shut_down(sockets)
        for each in sockets:
            each.close()

    def _keep(self, each: socket.socket) -> None:
        with self._lock:
            if not self._closed:
                self._sockets.append(each)
                return
        each.close()
        raise StreamFault(Reason.STREAM_ENDED)

    def _encrypt(self, camera: socket.socket, host: str) -> socket.socket:
        try:
            encrypted = self._options.tls.wrap_socket(camera, server_hostname=host)
        except (OSError, ValueError) as error:
            raise from_connect_error(error if isinstance(error, OSError) else OSError()) from None
        self._keep(encrypted)
        return encrypted

    def _run(self, listener: socket.socket, camera: socket.socket) -> None:
        assert self._dialogue is not None
        relay: _Relay | None = None
        try:
            client = self._accepted(listener)
            camera.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            camera.settimeout(10.0)
            relay = _Relay(client, camera, self._dialogue, self)
            relay.run()
        except StreamFault as fault:
            self._dialogue.fault = self._dialogue.fault or fault
        except NotRtspError:
            self._dialogue.fault = StreamFault(
                Reason.STREAM_UNSUPPORTED,
                text="The address answers, but not in RTSP. Check the port in the RTSP URL.",
            )
        except (OSError, ValueError):
            pass  # either side is gone; the reader learns it from libav
        finally:
            if self._client is not None:
                _shut_down([self._client])  # libav need not wait for the farewell
            if relay is not None:
                with contextlib.suppress(OSError, ValueError):
                    relay.tear_down()
            with self._lock:
                sockets, self._sockets = self._sockets, []
            for each in sockets:
                each.close()

    def _accepted(self, listener: socket.socket) -> socket.socket:
        """libav's connection. Raises `OSError`, and `StreamFault` where the gate was closed meanwhile."""
        client, _ = listener.accept()
        listener.close()
        self._keep(client)
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        client.settimeout(10.0)
        self._client = client
        return client


def _shut_down(sockets: Iterable[socket.socket]) -> None:
    """Wake threads that are blocked in these sockets; closing alone does not."""
    for each in sockets:
        with contextlib.suppress(OSError):
            each.shutdown(socket.SHUT_RDWR)


class _Relay:
    """Moves bytes between two connected sockets until one of them ends."""

    def __init__(self, client: socket.socket, camera: socket.socket, dialogue: Dialogue, gate: RtspGate) -> None:
        self._client, self._camera, self._dialogue, self._gate = client, camera, dialogue, gate
        self._from_client, self._from_camera = Splitter(), Splitter()
        self._buffer = memoryview(bytearray(_CHUNK_BYTES))

    def run(self) -> None:
        """Returns when a side ends; raises what went wrong."""
        with selectors.DefaultSelector() as selector:
            selector.register(self._client, selectors.EVENT_READ, self._client_to_camera)
            selector.register(self._camera, selectors.EVENT_READ, self._camera_to_client)
            while not self._gate.is_closed:
                for key, _ in selector.select(timeout=1.0):
                    if not key.data():
                        return

    def _client_to_camera(self) -> bool:
        length = self._client.recv_into(self._buffer)
        for item in self._from_client.feed(self._buffer[:length]):
            self._deliver(self._dialogue.request(item) if isinstance(item, Message) else Replies(to_camera=item))
        return length > 0

    def _camera_to_client(self) -> bool:
        length = self._camera.recv_into(self._buffer)
        while isinstance(self._camera, ssl.SSLSocket) and self._camera.pending():
            # What TLS has decrypted already would not wake the selector.
            self._forward(self._buffer[:length])
            length = self._camera.recv_into(self._buffer)
        self._forward(self._buffer[:length])
        return length > 0

    def _forward(self, data: memoryview) -> None:
        for item in self._from_camera.feed(data):
            if isinstance(item, bytes):
                if not self._dialogue.playing and item[0] != 0x24:
                    raise NotRtspError("the camera does not speak RTSP")
                self._gate.media.take(item)
                self._client.sendall(item)
            elif item.status:
                self._deliver(self._dialogue.answer(item))
            # A camera's own requests (REDIRECT, ANNOUNCE) end here: libav does not need them.

    def _deliver(self, replies: Replies) -> None:
        if replies.to_camera:
            self._camera.sendall(replies.to_camera)
        if replies.to_client:
            self._client.sendall(replies.to_client)

    def tear_down(self) -> None:
        """End the camera's session and wait for its answer: closing with packets unread would reset the connection,
        and a camera may then never read the request.
        """
        request, ends_at = self._dialogue.teardown(), time.monotonic() + TEARDOWN_SECONDS
        if not request:
            return
        self._camera.settimeout(TEARDOWN_SECONDS)
        self._camera.sendall(request)
        while not self._dialogue.is_torn_down and (left := ends_at - time.monotonic()) > 0:
            self._camera.settimeout(left)
            length = self._camera.recv_into(self._buffer)
            if not length:
                return
            for item in self._from_camera.feed(self._buffer[:length]):
                if isinstance(item, Message) and item.status:
                    replies = self._dialogue.answer(item)
                    if replies.to_camera:
                        self._camera.sendall(replies.to_camera)
