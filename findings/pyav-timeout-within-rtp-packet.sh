#!/usr/bin/env bash
# PyAV 18.1.0 (libav 8): a read time-out within an RTP packet makes libav's RTSP client take media for a conversation.
#
# Over TCP, RTP packets follow each other in the RTSP connection, each behind "$", a channel and a length. If the time-out of
# av.open(timeout=…) strikes between the two halves of a packet, libav forgets the first half. A program that reads on, as one
# does after a short silence, gets no further error: libav reads the second half as lines of text, and where it finds an empty line, it
# takes what came before for a request and answers the camera, unasked, with "RTSP/1.0 501 Not Implemented". Packets are lost
# until a "$" happens to follow a line's end. A proxy or a camera that checks what it gets may end the session for this answer.
# Open the stream again after a time-out, or let whatever stands between camera and libav ignore such answers.
#
# Seen: 50 packets, then OSError; the camera received "RTSP/1.0 501 Not Implemented"; of 50 later packets 0 arrived
# Exits non-zero if the client sends no such answer, or loses no packet.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet av==18.1.0
cd "$folder"
"$folder/venv/bin/python" - <<'PYTHON'
import socket
import struct
import threading
import time

import av

DESCRIPTION = (
    "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=microphone\r\nc=IN IP4 0.0.0.0\r\nt=0 0\r\n"
    "m=audio 0 RTP/AVP 0\r\na=control:track\r\n"
)
SAMPLES = bytes([1, 2, 10, 10]) * 39 + bytes(4)  # 20 ms of G.711; two of its values are the codes of line feeds
LATER = 50


def packet(number: int, samples: bytes) -> bytes:
    rtp = struct.pack("!BBHII", 0x80, 0, number, number * 160, 7) + samples
    return struct.pack("!BBH", 0x24, 0, len(rtp)) + rtp


class Camera(threading.Thread):
    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.go_on = threading.Event()
        self.said_later = b""

    def run(self) -> None:
        client, _ = self.listener.accept()
        request = ""
        while not request.startswith("PLAY"):
            request = client.recv(65536).decode()
            sequence = next(line for line in request.split("\r\n") if line.startswith("CSeq"))
            more, body = "", ""
            if request.startswith("DESCRIBE"):
                more, body = f"Content-Type: application/sdp\r\nContent-Length: {len(DESCRIPTION)}\r\n", DESCRIPTION
            if request.startswith("SETUP"):
                more = "Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\nSession: 1\r\n"
            client.sendall(f"RTSP/1.0 200 OK\r\n{sequence}\r\n{more}\r\n{body}".encode())
        for number in range(50):
            client.sendall(packet(number, b"\xff" * 160))
        whole = packet(50, SAMPLES)
        client.sendall(whole[:80])
        self.go_on.wait(20)
        client.sendall(whole[80:])
        for number in range(51, 51 + LATER):
            client.sendall(packet(number, b"\xff" * 160))
        client.settimeout(3)
        try:
            while chunk := client.recv(65536):
                self.said_later += chunk
        except TimeoutError:
            pass
        client.close()


camera = Camera()
camera.start()
container = av.open(f"rtsp://127.0.0.1:{camera.port}/", options={"rtsp_transport": "tcp"}, timeout=(10.0, 2.0))
errors = []
before = after = 0
while len(errors) < 2:
    try:
        for each in container.demux():
            if each.size and errors:
                after += 1
            elif each.size:
                before += 1
        break
    except av.error.FFmpegError as error:
        errors.append(type(error).__name__)
        camera.go_on.set()
camera.join(20)
answer = next((line for line in camera.said_later.decode(errors="replace").split("\r\n") if "501" in line), "nothing")
print(f"{before} packets, then {errors[:1]}; after the time-out the camera received {answer!r}; of {LATER} later packets {after} arrived")
raise SystemExit(0 if before >= 40 and errors and "501" in answer and after < LATER else 1)
PYTHON
