"""Decode only keyframes until the frames between them are needed, and then catch up."""

from collections.abc import Callable

import av

MAX_KEPT_PACKETS, MAX_KEPT_BYTES = 600, 8 * 1024 * 1024
"""Packets since the last keyframe. With more, the next keyframe is awaited."""


class SparingDecoder:
    """Chooses the packets to decode. A frame between keyframes needs all packets since the last one."""

    def __init__(self, wants_frames: Callable[[], bool]) -> None:
        self._wants_frames = wants_frames
        self._kept: list[av.Packet[av.VideoStream]] = []
        self._kept_bytes = 0
        self._is_complete = False
        """Whether all packets since the last keyframe are decoded or kept."""

    def due(self, packet: "av.Packet[av.VideoStream]") -> "list[av.Packet[av.VideoStream]]":
        """Take the next packet and return those to decode now, in their order."""
        if packet.is_keyframe:
            self._forget(is_complete=True)
            return [packet]
        if not packet.size:  # the end of the stream: release what the decoder holds
            return [packet]
        if not self._is_complete:
            return []
        if self._wants_frames():
            due = [*self._kept, packet]
            self._forget(is_complete=True)
            return due
        self._kept.append(packet)
        self._kept_bytes += packet.size
        if len(self._kept) > MAX_KEPT_PACKETS or self._kept_bytes > MAX_KEPT_BYTES:
            self._forget(is_complete=False)
        return []

    def _forget(self, *, is_complete: bool) -> None:
        self._kept, self._kept_bytes, self._is_complete = [], 0, is_complete
