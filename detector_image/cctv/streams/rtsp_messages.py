"""RTSP's wire format (RFC 2326): split a byte stream into messages and interleaved packets, and encode messages.

Pure: bytes in, values out. Both directions use the same format, so one splitter serves both.
"""

from dataclasses import dataclass

_HEAD_LIMIT = 64 * 1024
_BODY_LIMIT = 1024 * 1024
_INTERLEAVED = 0x24  # "$", RFC 2326 section 10.12
_NO_LINE_BREAKS = {ord(sign): " " for sign in "\r\n\0"}
_BEGINNINGS = (
    *(b"RTSP/", b"OPTIONS ", b"DESCRIBE ", b"SETUP ", b"PLAY ", b"PAUSE ", b"TEARDOWN ", b"GET_PARAMETER "),
    *(b"SET_PARAMETER ", b"ANNOUNCE ", b"REDIRECT ", b"RECORD ", b"PLAY_NOTIFY ", b"\r\n"),
)


class NotRtspError(ValueError):
    """The bytes are not RTSP, or a head or body never ends."""


@dataclass(slots=True)
class Message:
    """A request or an answer. Header names keep their spelling; repeated headers stay separate."""

    first_line: str
    headers: list[tuple[str, str]]
    body: bytes = b""

    @property
    def status(self) -> int:
        """Return an answer's status; 0 for a request."""
        words = self.first_line.split(" ", 2)
        return int(words[1]) if self.first_line.startswith("RTSP/") and words[1:] and words[1].isdigit() else 0

    @property
    def method(self) -> str:
        """Return a request's method in capitals."""
        return self.first_line.split(" ", 1)[0].upper()

    @property
    def uri(self) -> str:
        """Return a request's URI."""
        words = self.first_line.split(" ")
        return words[1] if len(words) > 1 else ""

    def get_all(self, name: str) -> list[str]:
        """Return all values of a header in order."""
        return [value for key, value in self.headers if key.lower() == name.lower()]

    def get(self, name: str) -> str:
        """Return the first value of a header; empty if it is missing."""
        return next(iter(self.get_all(name)), "")

    def remove(self, name: str) -> None:
        """Remove a header."""
        self.headers = [(key, value) for key, value in self.headers if key.lower() != name.lower()]

    def set(self, name: str, value: str) -> None:
        """Set a header, replacing all of the same name."""
        self.remove(name)
        self.headers.append((name, value))

    def encode(self) -> bytes:
        """Return the message as bytes."""
        lines = [self.first_line, *(f"{name}: {value}" for name, value in self.headers)]
        # A line break in a value would inject another header.
        lines = [line.translate(_NO_LINE_BREAKS) for line in lines]
        return "\r\n".join([*lines, "", ""]).encode("utf-8", "surrogateescape") + self.body


def parse_head(head: bytes) -> Message:
    """Parse a message without its body, from the bytes before the empty line."""
    lines = head.decode("utf-8", "surrogateescape").replace("\r\n", "\n").split("\n")
    headers = []
    for line in lines[1:]:
        name, colon, value = line.partition(":")
        if colon:
            headers.append((name.strip(), value.strip()))
    return Message(lines[0].strip(), headers)


def _interleaved_length(data: bytes | bytearray | memoryview) -> int:
    """Return the length of all whole interleaved packets at the front of the data."""
    end, position = len(data), 0
    while position + 4 <= end and data[position] == _INTERLEAVED:
        following = position + 4 + (data[position + 2] << 8 | data[position + 3])
        if following > end:
            break
        position = following
    return position


class Splitter:
    """Splits a byte stream into messages. Not thread-safe."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes | memoryview) -> list[Message | bytes]:
        """Return the messages that `data` completes, and between them the bytes of whole interleaved packets.

        Bytes that are neither (a camera that lost synchronisation) are passed through up to the next recognisable
        message or packet. Raises `NotRtspError`.
        """
        found: list[Message | bytes] = []
        if not self._buffer and (packets := _interleaved_length(data)):  # nearly always: whole packets of media
            found.append(bytes(data[:packets]))
            data = data[packets:]
        self._buffer += data
        while self._buffer:
            packets = _interleaved_length(self._buffer)
            if packets:
                found.append(self._take(packets))
                continue
            if self._buffer[0] == _INTERLEAVED:
                break  # an incomplete packet
            if not self._looks_like_text():
                found.append(self._take(self._garbage_length()))
                continue
            message = self._message()
            if message is None:
                break
            found.append(message)
        return found

    def _take(self, length: int) -> bytes:
        taken = bytes(self._buffer[:length])
        del self._buffer[:length]
        return taken

    def _looks_like_text(self) -> bool:
        """Return whether the buffered bytes are, or can become, the start of a message."""
        front = bytes(self._buffer[:16])
        return any(front.startswith(word) or word.startswith(front) for word in _BEGINNINGS)

    def _garbage_length(self) -> int:
        candidates = [place for place in (self._buffer.find(b"$", 1), self._buffer.find(b"RTSP/", 1)) if place > 0]
        return min(candidates, default=len(self._buffer))

    def _message(self) -> Message | None:
        while self._buffer[:2] == b"\r\n":  # ignore empty lines before a message
            del self._buffer[:2]
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            if len(self._buffer) > _HEAD_LIMIT:
                raise NotRtspError("an RTSP message's header is too long")
            return None
        message = parse_head(bytes(self._buffer[:end]))
        length_text = message.get("Content-Length") or "0"
        if not length_text.isdigit() or int(length_text) > _BODY_LIMIT:
            raise NotRtspError("an RTSP message has an invalid length")
        whole = end + 4 + int(length_text)
        if len(self._buffer) < whole:
            return None
        message.body = bytes(self._buffer[end + 4 : whole])
        del self._buffer[:whole]
        return message
