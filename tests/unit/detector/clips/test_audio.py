"""Audio of a clip: its position relative to the video, and which packets are kept."""

from collections.abc import Callable

import av
import numpy as np
import pytest

from cctv.clips.audio import AudioBuffer, AudioError, AudioFormat, AudioPacket, AudioTrack, ShownPacket, make_track
from cctv.clips.packet_buffer import Packet

G711 = AudioFormat("pcm_mulaw", 8000, 1)
LOUD = bytes((0x80, 0x00)) * 400
"""A tenth of a second."""
RECEIVED, STREAM = 1000.0, 50.0
"""The moments of the first frame, by the monotonic clock and by the stream's timestamps."""


def video(seconds: float = 4.0) -> list[ShownPacket]:
    return [
        ShownPacket(at, Packet(b"", STREAM + at, STREAM + at, number == 0, RECEIVED + at))
        for number, at in enumerate(np.arange(0, seconds, 0.1).tolist())
    ]


def sound(
    first: float, last: float, *, pts: Callable[[float], float | None] = lambda at: STREAM + at, late: float = 0.0
) -> list[AudioPacket]:
    return [
        AudioPacket(LOUD, pts(at), RECEIVED + at + late)
        for at in (np.arange(round((last - first) * 10)) / 10 + first)
    ]


def loud_from_to(track: AudioTrack | None) -> tuple[float, float]:
    """Decode the track; return from when to when it is loud, in seconds."""
    assert track is not None
    decoder = av.CodecContext.create("aac", "r")
    decoder.extradata = track.format.extradata
    loud: list[float] = []
    for at, data in track.packets:
        for frame in decoder.decode(av.Packet(data)):
            samples = np.abs(frame.to_ndarray()[0])
            loud += [(at + place) / 8000 for place in np.flatnonzero(samples > 0.3)]
    return min(loud), max(loud)


@pytest.mark.parametrize(
    ("pts", "late"),
    [
        (lambda at: STREAM + at, 0.0),
        (lambda at: STREAM + at, 0.25),
        (lambda at: 900.0 + at, 0.0),
        (lambda _: None, 0.0),
        (lambda _: 7.0, 0.0),
        (lambda at: -5000.0 * at, 0.0),
    ],
    ids=["one clock", "encoded later", "another clock", "no timestamps", "standing still", "running back"],
)
def test_audio_is_placed_at_its_time(pts: Callable[[float], float | None], late: float) -> None:
    track = make_track(G711, sound(1.0, 2.5, pts=pts, late=late), video(), 4.0)
    assert loud_from_to(track) == pytest.approx((1.0, 2.5), abs=0.03)
    assert track is not None
    assert len(track.packets) * 1024 / 8000 - 0.128 == pytest.approx(4.0, abs=0.07), "as long as the video"


def test_burst_of_packets_is_placed_at_its_time() -> None:
    """A camera that sends each second's audio at once, without timestamps."""
    packets = [
        AudioPacket(one.data, None, RECEIVED + 2.0 + number // 10) for number, one in enumerate(sound(1.0, 3.0))
    ]
    assert loud_from_to(make_track(G711, packets, video(), 4.0)) == pytest.approx((1.0, 3.0), abs=0.13)


def test_lost_packets_leave_silence() -> None:
    packets = sound(0.0, 1.0) + sound(3.0, 4.0)
    track = make_track(G711, packets, video(), 4.0)
    begin, end = loud_from_to(track)
    assert (begin, end) == pytest.approx((0.0, 4.0), abs=0.07)


def test_audio_outside_the_clip_is_omitted() -> None:
    assert make_track(G711, sound(-3.0, -0.5), video(), 4.0) is None
    assert make_track(G711, sound(4.5, 6.0), video(), 4.0) is None
    assert make_track(G711, [], video(), 4.0) is None
    assert loud_from_to(make_track(G711, sound(-3.0, 9.0), video(), 4.0)) == pytest.approx((0.0, 4.0), abs=0.07)


def test_audio_that_cannot_be_decoded_is_reported() -> None:
    garbage = [
        AudioPacket(np.random.default_rng(n).bytes(200), STREAM + n / 10, RECEIVED + n / 10) for n in range(30)
    ]
    with pytest.raises(AudioError, match=r"of 30 audio packets cannot be decoded"):
        make_track(AudioFormat("aac", 16_000, 1, b"\x14\x08"), garbage, video(), 3.0)


def test_the_buffer_is_bounded() -> None:
    buffer = AudioBuffer(G711, 10 * len(LOUD))
    for packet in sound(0.0, 3.0):
        buffer.add(packet)
    assert [one.received_at for one in buffer.packets()] == pytest.approx([RECEIVED + 2 + n / 10 for n in range(10)])
    buffer.forget_before(RECEIVED + 2.45)
    assert len(buffer.packets()) == 5
