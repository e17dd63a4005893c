"""Decode only keyframes until the frames between them are needed, and then catch up."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import av

from cctv.streams.stillness import StillnessWatch

MAX_KEPT_PACKETS, MAX_KEPT_BYTES = 600, 8 * 1024 * 1024
"""Packets since the last keyframe. With more, the next keyframe is awaited."""
KEYFRAME_SECONDS = 2.5
"""The least time between decoded keyframes of a stream that is not analysed, while nothing asks for frames.

Previews of recordings use them, at least one for each file (`SEGMENT_SECONDS`), and the detection of frozen streams.
"""


@dataclass(frozen=True, slots=True)
class FrameDemand:
    """What is done with the frames of a stream; called by the reading thread."""

    wants_frames: Callable[[], bool]
    """Whether all frames are needed now."""
    on_skipped: Callable[[], None] = lambda: None
    """Called for each frame that is not decoded."""


@dataclass(frozen=True, slots=True)
class Due:
    """The packets to decode now, in their order."""

    packets: "Sequence[av.Packet[av.VideoStream]]" = ()
    is_alone: bool = False
    """It is one keyframe whose decoder is not needed afterwards: if more is due later, so is the keyframe again."""


_NOTHING = Due()
"""Shared, since most packets are skipped."""


class SparingDecoder:
    """Chooses the packets to decode. A frame between keyframes needs all packets since the last one.

    `watch`: the stream is analysed: decode each keyframe, and all while packet sizes tell of motion; None: `demand`
    alone decides, and otherwise a keyframe now and then is enough.
    """

    def __init__(self, demand: FrameDemand, watch: StillnessWatch | None = None) -> None:
        self._demand, self._watch = demand, watch
        self._kept: list[av.Packet[av.VideoStream]] = []
        self._kept_bytes = 0
        self._decoded_at = float("-inf")
        """When the last keyframe was decoded."""
        self._is_complete = watch is not None
        """Whether all packets since the last keyframe are decoded or kept.

        An analysed stream is decoded from its first packet on: some encoders refresh the picture without keyframes.
        """

    def due(self, packet: "av.Packet[av.VideoStream]", seconds: float) -> Due:
        """Take the next packet and return those to decode now. `seconds`: on the monotonic clock."""
        is_wanted = self._is_wanted(packet, seconds)
        if packet.is_keyframe:
            self._forget(is_complete=True)
            if is_wanted or self._watch is not None or seconds - self._decoded_at >= KEYFRAME_SECONDS:
                self._decoded_at = seconds
                is_alone = not is_wanted and self._watch is None
                if is_alone:  # those that follow need it, if they are decoded later
                    self._keep(packet)
                return Due([packet], is_alone=is_alone)
        if not packet.size:  # the end of the stream: release what the decoder holds
            return Due([packet])
        if is_wanted and self._is_complete:
            due = [*self._kept, packet]
            self._forget(is_complete=True)
            return Due(due)
        self._demand.on_skipped()
        if self._is_complete:
            self._keep(packet)
        return _NOTHING

    def _is_wanted(self, packet: "av.Packet[av.VideoStream]", seconds: float) -> bool:
        is_wanted = self._demand.wants_frames()
        if self._watch is None or not packet.size:
            return is_wanted
        self._watch.note(packet.size, is_keyframe=packet.is_keyframe, seconds=seconds, is_calm=not is_wanted)
        return is_wanted or not self._watch.is_still(seconds)

    def _keep(self, packet: "av.Packet[av.VideoStream]") -> None:
        self._kept.append(packet)
        self._kept_bytes += packet.size
        if len(self._kept) > MAX_KEPT_PACKETS or self._kept_bytes > MAX_KEPT_BYTES:
            self._forget(is_complete=False)

    def _forget(self, *, is_complete: bool) -> None:
        self._kept, self._kept_bytes, self._is_complete = [], 0, is_complete
