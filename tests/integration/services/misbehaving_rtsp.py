"""A camera that misbehaves on purpose: a small threaded RTSP server with scripted faults.

    with misbehaving_camera(Script(clip=load_clip(path), status={"DESCRIBE": 404})) as camera:
        camera.url

RTP and SDP come from the demo camera; the faults of real cameras are added here.
"""

import contextlib
import random
import select
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from tests.integration.services.camera_audio import TRACK as AUDIO_TRACK
from tests.integration.services.camera_audio import Audio

from cctv.streams.rtsp_messages import Message, Splitter
from vigil_demo.clip import AccessUnit, Clip
from vigil_demo.rtp import RtpSender, describe


@dataclass(frozen=True)
class Script:
    """The camera's behaviour and faults. Seconds count from PLAY."""

    clip: Clip | None = None
    once: bool = False
    """End after one round with an RTCP BYE, like a camera that is shut down."""
    status: Mapping[str, int] = field(default_factory=dict)
    """Methods that are answered with an error, or a redirect."""
    location: str = ""
    """Where a redirect points to."""
    challenge: str = ""
    """`WWW-Authenticate` of a 401."""
    silent_at: str = ""
    """The first method that is not answered; `connect`: nothing is answered."""
    first_bytes: bytes = b""
    """Data sent instead of a response to the first request."""
    stops_after_seconds: float | None = None
    """Stops sending but keeps the connection open."""
    breaks_after_seconds: float | None = None
    """Closes the connection in the middle of a packet."""
    freezes_after_seconds: float | None = None
    """Repeats the same keyframe forever."""
    clock_stands: bool = False
    """Timestamps stand still, from `freezes_after_seconds` or the beginning on."""
    clock_is_random: bool = False
    """Every frame has a random timestamp."""
    jumps_back_after_seconds: float | None = None
    jump_seconds: float = 3600.0
    then_clip: Clip | None = None
    then_after_seconds: float = 0.0
    """Another clip (resolution, parameter sets) from then on."""
    lost_share: float = 0.0
    garbled_share: float = 0.0
    skips_keyframes: bool = False
    begins_after_seconds: float = 0.0
    """Where in the clip a client joins: a camera does not start a group of pictures for a new client."""
    one_session: bool = False
    """Reject SETUP with 453 until another session's TEARDOWN, or forever without one."""
    ignores_teardown: bool = False
    """Never answer TEARDOWN."""
    announces_h265: bool = False
    """Describe the clip's H.264 as H.265."""
    audio: Audio | None = None
    """An audio track."""
    speed: float = 1.0
    """Seconds of the stream, by its timestamps, that are sent in one second."""


@dataclass
class Camera:
    """A running camera. `requests` are the methods that clients asked for, `headers` their last headers by method."""

    port: int
    requests: list[str] = field(default_factory=list)
    last: dict[str, Message] = field(default_factory=dict)
    connections: int = 0
    open_connections: int = 0
    sessions: int = 0
    """Sessions without a TEARDOWN so far."""

    @property
    def url(self) -> str:
        """The stream's URL."""
        return f"rtsp://127.0.0.1:{self.port}/cam"


