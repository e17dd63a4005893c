"""The RTSP protocol byte by byte (RFC 2326): statuses, sessions, interleaved data, reports, time-outs."""

import asyncio
import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest

from vigil_demo import rtsp_server
from vigil_demo.clip import AccessUnit, Clip
from vigil_demo.rtsp_server import RtspServer

SPS, PPS = bytes.fromhex("6764001eacd940a02ff970110000030001"), bytes.fromhex("68ebecb22c")
PICTURES = (
    AccessUnit((SPS, PPS, b"\x65" + b"k" * 4000), 0.0, True),
    *(AccessUnit((b"\x41" + bytes([number]) * 50,), number / 20, False) for number in range(1, 20)),
)
"""One second: a keyframe that needs fragments, and small frames after it. Never decoded."""
CLIP = Clip(PICTURES, 1.0, SPS, PPS)


@contextmanager
def serving() -> Iterator[int]:
    ports, ready = list[int](), threading.Event()
    loop = asyncio.new_event_loop()

    def on_ready(port: int) -> None:
        ports.append(port)
        ready.set()

    task = loop.create_task(RtspServer(CLIP).serve("127.0.0.1", 0, on_ready))

    def run() -> None:
        try:
            loop.run_until_complete(task)
        except asyncio.CancelledError:
            for pending in asyncio.all_tasks(loop):
                loop.run_until_complete(asyncio.wait({pending}, timeout=5))
        finally:
            loop.close()

    thread = threading.Thread(target=run)
    thread.start()
    assert ready.wait(5)
    try:
        yield ports[0]
    finally:
        loop.call_soon_threadsafe(task.cancel)
        thread.join(5)


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: str


