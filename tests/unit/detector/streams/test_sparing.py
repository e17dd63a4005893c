"""Only keyframes are decoded while nobody needs more, and nothing is missing once somebody does."""

from dataclasses import dataclass
from typing import Any, cast

from cctv.streams.sparing import MAX_KEPT_PACKETS, FrameDemand, SparingDecoder
from cctv.streams.stillness import StillnessWatch


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
    return [cast("Packet", one).number for one in decoder.due(cast("Any", packet), packet.number / 10).packets]


def test_packets_since_the_keyframe_are_decoded_when_wanted() -> None:
    demand = Demand()
    decoder = SparingDecoder(FrameDemand(demand))
    assert due(decoder, Packet(0)) == [], "without a keyframe nothing can be decoded"
    assert due(decoder, Packet(1, is_keyframe=True)) == [1]
    assert [due(decoder, Packet(number)) for number in (2, 3)] == [[], []]
    demand.is_wanted = True
    assert due(decoder, Packet(4)) == [1, 2, 3, 4], "with the keyframe, which another decoder has decoded"
    assert due(decoder, Packet(5)) == [5]
    demand.is_wanted = False
    assert due(decoder, Packet(6)) == []
    demand.is_wanted = True
    assert due(decoder, Packet(7)) == [6, 7], "no packet is left out, also after a pause"
    assert due(decoder, Packet(8, size=0)) == [8], "the end of the stream releases the decoder's frames"


def test_keyframes_that_follow_closely_are_decoded_only_if_wanted() -> None:
    demand, skipped = Demand(), list[None]()
    decoder = SparingDecoder(FrameDemand(demand, lambda: skipped.append(None)))
    decoded = [number for number in range(100) if due(decoder, Packet(number, number % 10 == 0))]
    assert decoded == [0, 30, 60, 90], "one in 2.5 s, although there is one each second"
    assert len(skipped) == 96
    demand.is_wanted = True
    assert due(decoder, Packet(100, is_keyframe=True)) == [100]
    demand.is_wanted = False
    assert [due(decoder, Packet(number, number == 110)) for number in range(101, 113)] == [[]] * 12
    demand.is_wanted = True
    assert due(decoder, Packet(113)) == [110, 111, 112, 113], "with the keyframe that was not decoded"
    assert due(decoder, Packet(120, is_keyframe=True)) == [120]


def test_keyframes_that_no_packet_follows_are_alone() -> None:
    demand = Demand()
    decoder = SparingDecoder(FrameDemand(demand))

    def is_alone(packet: Packet, decoder: SparingDecoder = decoder) -> bool:
        return decoder.due(cast("Any", packet), packet.number / 10).is_alone

    assert is_alone(Packet(0, is_keyframe=True))
    assert not is_alone(Packet(1))
    demand.is_wanted = True
    assert not is_alone(Packet(50, is_keyframe=True)), "the next packets are decoded after it"
    analysed = SparingDecoder(FrameDemand(lambda: False), StillnessWatch())
    assert not is_alone(Packet(0, is_keyframe=True), analysed), "the scene may move with the next packet"


def test_long_gap_between_keyframes_keeps_memory_bounded() -> None:
    demand = Demand()
    decoder = SparingDecoder(FrameDemand(demand))
    due(decoder, Packet(0, is_keyframe=True))
    for number in range(MAX_KEPT_PACKETS + 1):
        due(decoder, Packet(number))
    demand.is_wanted = True
    assert due(decoder, Packet(9)) == [], "packets were dropped, so the next keyframe is awaited"
    assert due(decoder, Packet(10, is_keyframe=True)) == [10]


def test_still_scene_is_decoded_at_keyframes_until_packets_grow() -> None:
    skipped: list[None] = []
    decoder = SparingDecoder(FrameDemand(lambda: False, lambda: skipped.append(None)), StillnessWatch())
    decoded = [number for number in range(300) if due(decoder, Packet(number, number % 20 == 0))]
    assert set(range(0, 300, 20)) <= set(decoded), "each keyframe is decoded"
    assert max(number for number in decoded if number % 20) < 150, "until the usual sizes are known, all are"
    assert len(skipped) == 300 - len(decoded)
    assert due(decoder, Packet(300, is_keyframe=True)) == [300]
    assert [due(decoder, Packet(number)) for number in (301, 302)] == [[], []]
    assert due(decoder, Packet(303, size=300)) == [301, 302, 303], "the larger packet wakes the decoder"


def test_analysed_stream_is_decoded_before_its_first_keyframe() -> None:
    decoder = SparingDecoder(FrameDemand(lambda: True), StillnessWatch())
    assert [due(decoder, Packet(number)) for number in range(3)] == [[0], [1], [2]]
