"""The only way to a camera: a loopback relay between libav's RTSP client and the one address that was checked.

libav follows RTSP redirects to any host, prints URLs with their passwords, knows MD5 digests alone, and can block
where no timeout of its own reaches. So libav connects to this gate, which holds the connection to the camera:

- the host is resolved and checked here, and the connection is made to the very address that passed;
- redirects end the stream, and addresses in the camera's answers are put right, so that nothing else is contacted;
- the gate answers the camera's authentication; libav gets a made-up user and never sees a credential;
- TLS (`rtsps`) is done here, with certificates checked;
- what the camera refused is known by its status, not guessed from an error number;
- closing the gate ends a blocked read from outside the reading thread.

The gate takes one connection, and only one whose first request carries a secret that libav was given.
"""

import contextlib
import secrets
import selectors
import socket
import ssl
import threading
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from cctv.addresses import AddressPolicy, Resolver, resolve, system_resolver
from cctv.faults import StreamFault, from_connect_error, from_status
from cctv.rtsp_auth import Challenge, authorization, strongest
from cctv.rtsp_messages import Message, NotRtspError, Splitter
from vigil_contracts.names import Reason
from vigil_contracts.stream_url import split_credentials

_DEFAULT_PORTS = {"rtsp": 554, "rtsps": 322}
_CHUNK_BYTES = 256 * 1024
_CHECKED_METHODS = frozenset({"OPTIONS", "DESCRIBE", "SETUP", "PLAY"})
USER_AGENT = "Vigil"


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


class _Dialogue:
    """What is said between libav and the camera, put right on its way. Pure but for the nonce; no sockets."""

    def __init__(self, url: str, local_netloc: str, token: str, peer_address: str) -> None:
        bare, self._credentials = split_credentials(url)
        self._camera_prefix = "rtsp://" + urlsplit(bare).netloc
        self._local_prefix = f"rtsp://{local_netloc}"
        self._token = token
        self._peer_address = peer_address
        self._challenge: Challenge | None = None
        self._nonce_count = 0
        self._nonces_given = 0
        self._methods: dict[str, str] = {}
        self.playing = False
        self.fault: StreamFault | None = None

    def request(self, message: Message) -> bytes:
        """A request of libav as the camera gets it. Raises `PermissionError` where it is not our libav."""
        if message.get("User-Agent") != self._token:
            raise PermissionError("not the expected client")
        message.set("User-Agent", USER_AGENT)
        message.remove("Authorization")
        uri = message.uri
        if uri.startswith(self._local_prefix):
            uri = self._camera_prefix + uri.removeprefix(self._local_prefix)
            message.first_line = f"{message.method} {uri} RTSP/1.0"
        self._methods[message.get("CSeq")] = message.method
        if self._challenge is not None and self._credentials is not None:
            self._nonce_count += 1
            answer = authorization(self._challenge, self._credentials, message.method, uri, self._nonce_count)
            message.headers.append(("Authorization", answer))
        return message.encode()

    def answer(self, message: Message) -> bytes:
        """An answer of the camera as libav gets it. Raises `StreamFault` where the stream ends with it."""
        method = self._methods.pop(message.get("CSeq"), "")
        if message.status == 401 and self._take_challenge(message):
            self._nonces_given += 1
            # To libav every challenge looks alike, and new, so that it repeats the request under a new CSeq.
            message.set("WWW-Authenticate", f'Digest realm="gate", nonce="{self._nonces_given}", stale=TRUE')
            return message.encode()
        if method in _CHECKED_METHODS or 300 <= message.status < 400:
            # Some cameras know no OPTIONS; that alone is no reason to give up.
            fault = (
                None
                if method == "OPTIONS" and message.status in {400, 405, 454, 501, 551}
                else from_status(message.status)
            )
            if fault is not None:
                raise fault
        self.playing = self.playing or method == "PLAY"
        transport = message.get("Transport")
        if transport:
            message.set("Transport", self._pinned(transport))
        return message.encode()

    def _take_challenge(self, message: Message) -> bool:
        """Whether the request is worth repeating with an answer to this challenge."""
        challenge = strongest(message.get_all("WWW-Authenticate"))
        if challenge is None or self._credentials is None:
            return False
        was_answered = self._challenge is not None and self._nonce_count > 0
        if was_answered and not challenge.stale:
            return False
        self._challenge, self._nonce_count = challenge, 0
        return True

    def _pinned(self, transport: str) -> str:
        """The transport with the camera's own address as the only source and no other destination (UDP)."""
        kept = [
            part for part in transport.split(";") if not part.strip().lower().startswith(("source=", "destination="))
        ]
        return ";".join(part for part in kept if part) + (
            "" if "interleaved" in transport.lower() else f";source={self._peer_address}"
        )


class RtspGate:
    """A relay to one camera for one connection of libav. Open it, give `local_url` to libav, close it."""

    def __init__(self, url: str, options: GateOptions) -> None:
        self._url = url
        self._options = options
        self._token = secrets.token_hex(16)
        self._lock = threading.Lock()
        self._sockets: list[socket.socket] = []
        self._closed = False
        self._dialogue: _Dialogue | None = None
        self._thread: threading.Thread | None = None
        self.local_url = ""
        self.received_bytes = 0

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
        """Whether `close` was called."""
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
        # libav answers a challenge only when it has a user; this one means nothing to anybody.
        path = parts._replace(scheme="rtsp", netloc=f"gate:gate@{netloc}", fragment="")
        self.local_url = path.geturl()
        self._dialogue = _Dialogue(self._url, netloc, self._token, str(camera.getpeername()[0]))
        self._thread = threading.Thread(target=self._run, args=(listener, camera), name="rtsp-gate", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Ends both connections at once; safe from any thread and more than once."""
        with self._lock:
            self._closed = True
            sockets, self._sockets = self._sockets, []
        for each in sockets:
            # A shutdown wakes a thread that is blocked in the socket; a close alone does not.
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(2.0)
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
        try:
            client, _ = listener.accept()
            listener.close()
            self._keep(client)
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            camera.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for each in (client, camera):
                each.settimeout(10.0)
            _Relay(client, camera, self._dialogue, self).run()
        except StreamFault as fault:
            self._dialogue.fault = self._dialogue.fault or fault
        except NotRtspError:
            self._dialogue.fault = StreamFault(Reason.STREAM_UNSUPPORTED, "the answer is not RTSP")
        except (OSError, ValueError):
            pass  # either side is gone; the reader learns it from libav
        finally:
            with self._lock:
                sockets, self._sockets = self._sockets, []
            for each in sockets:
                each.close()


class _Relay:
    """Moves bytes between two connected sockets until one of them ends."""

    def __init__(self, client: socket.socket, camera: socket.socket, dialogue: _Dialogue, gate: RtspGate) -> None:
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
            self._camera.sendall(self._dialogue.request(item) if isinstance(item, Message) else item)
        return length > 0

    def _camera_to_client(self) -> bool:
        length = self._camera.recv_into(self._buffer)
        self._gate.received_bytes += length
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
                self._client.sendall(item)
            elif item.status:
                self._client.sendall(self._dialogue.answer(item))
            # A camera's own requests (REDIRECT, ANNOUNCE) end here: libav does not need them.
