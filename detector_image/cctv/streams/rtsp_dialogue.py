"""Rewrite the messages between libav and a camera (RFC 2326). Pure except for the nonces; uses no sockets.

libav answers challenges with MD5 only, sends keep-alives without reading the answers, and gives up if OPTIONS is
refused. Therefore authentication, keep-alives and TEARDOWN are handled here, invisible to libav. For that, requests
get new `CSeq` numbers.
"""

from dataclasses import dataclass
from urllib.parse import urlsplit

from cctv.streams.faults import StreamFault, from_status
from cctv.streams.rtsp_auth import Challenge, authorization, strongest
from cctv.streams.rtsp_messages import Message
from cctv.streams.sdp import choose_audio, interleaved_channel, is_setup_of
from vigil_contracts.names import Reason
from vigil_contracts.stream_url import credentials_problem, split_credentials

USER_AGENT = "Vigil"

_CHECKED_METHODS = frozenset({"OPTIONS", "DESCRIBE", "SETUP", "PLAY"})
_KEEP_ALIVE_METHODS = ("OPTIONS", "GET_PARAMETER")
_NOT_IMPLEMENTED = frozenset({400, 405, 501, 551})
_PUBLIC = "OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN, GET_PARAMETER"
_MOST_TRIES = 3
"""Attempts per request: without authorization, with authorization, and once more for a stale nonce."""


@dataclass(slots=True)
class _Exchange:
    """A request that the camera has not answered yet, stored without its `Authorization`."""

    request: Message
    client_cseq: str | None
    """libav's number of the request; None if the request is not from libav."""
    nonce: str | None = None
    """The nonce of the challenge that it answered; None if it had no `Authorization`."""
    tries: int = 0


@dataclass(frozen=True, slots=True)
class Replies:
    """The result of a message: bytes to send to either side."""

    to_camera: bytes = b""
    to_client: bytes = b""