class Client:
    """An RTSP client that parses responses and interleaved packets."""

    def __init__(self, port: int) -> None:
        self.url = f"rtsp://127.0.0.1:{port}/demo"
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=5)
        self._file = self._socket.makefile("rb")
        self._sequence = 0

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()
        self._socket.close()

    def send(self, text: bytes) -> None:
        self._socket.sendall(text)

    def ask(self, method: str, path: str = "", **headers: str) -> Answer:
        self._sequence += 1
        lines = [f"{method} {self.url}{path} RTSP/1.0", f"CSeq: {self._sequence}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        self.send("\r\n".join(lines).encode() + b"\r\n\r\n")
        while True:
            first = self._file.read(1)
            if first != b"$":
                break
            self.interleaved(known_first=True)
        answer = self.answer(first)
        assert answer.headers["cseq"] == str(self._sequence)
        return answer

    def answer(self, first: bytes = b"") -> Answer:
        status = (first + self._file.readline()).decode()
        assert status.startswith("RTSP/1.0 ")
        headers = {}
        while line := self._file.readline().decode().strip():
            name, _, value = line.partition(":")
            headers[name.lower()] = value.strip()
        body = self._file.read(int(headers.get("content-length", "0"))).decode()
        return Answer(int(status.split(" ")[1]), headers, body)

    def interleaved(self, *, known_first: bool = False) -> tuple[int, bytes]:
        if not known_first:
            assert self._file.read(1) == b"$"
        channel, length = struct.unpack("!BH", self._file.read(3))
        return channel, self._file.read(length)

    def is_hung_up(self) -> bool:
        return self._file.read(1) == b""


def test_a_session_over_tcp_from_options_to_teardown() -> None:
    with serving() as port, Client(port) as client:
        public = client.ask("OPTIONS").headers["public"]
        assert {"DESCRIBE", "SETUP", "PLAY", "TEARDOWN", "GET_PARAMETER"} <= set(public.replace(" ", "").split(","))
        description = client.ask("DESCRIBE", Accept="application/sdp")
        assert description.headers["content-type"] == "application/sdp"
        assert description.headers["content-base"] == client.url + "/"
        track = next(line for line in description.body.splitlines() if line.startswith("a=control:track"))
        setup = client.ask(
            "SETUP", "/" + track.removeprefix("a=control:"), Transport="RTP/AVP/TCP;unicast;interleaved=4-5"
        )
        assert (setup.status, setup.headers["transport"].split(";")[2]) == (200, "interleaved=4-5")
        session = setup.headers["session"].partition(";")[0]
        assert client.ask("PLAY", Session=session).status == 200

        packets: dict[int, list[bytes]] = {4: [], 5: []}
        while len(packets[4]) < 45:
            channel, packet = client.interleaved()
            packets[channel].append(packet)
        fields = [struct.unpack("!BBHII", packet[:12]) for packet in packets[4]]
        first = fields[0][2]
        assert [(first + number) & 0xFFFF for number in range(len(fields))] == [field[2] for field in fields]
        assert packets[4][0][12:] == SPS  # a client that joins later starts with a keyframe
        stamps = sorted({(field[3] - fields[0][3]) & 0xFFFFFFFF for field in fields})
        assert stamps == [number * 4500 for number in range(len(stamps))]
        assert {f"{field[4]:08X}" for field in fields} == {setup.headers["transport"].rpartition("ssrc=")[2]}

        version, kind, length, ssrc, _, _, timestamp = struct.unpack("!BBHIIII", packets[5][0][:20])
        assert (version, kind, ssrc) == (0x80, 200, fields[0][4])
        assert (length + 1) * 4 <= len(packets[5][0])
        assert timestamp in {field[3] for field in fields}

        assert client.ask("GET_PARAMETER", Session=session).status == 200
        assert client.ask("TEARDOWN", Session=session).status == 200
        assert client.is_hung_up()


def test_invalid_requests_get_their_status() -> None:
    with serving() as port, Client(port) as client:
        assert client.ask("PLAY").status == 455
        assert client.ask("SETUP", "/trackID=0", Transport="RTP/AVP;multicast").status == 461
        assert client.ask("SETUP", "/trackID=0", Transport="RTP/AVP;unicast;client_port=0-1").status == 461
        assert client.ask("RECORD").status == 405
        assert client.ask("GET_PARAMETER", Session="0123456789abcdef").status == 454
        assert client.ask("OPTIONS").status == 200


@pytest.mark.parametrize("text", [b"GET / HTTP/1.1\r\n\r\n", b"\xff\xfe\x00\r\n\r\n", b"OPTIONS *\r\n\r\n"])
def test_non_rtsp_data_closes_the_connection(text: bytes) -> None:
    with serving() as port, Client(port) as client:
        client.send(text)
        assert client.answer().status == 400
        assert client.is_hung_up()


def test_endless_header_is_rejected() -> None:
    with serving() as port, Client(port) as client:
        client.send(b"OPTIONS * RTSP/1.0\r\nX: " + b"x" * 100_000)
        assert client.answer().status == 400


def test_stalled_client_does_not_affect_others() -> None:
    with serving() as port, Client(port) as idle, Client(port) as busy:
        for client in (idle, busy):
            assert client.ask("SETUP", "/trackID=0", Transport="RTP/AVP/TCP;interleaved=0-1").status == 200
            assert client.ask("PLAY").status == 200
        began = time.monotonic()
        assert sum(busy.interleaved()[0] == 0 for _ in range(60)) >= 58
        assert time.monotonic() - began < 10


def test_datagrams_end_after_the_session_time_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rtsp_server, "SESSION_TIMEOUT_SECONDS", 1)
    with serving() as port, Client(port) as client, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as media:
        media.bind(("127.0.0.1", 0))
        media.settimeout(3)
        here = media.getsockname()[1]
        setup = client.ask("SETUP", "/trackID=0", Transport=f"RTP/AVP;unicast;client_port={here}-{here + 1}")
        assert f"client_port={here}-{here + 1};server_port=" in setup.headers["transport"]
        assert client.ask("PLAY").status == 200
        assert media.recv(2000)[12:] == SPS
        assert client.is_hung_up()
        assert silence_within(media, 5)


def silence_within(media: socket.socket, timeout_seconds: float) -> bool:
    """Return whether no datagrams arrive for half a second, after those in flight."""
    deadline = time.monotonic() + timeout_seconds
    media.settimeout(0.5)
    while time.monotonic() < deadline:
        try:
            media.recv(2000)
        except TimeoutError:
            return True
    return False
