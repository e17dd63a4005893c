"""Only keyframes are decoded while nobody needs more, and nothing is missing once somebody does."""

from dataclasses import dataclass
from typing import Any, cast

from cctv.streams.sparing import MAX_KEPT_PACKETS, SparingDecoder


@dataclass(frozen=True)
class Packet:
    number: int
    is_keyframe: bool = False
    size: int = 100


class Demand:
    is_wanted = False

    def __call__(self) -> bool:
        return self.is_wanted


def due(decoder: SparingDecoder, packet: Packet) -> list[int]:
    return [cast("Packet", one).number for one in decoder.due(cast("Any", packet))]


def test_packets_since_the_keyframe_are_decoded_when_wanted() -> None:
    demand = Demand()
    decoder = SparingDecoder(demand)
    assert due(decoder, Packet(0)) == [], "without a keyframe nothing can be decoded"
    assert due(decoder, Packet(1, is_keyframe=True)) == [1]
    assert [due(decoder, Packet(number)) for number in (2, 3)] == [[], []]
    demand.is_wanted = True
    assert due(decoder, Packet(4)) == [2, 3, 4]
    assert due(decoder, Packet(5)) == [5]
    demand.is_wanted = False
    assert due(decoder, Packet(6)) == []
    demand.is_wanted = True
    assert due(decoder, Packet(7)) == [6, 7], "no packet is left out, also after a pause"
    assert due(decoder, Packet(8, size=0)) == [8], "the end of the stream releases the decoder's frames"


def test_long_gap_between_keyframes_keeps_memory_bounded() -> None:
    demand = Demand()
    decoder = SparingDecoder(demand)
    due(decoder, Packet(0, is_keyframe=True))
    for number in range(MAX_KEPT_PACKETS + 1):
        due(decoder, Packet(number))
    demand.is_wanted = True
    assert due(decoder, Packet(9)) == [], "packets were dropped, so the next keyframe is awaited"
    assert due(decoder, Packet(10, is_keyframe=True)) == [10]