class Dialogue:
    """The dialogue of one connection. Not thread-safe."""

    def __init__(
        self, url: str, local_netloc: str, token: str, peer_address: str, *, wants_audio: bool = False
    ) -> None:
        bare, self._credentials = split_credentials(url)
        if self._credentials is not None and (problem := credentials_problem(self._credentials)):
            raise StreamFault(
                Reason.STREAM_UNAUTHORIZED,
                text=f"No camera accepts these credentials: {problem}. Enter the user name and password again.",
            )
        self._camera_prefix = "rtsp://" + urlsplit(bare).netloc
        self._local_prefix = f"rtsp://{local_netloc}"
        self._token = token
        self._is_client_known = False
        self._peer_address = peer_address
        self._challenge: Challenge | None = None
        self._nonce_count = 0
        self._is_accepted = False
        self._cseq = 0
        self._pending: dict[str, _Exchange] = {}
        self._session = self._session_uri = ""
        self._not_implemented: set[str] = set()
        self._to_follow: list[str] = []
        self._is_teardown_sent = False
        self.is_torn_down = False
        """Whether the camera has answered TEARDOWN."""
        self.playing = False
        self.fault: StreamFault | None = None
        self._wants_audio = wants_audio
        self._audio_control = ""
        self.audio_problem = ""
        """Why configured audio is not requested from the camera; empty: it is, or that is not known yet."""
        self.is_audio_asked = False
        """Whether an audio track was requested (SETUP)."""
        self.audio_channels: set[int] = set()
        """The interleaved channels of that track."""

    def request(self, message: Message) -> Replies:
        """Return the messages that a request of libav causes. Raises `PermissionError` for a foreign client."""
        if message.status and self._is_client_known:
            # libav's time-out struck within a packet: it reads on amid video, and answers what looks like a request.
            return Replies()
        if message.get("User-Agent") != self._token:
            raise PermissionError("not the expected client")
        self._is_client_known = True
        cseq = message.get("CSeq")
        if message.method == "TEARDOWN":  # `teardown` sends it when the gate closes
            return Replies(to_client=_ok(cseq).encode())
        if self.playing and message.method in _KEEP_ALIVE_METHODS:
            return Replies(self._keep_alives(), _ok(cseq).encode())
        message.set("User-Agent", USER_AGENT)
        message.remove("Authorization")
        uri = message.uri
        if uri.startswith(self._local_prefix):
            uri = self._camera_prefix + uri.removeprefix(self._local_prefix)
            message.first_line = f"{message.method} {uri} RTSP/1.0"
        if message.method in {"SETUP", "PLAY"}:
            self._session_uri = uri
            self.is_audio_asked = self.is_audio_asked or self._is_setup_of_audio(message)
        return Replies(self._send(_Exchange(message, cseq)))

    def answer(self, message: Message) -> Replies:
        """Return the messages that a camera's answer causes. Raises `StreamFault` if it ends the stream."""
        if message.status < 200:  # provisional, RFC 2326 section 7.1.1
            return Replies()
        exchange = self._answered_request(message.get("CSeq"))
        if exchange is None:
            return Replies()
        method = exchange.request.method
        if message.status == 401 and self._take_challenge(message, exchange):
            return Replies(self._send(exchange))
        self._is_accepted = self._is_accepted or (exchange.nonce is not None and message.status != 401)
        self._session = message.get("Session").partition(";")[0].strip() or self._session
        if exchange.client_cseq is None:
            return Replies(self._after_own(method, message.status))
        if method == "OPTIONS" and message.status >= 400 and message.status != 401:
            # A camera that refuses OPTIONS may still stream; the answer to DESCRIBE decides.
            self._not_implemented.add(method)
            message = _ok(exchange.client_cseq, ("Public", _PUBLIC))
        is_audio = self._is_setup_of_audio(exchange.request)
        return Replies(to_client=self._for_client(message, method, exchange.client_cseq, is_audio=is_audio))

    def teardown(self) -> bytes:
        """Return the request that ends the session (RFC 2326 section 10.7); empty without a session."""
        if not self._session or self._is_teardown_sent:
            return b""
        self._is_teardown_sent = True
        self._to_follow.clear()
        return self._own("TEARDOWN")

    def _choose_audio(self, message: Message) -> None:
        offer = choose_audio(message.body)
        self._audio_control, self.audio_problem = offer.control, offer.problem
        message.body = offer.body
        message.set("Content-Length", str(len(offer.body)))

    def _is_setup_of_audio(self, request: Message) -> bool:
        return request.method == "SETUP" and is_setup_of(request.uri, self._audio_control)

    def _for_client(self, message: Message, method: str, client_cseq: str, *, is_audio: bool) -> bytes:
        fault = from_status(message.status) if method in _CHECKED_METHODS or message.status < 400 else None
        if fault is not None:
            raise fault
        self.playing = self.playing or method == "PLAY"
        message.set("CSeq", client_cseq)
        if method == "DESCRIBE" and self._wants_audio:
            self._choose_audio(message)
        transport = message.get("Transport")
        if transport and is_audio and (channel := interleaved_channel(transport)) is not None:
            self.audio_channels.add(channel)
        if transport:
            message.set("Transport", self._pin_transport(transport))
        return message.encode()

    def _answered_request(self, cseq: str) -> _Exchange | None:
        """Return the request that is answered. Answers come in order, and some cameras omit the number."""
        if cseq not in self._pending:
            cseq = next(iter(self._pending), "")
        return self._pending.pop(cseq, None)

    def _keep_alives(self) -> bytes:
        """Return the first of the keep-alive requests: many cameras accept only one of the methods as a keep-alive.

        The others follow one by one, since a camera may issue a nonce for a single request. If the last round was
        never answered, all are sent at once.
        """
        unanswered = [cseq for cseq, exchange in self._pending.items() if exchange.client_cseq is None]
        for cseq in unanswered:
            del self._pending[cseq]
        methods = [method for method in _KEEP_ALIVE_METHODS if method not in self._not_implemented]
        first, *self._to_follow = methods or ["GET_PARAMETER"]
        return self._own(first) + (self._following() if unanswered else b"")

    def _following(self) -> bytes:
        return self._own(self._to_follow.pop(0)) if self._to_follow else b""

    def _after_own(self, method: str, status: int) -> bytes:
        if method == "TEARDOWN":
            self.is_torn_down = True
            return b""
        if status in _NOT_IMPLEMENTED:
            self._not_implemented.add(method)
        return self._following()

    def _own(self, method: str) -> bytes:
        headers = [("User-Agent", USER_AGENT), ("Session", self._session)]
        return self._send(_Exchange(Message(f"{method} {self._session_uri} RTSP/1.0", headers), None))

    def _send(self, exchange: _Exchange) -> bytes:
        self._cseq += 1
        exchange.tries += 1
        self._pending[str(self._cseq)] = exchange
        request = exchange.request
        request.set("CSeq", str(self._cseq))
        message = Message(request.first_line, list(request.headers), request.body)
        if self._challenge is not None and self._credentials is not None:
            self._nonce_count += 1
            exchange.nonce = self._challenge.nonce
            value = authorization(self._challenge, self._credentials, request.method, request.uri, self._nonce_count)
            message.headers.append(("Authorization", value))
        return message.encode()

    def _take_challenge(self, message: Message, exchange: _Exchange) -> bool:
        """Return whether to repeat the request with an answer to this challenge.

        Most cameras send a new nonce with every refusal, so a new nonce alone does not distinguish an expired nonce
        from a wrong password, and repeated attempts can lock the account. Once a password was accepted on this
        connection, a refusal means an expired nonce.
        """
        challenge = strongest(message.get_all("WWW-Authenticate"))
        if challenge is None or self._credentials is None or exchange.tries >= _MOST_TRIES:
            return False
        is_new = self._is_accepted and challenge.nonce != exchange.nonce
        if exchange.nonce is not None and not challenge.stale and not is_new:
            return False
        # Several requests may be in flight with one nonce, each refused with its own challenge.
        self._challenge, self._nonce_count = challenge, 0
        return True

    def _pin_transport(self, transport: str) -> str:
        """Return the transport with the camera's address as the only source, and no other destination (UDP)."""
        kept = [
            part for part in transport.split(";") if not part.strip().lower().startswith(("source=", "destination="))
        ]
        return ";".join(part for part in kept if part) + (
            "" if "interleaved" in transport.lower() else f";source={self._peer_address}"
        )


def _ok(cseq: str, *headers: tuple[str, str]) -> Message:
    return Message("RTSP/1.0 200 OK", [("CSeq", cseq), *headers])
