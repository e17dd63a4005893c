"""The interface between a stream (or a file) and the reader that feeds the analysis."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import av


@dataclass(frozen=True, slots=True)
class StreamInfo:
    """What a stream declares about itself."""

    width: int
    height: int
    codec: str
    frames_per_second: float | None
    pixel_aspect: float = 1.0
    """A pixel's width divided by its height. `width` and `height` count the encoded pixels."""
    decoder: str = "software"
    """What has decoded the last frame: `software`, `nvdec`, `vaapi` or `qsv`."""


class PacketSource(Protocol):
    """One connection to one stream, without decoding. Used by one thread, except `interrupt`."""

    def open(self) -> StreamInfo:
        """Connect. Raises `StreamFault`."""

    def packets(self) -> Iterator[object]:
        """Yield the packets as they arrive and record them for clips. Always ends with a `StreamFault`."""

    def interrupt(self) -> None:
        """Unblock `open` or `packets`; callable from any thread."""

    def close(self) -> None:
        """Release all resources."""


class Source(Protocol):
    """One connection to one stream. Used by one thread, except `interrupt`."""

    def open(self) -> StreamInfo:
        """Connect. Raises `StreamFault`."""

    def frames(self) -> Iterator[av.VideoFrame]:
        """Yield the decoded frames in presentation order. Always ends with a `StreamFault`, even at a clean end."""

    def info(self) -> StreamInfo:
        """Return the current `StreamInfo`: cameras can change the resolution during a stream."""

    def received_at(self) -> float | None:
        """Return when the stream last delivered any data, on the monotonic clock; callable from any thread."""

    def interrupt(self) -> None:
        """Unblock `open` or `frames`; callable from any thread."""

    def close(self) -> None:
        """Release all resources."""
