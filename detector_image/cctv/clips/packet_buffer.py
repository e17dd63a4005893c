"""Keep the encoded packets of a stream's last seconds and select those of a clip. Pure; not thread-safe."""

from collections import deque
from dataclasses import dataclass, field

from cctv.clips.parameter_sets import nal_units

_LEADING_SECONDS = 2.0
"""A frame that is shown earlier than its keyframe by more than this is no leading frame: the clock has jumped."""
_H264_IDR, _H265_IDR = 5, frozenset({19, 20})
_EVENT_SLACK_SECONDS = 1.0
"""An event has the time of its decoded frame, which is later than that of the packet with it."""


@dataclass(frozen=True, slots=True)
class Packet:
    """One packet as received; `pts` and `dts` in seconds of the stream, `received_at` on the monotonic clock.

    `headers`: the parameter sets in force (Annex B); packets share one object until they change.
    """

    data: bytes
    pts: float | None
    dts: float | None
    is_keyframe: bool
    received_at: float
    headers: bytes = b""


@dataclass(slots=True)
class Group:
    """A keyframe and the packets up to the next one."""

    packets: list[Packet] = field(default_factory=list)
    size_bytes: int = 0

    def add(self, packet: Packet) -> None:
        self.packets.append(packet)
        self.size_bytes += len(packet.data)

    @property
    def first_received_at(self) -> float:
        return self.packets[0].received_at

    @property
    def last_received_at(self) -> float:
        return self.packets[-1].received_at


class PacketBuffer:
    """Groups of pictures of the last seconds, oldest first. `size_bytes` is the size of all packets."""

    def __init__(self) -> None:
        self._groups: deque[Group] = deque()
        self.size_bytes = 0

    def add(self, packet: Packet) -> None:
        """Store the packet. Packets before the first keyframe cannot be decoded and are skipped."""
        if packet.is_keyframe:
            self._groups.append(Group())
        if not self._groups:
            return
        self._groups[-1].add(packet)
        self.size_bytes += len(packet.data)

    def forget_before(self, received_at: float) -> None:
        """Drop the groups that had ended by then."""
        while len(self._groups) > 1 and self._groups[1].first_received_at <= received_at:
            self.drop_oldest()

    def drop_oldest(self) -> None:
        """Drop the oldest group."""
        self.size_bytes -= self._groups.popleft().size_bytes

    @property
    def begins_at(self) -> float | None:
        """Return when the oldest packet was received; None if there is none."""
        return self._groups[0].first_received_at if self._groups else None

    @property
    def second_begins_at(self) -> float | None:
        """Return when the second oldest group begins; None if there is none."""
        return self._groups[1].first_received_at if len(self._groups) > 1 else None

    def begin_of(self, first: float) -> Packet | None:
        """Return the keyframe with which `between` begins; None if nothing was received since then."""
        return next((group.packets[0] for group in self._groups if group.last_received_at >= first), None)

    def between(self, first: float, last: float) -> list[Packet]:
        """Return the packets received from the keyframe before `first` until `last`."""
        kept: list[Packet] = []
        for group in self._groups:
            if group.last_received_at >= first:
                kept += [packet for packet in group.packets if packet.received_at <= last]
        return kept


def begins_anew(packet: Packet, codec: str) -> bool:
    """Return whether no frame after this keyframe needs one before it, as in a closed group of pictures.

    `codec`: libav's name. Its slices are those of an IDR picture (ITU-T H.264 and H.265, 7.4.2.4.4 and 7.4.2.2).
    """
    if codec == "h264":
        return any(unit[0] & 0x1F == _H264_IDR for unit in nal_units(packet.data) if unit)
    return any(unit[0] >> 1 & 0x3F in _H265_IDR for unit in nal_units(packet.data) if unit)


def without_leading(packets: list[Packet]) -> list[Packet]:
    """Return the packets without the first keyframe's leading frames.

    In an open group of pictures they follow the keyframe, are shown before it and refer to the group before it, which
    a clip does not contain: a decoder shows garbage, and Chromium reports an error.
    """
    if not packets:
        return []
    key, *others = packets
    number = 0
    for number, packet in enumerate(others):  # noqa: B007 - the number is where the leading frames end
        if key.pts is None or packet.pts is None or not 0.0 < key.pts - packet.pts < _LEADING_SECONDS:
            break
    return [key, *others[number:]]


def fitting(packets: list[Packet], event_at: float, max_bytes: int) -> list[Packet]:
    """Return the packets around the event within `max_bytes`: older groups are dropped first, then the end.

    Empty if the packets do not contain the event, or if it is too far from its keyframe for that size.
    """
    starts = [
        number for number, packet in enumerate(packets) if packet.is_keyframe and packet.received_at <= event_at
    ]
    if not starts or packets[-1].received_at < event_at - _EVENT_SLACK_SECONDS:
        return []
    total = sum(len(packet.data) for packet in packets)
    first = 0
    for start in starts:
        if total <= max_bytes:
            break
        total -= sum(len(packet.data) for packet in packets[first:start])
        first = start
    kept = packets[first:]
    while total > max_bytes:
        total -= len(kept.pop().data)
    return kept if kept and kept[-1].received_at >= min(event_at, packets[-1].received_at) else []