@contextlib.contextmanager
def misbehaving_camera(script: Script) -> Iterator[Camera]:
    """Run the camera on a free loopback port."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=32)
    camera = Camera(listener.getsockname()[1])
    stopping = threading.Event()
    threads: list[threading.Thread] = []

    def accept() -> None:
        while not stopping.is_set():
            readable, _, _ = select.select([listener], [], [], 0.1)
            if readable:
                connection, _ = listener.accept()
                thread = threading.Thread(target=_Client(connection, script, camera, stopping).run)
                thread.start()
                threads.append(thread)

    acceptor = threading.Thread(target=accept)
    acceptor.start()
    try:
        yield camera
    finally:
        stopping.set()
        acceptor.join(5)
        for thread in threads:
            thread.join(5)
        listener.close()


class _Client:
    """One connection."""

    def __init__(self, connection: socket.socket, script: Script, camera: Camera, stopping: threading.Event) -> None:
        self._socket, self._script, self._camera, self._stopping = connection, script, camera, stopping
        self._splitter = Splitter()
        self._random = random.Random(5)
        self._playing = False

    def run(self) -> None:
        self._camera.connections += 1
        self._camera.open_connections += 1
        try:
            with self._socket:
                self._converse()
        except OSError:
            pass  # the client has disconnected
        finally:
            self._camera.open_connections -= 1

    def _converse(self) -> None:
        if self._script.silent_at == "connect":
            self._stay_silent()
            return
        while not self._stopping.is_set() and not self._playing:
            for message in self._received(0.2):
                self._camera.requests.append(message.method)
                self._camera.last[message.method] = message
                if message.method == self._script.silent_at:
                    self._stay_silent()
                    return
                if message.method == "TEARDOWN":
                    self._camera.sessions = 0
                self._socket.sendall(self._answer(message))
                self._playing = self._playing or (message.method == "PLAY" and "PLAY" not in self._script.status)
        if self._playing:
            _Show(self._script, self._send, self._pause).run()
        if self._script.stops_after_seconds is not None:
            self._stay_silent()

    def _received(self, timeout_seconds: float) -> list[Message]:
        readable, _, _ = select.select([self._socket], [], [], timeout_seconds)
        if not readable:
            return []
        data = self._socket.recv(65536)
        if not data:
            raise ConnectionResetError
        return [item for item in self._splitter.feed(data) if isinstance(item, Message)]

    def _stay_silent(self) -> None:
        while not self._stopping.is_set():
            self._received(0.2)

    def _pause(self, seconds: float) -> bool:
        """Wait and answer keep-alives; return False at the end of the connection."""
        until = time.monotonic() + seconds
        while not self._stopping.is_set():
            for message in self._received(max(0.0, min(0.2, until - time.monotonic()))):
                self._camera.requests.append(message.method)
                if message.method == "TEARDOWN":
                    self._tear_down(message)
                    return False
                self._socket.sendall(self._answer(message))
            if time.monotonic() >= until:
                return True
        return False

    def _tear_down(self, message: Message) -> None:
        self._camera.sessions = 0
        if self._script.ignores_teardown:
            self._stay_silent()
        self._socket.sendall(self._answer(message))

    def _send(self, data: bytes) -> None:
        self._socket.sendall(data)

    def _answer(self, message: Message) -> bytes:
        script = self._script
        if script.first_bytes:
            return script.first_bytes
        status = script.status.get(message.method, 200)
        if script.audio is not None and message.method == "SETUP" and message.uri.endswith(AUDIO_TRACK):
            status = script.audio.setup_status
        elif message.method == "SETUP" and script.one_session:
            status = 453 if self._camera.sessions else status
            self._camera.sessions = 1
        answer = Message(f"RTSP/1.0 {status} Whatever", [("CSeq", message.get("CSeq"))])
        if script.location:
            answer.set("Location", script.location)
        if status == 401 and script.challenge:
            answer.set("WWW-Authenticate", script.challenge)
        if status == 200:
            self._fill(answer, message)
        return answer.encode()

    def _fill(self, answer: Message, message: Message) -> None:
        if message.method == "OPTIONS":
            answer.set("Public", "OPTIONS, DESCRIBE, SETUP, PLAY, GET_PARAMETER, TEARDOWN")
        elif message.method == "DESCRIBE":
            assert self._script.clip is not None
            answer.body = self._described(self._script.clip).encode()
            answer.set("Content-Type", "application/sdp")
            answer.set("Content-Base", message.uri.rstrip("/") + "/")
            answer.set("Content-Length", str(len(answer.body)))
        elif message.method == "SETUP":
            channels = "2-3" if message.uri.endswith(AUDIO_TRACK) else "0-1"
            answer.set("Transport", f"RTP/AVP/TCP;unicast;interleaved={channels}")
            answer.set("Session", "1234;timeout=60")
        elif message.method == "PLAY":
            answer.set("Session", "1234")

    def _described(self, clip: Clip) -> str:
        lines = describe(clip, "misbehaving").splitlines(keepends=True)
        if self._script.announces_h265:
            lines = [line.replace("H264/", "H265/") for line in lines if not line.startswith("a=fmtp")]
        if self._script.audio is not None:
            lines.append(self._script.audio.description())
        return "".join(lines)


class _Show:
    """The media after PLAY."""

    def __init__(self, script: Script, send: Callable[[bytes], None], pause: Callable[[float], bool]) -> None:
        self._script, self._send, self._pause = script, send, pause
        self._sender = RtpSender()
        self._random = random.Random(5)

    def run(self) -> None:
        """Send the media; return when the script ends."""
        assert self._script.clip is not None
        began, heard_until = time.monotonic(), 0.0
        for unit, at in self._units():
            if not self._pause(began + at / self._script.speed - time.monotonic()):
                return
            if _is_over(self._script.stops_after_seconds, at):
                self._go_on_with_audio(began, at)
                return
            packets = list(self._packets(unit, self._clock(at)))
            if _is_over(self._script.breaks_after_seconds, at):
                self._send(_interleaved(0, packets[0])[:-5])
                return
            if self._script.audio is not None:
                packets += self._script.audio.packets(heard_until, at)
                heard_until = at
            self._send(b"".join(packets))
        bye = struct.pack("!BBHI", 0x81, 203, 1, self._sender.ssrc)
        self._send(_interleaved(1, self._sender.sender_report(0.0) + bye))
        self._pause(1.0)

    def _go_on_with_audio(self, began: float, at: float) -> None:
        audio = self._script.audio
        while audio is not None and audio.goes_on and self._pause(began + at + 0.1 - time.monotonic()):
            self._send(b"".join(audio.packets(at, at + 0.1)))
            at += 0.1

    def _units(self) -> Iterator[tuple[AccessUnit, float]]:
        """Yield frames with their times."""
        script, round_began = self._script, 0.0
        assert script.clip is not None
        keyframe = next(unit for unit in script.clip.access_units if unit.is_keyframe)
        while True:
            clip = script.clip
            if script.then_clip is not None and _is_over(script.then_after_seconds, round_began):
                clip = script.then_clip
            for unit in clip.access_units:
                at = round_began + unit.timestamp_seconds - script.begins_after_seconds
                if at < 0:
                    continue
                if script.skips_keyframes and unit.is_keyframe:
                    continue
                yield (keyframe if _is_over(script.freezes_after_seconds, at) else unit), at
            round_began += clip.duration_seconds
            if script.once:
                return

    def _clock(self, at: float) -> float:
        script = self._script
        if script.clock_is_random:
            return self._random.uniform(0.0, 40_000.0)
        if script.clock_stands:
            return min(at, script.freezes_after_seconds or 0.0)
        return at - (script.jump_seconds if _is_over(script.jumps_back_after_seconds, at) else 0.0)

    def _packets(self, unit: AccessUnit, clock: float) -> Iterator[bytes]:
        for packet in self._sender.packets(unit, clock):
            if self._random.random() < self._script.lost_share:
                continue
            if self._random.random() < self._script.garbled_share:
                place = self._random.randrange(14, max(15, len(packet)))
                packet = packet[:place] + self._random.randbytes(min(40, len(packet) - place)) + packet[place + 40 :]
            yield _interleaved(0, packet)


def _interleaved(channel: int, packet: bytes) -> bytes:
    return b"$" + bytes((channel,)) + len(packet).to_bytes(2, "big") + packet


def _is_over(limit_seconds: float | None, at: float) -> bool:
    return limit_seconds is not None and at >= limit_seconds
