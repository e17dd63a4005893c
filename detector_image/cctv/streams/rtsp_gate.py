"""A loopback relay between libav's RTSP client and the one camera address that was checked.

libav follows RTSP redirects to any host, prints URLs with passwords, supports MD5 digests only, and can block beyond
its own time-outs. So libav connects to this gate, which holds the connection to the camera:

- the host is resolved and checked here, and the connection is made to exactly the address that passed;
- redirects end the stream, and addresses in the camera's answers are rewritten, so that nothing else is contacted;
- the gate answers the camera's authentication; libav gets a generated user and never sees a credential;
- TLS (`rtsps`) is handled here, with certificate verification;
- the camera's refusal is known by its RTSP status, not guessed from an error number of libav;
- closing the gate unblocks the reading thread and ends the camera's session (TEARDOWN): a camera that allows only one
  session accepts the next connection immediately.

The gate accepts one connection, and only if its first request carries a secret that was given to libav.
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
"""How long a closing gate waits for the answer to TEARDOWN, so that a silent camera delays nothing for longer."""


@dataclass(frozen=True, slots=True)
class GateOptions:
    """Options that all cameras of a process share."""

    policy: AddressPolicy = field(default_factory=AddressPolicy)
    tls: ssl.SSLContext = field(default_factory=ssl.create_default_context)
    connect_timeout_seconds: float = 5.0
    resolver: Resolver = system_resolver


def connect(host: str, port: int, options: GateOptions) -> socket.socket:
    """Connect to a permitted address of `host`. Raises `StreamFault`."""
    fault: StreamFault | None = None
    for address in resolve(host, port, options.policy, options.resolver):
        try:
            return socket.create_connection((address, port), options.connect_timeout_seconds)
        except OSError as error:
            fault = fault or from_connect_error(error)
    raise fault or StreamFault(Reason.STREAM_UNREACHABLE)


class RtspGate:
    """A relay to one camera for one connection of libav. Open it, pass `local_url` to libav, close it."""

    def __init__(self, url: str, options: GateOptions, *, wants_audio: bool = False) -> None:
        """Prepare a relay. `wants_audio`: let libav see one audio track beside the video, if the camera has one."""
        self._url = url
        self._options = options
        self._wants_audio = wants_audio
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
        """Return the user agent that libav must send, which prevents other programs from using the gate."""
        return self._token

    @property
    def fault(self) -> StreamFault | None:
        """Return the fault that the camera's refusal means, if any."""
        return self._dialogue.fault if self._dialogue else None

    @property
    def is_audio_asked(self) -> bool:
        """Return whether audio was requested from the camera (SETUP)."""
        return self._dialogue is not None and self._dialogue.is_audio_asked

    @property
    def audio_problem(self) -> str:
        """Return why configured audio was not requested from the camera; empty if it was."""
        return self._dialogue.audio_problem if self._dialogue else ""

    @property
    def is_closed(self) -> bool:
        """Return whether `interrupt` or `close` was called."""
        return self._closed

    def open(self) -> None:
        """Connect to the camera and start the thread that waits for libav. Raises `StreamFault`."""
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
        peer_address = str(camera.getpeername()[0])
        self._dialogue = Dialogue(self._url, netloc, self._token, peer_address, wants_audio=self._wants_audio)
        self._thread = threading.Thread(target=self._run, args=(listener, camera), name="rtsp-gate", daemon=True)
        self._thread.start()

    def interrupt(self) -> None:
        """End the stream soon without waiting; callable from any thread. The relay's thread ends the session."""
        with self._lock:
            self._closed = True
            # Before libav has connected there is no session, and the connection to the camera may be blocking.
            sockets = [self._client] if self._client is not None else list(self._sockets)
        _shut_down(sockets)

    def close(self) -> None:
        """Close both connections after at most about `TEARDOWN_SECONDS`; callable from any thread and repeatedly."""
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
            client = self._accept(listener)
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
            pass  # one side is closed; the reader gets the error from libav
        finally:
            if self._client is not None:
                _shut_down([self._client])  # libav need not wait for TEARDOWN
            if relay is not None:
                with contextlib.suppress(OSError, ValueError):
                    relay.tear_down()
            with self._lock:
                sockets, self._sockets = self._sockets, []
            for each in sockets:
                each.close()

    def _accept(self, listener: socket.socket) -> socket.socket:
        """Accept libav's connection. Raises `OSError`, and `StreamFault` if the gate was closed in the meantime."""
        client, _ = listener.accept()
        listener.close()
        self._keep(client)
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        client.settimeout(10.0)
        self._client = client
        return client


def _shut_down(sockets: Iterable[socket.socket]) -> None:
    """Wake threads that are blocked on these sockets; closing alone does not."""
    for each in sockets:
        with contextlib.suppress(OSError):
            each.shutdown(socket.SHUT_RDWR)


class _Relay:
    """Copies bytes between two connected sockets until one of them ends."""

    def __init__(self, client: socket.socket, camera: socket.socket, dialogue: Dialogue, gate: RtspGate) -> None:
        self._client, self._camera, self._dialogue, self._gate = client, camera, dialogue, gate
        self._from_client, self._from_camera = Splitter(), Splitter()
        self._buffer = memoryview(bytearray(_CHUNK_BYTES))

    def run(self) -> None:
        """Relay until one side ends; raises the error that ended it."""
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
            # Data that TLS has already decrypted does not wake the selector.
            self._forward(self._buffer[:length])
            length = self._camera.recv_into(self._buffer)
        self._forward(self._buffer[:length])
        return length > 0

    def _forward(self, data: memoryview) -> None:
        for item in self._from_camera.feed(data):
            if isinstance(item, bytes):
                if not self._dialogue.playing and item[0] != 0x24:
                    raise NotRtspError("the camera does not speak RTSP")
                self._gate.media.take(item, self._dialogue.audio_channels)
                self._client.sendall(item)
            elif item.status:
                self._deliver(self._dialogue.answer(item))
            # Requests from the camera (REDIRECT, ANNOUNCE) are dropped: libav does not need them.

    def _deliver(self, replies: Replies) -> None:
        if replies.to_camera:
            self._camera.sendall(replies.to_camera)
        if replies.to_client:
            self._client.sendall(replies.to_client)

    def tear_down(self) -> None:
        """End the camera's session and wait for its answer.

        Closing with unread packets would reset the connection, and the camera might never read the request.
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
