"""Copy a connection's video packets, with the parameter sets that each of them needs."""

import av

from cctv.clips.packet_buffer import Packet
from cctv.clips.parameter_sets import ParameterSets


class PacketCopier:
    """One connection. `codec`: libav's name, `h264` or `hevc`; `extradata`: the parameter sets of the SDP, if any."""

    def __init__(self, codec: str, extradata: bytes | None = None) -> None:
        self._sets = ParameterSets(codec, extradata)
        self._tick_seconds: float | None = None

    @property
    def has_parameter_sets(self) -> bool:
        """Return whether the stream can be decoded."""
        return self._sets.is_complete

    def copy(self, packet: "av.Packet[av.VideoStream]", received_at: float) -> Packet | None:
        """Return a copy; None if the packet is empty, or cannot be decoded without parameter sets.

        `received_at`: on the monotonic clock.
        """
        if packet.size == 0:
            return None
        data = bytes(packet)
        self._sets.update(data)
        if not self._sets.is_complete:
            return None
        if self._tick_seconds is None:  # the same for all packets; PyAV creates a Fraction for each
            self._tick_seconds = float(packet.time_base or 0.0)
        tick, pts, dts = self._tick_seconds, packet.pts, packet.dts
        return Packet(
            data=data,
            pts=pts * tick if pts is not None and tick else None,
            dts=dts * tick if dts is not None and tick else None,
            is_keyframe=packet.is_keyframe,
            received_at=received_at,
            headers=self._sets.joined(),
        )
