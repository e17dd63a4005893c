"""Where pictures come from: the interface between a stream (or a file) and the reader that feeds analysis."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import av


@dataclass(frozen=True, slots=True)
class StreamInfo:
    """What a stream says about itself."""

    width: int
    height: int
    codec: str
    frames_per_second: float | None
    pixel_aspect: float = 1.0
    """A pixel's width divided by its height. `width` and `height` count the encoded pixels."""


class PacketSource(Protocol):
    """One try at one stream, of which nothing is decoded. Used by one thread, but for `interrupt`."""

    def open(self) -> StreamInfo:
        """Connects. Raises `StreamFault`."""

    def packets(self) -> Iterator[object]:
        """The packets as they come, kept for clips on their way; ends by `StreamFault`, a clean end included."""

    def interrupt(self) -> None:
        """Makes a blocked `open` or `packets` end soon; from any thread."""

    def close(self) -> None:
        """Gives everything back."""


class Source(Protocol):
    """One try at one stream. Used by one thread, but for `interrupt`."""

    def open(self) -> StreamInfo:
        """Connects. Raises `StreamFault`."""

    def pictures(self) -> Iterator[av.VideoFrame]:
        """The decoded pictures, in the order of their showing; ends by `StreamFault`, a clean end included."""

    def info(self) -> StreamInfo:
        """As `open` returned it, but of now: cameras change resolution in the middle of a stream."""

    def received_at(self) -> float | None:
        """When the stream last sent anything, by the monotonic clock, decoded or not; from any thread."""

    def interrupt(self) -> None:
        """Makes a blocked `open` or `pictures` end soon; from any thread."""

    def close(self) -> None:
        """Gives everything back."""
