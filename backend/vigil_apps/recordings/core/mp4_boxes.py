"""Read and write boxes of MP4 files (ISO/IEC 14496-12). Pure."""

import struct
from collections.abc import Iterator


class InvalidRecordingError(ValueError):
    """A recorded file is not a fragmented MP4 as the recorder writes them."""


def boxes(data: memoryview, first: int, last: int) -> Iterator[tuple[bytes, int, int, int]]:
    """Yield type, start, start of the content, and end of each box. Raises InvalidRecordingError."""
    while first < last:
        if last - first < 8:
            raise InvalidRecordingError("a box is cut off")
        size, kind = struct.unpack_from(">I4s", data, first)
        head = 8
        if size == 1:
            if last - first < 16:
                raise InvalidRecordingError("a box is cut off")
            size, head = struct.unpack_from(">Q", data, first + 8)[0], 16
        if size < head or first + size > last:
            raise InvalidRecordingError("a box is cut off")
        yield kind, first, first + head, first + size
        first += size


def child(data: memoryview, first: int, last: int, kind: bytes) -> tuple[int, int]:
    """Return start of the content and end of the first such box. Raises InvalidRecordingError."""
    for found, _, begin, end in boxes(data, first, last):
        if found == kind:
            return begin, end
    raise InvalidRecordingError(f"there is no box {kind.decode()}")


def box(kind: bytes, *parts: bytes) -> bytes:
    """Return a box."""
    size = 8 + sum(map(len, parts))
    return struct.pack(">I4s", size, kind) + b"".join(parts)


def full_box(kind: bytes, version: int, flags: int, *parts: bytes) -> bytes:
    """Return a box with version and flags."""
    return box(kind, struct.pack(">I", version << 24 | flags), *parts)
