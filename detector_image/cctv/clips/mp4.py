"""Write packets of H.264 or H.265 as a clip's MP4 (ISO/IEC 14496-12), without re-encoding."""

import io
from collections.abc import Callable, Iterator
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from typing import Any, cast

import av

from cctv.clips.audio import AudioTrack, ShownPacket
from cctv.clips.mp4_audio import add_audio, audio_packets
from cctv.clips.open_gop import without_lost_references
from cctv.clips.packet_buffer import Packet, without_leading
from cctv.common.frame import MAX_PIXELS, pixel_aspect_of
from cctv.common.timestamps import is_plausible

SAMPLE_ENTRIES = {"h264": "avc1", "hevc": "hvc1"}
"""The codecs that browsers play from an MP4, and the sample entry that they require."""
_CHANGING_SAMPLE_ENTRIES = {"h264": "avc1", "hevc": "hev1"}
"""The same for packets whose parameter sets change: libav strips the sets from samples of `hvc1`, but not from those
of the others."""

_TIME_BASE = Fraction(1, 90_000)
_JUDGED_SECONDS = 2.0
"""Within a shorter time, packets sent in a burst look like wrong timestamps."""
_INDEX_BYTES, _INDEX_BYTES_PER_PACKET = 8192, 48
"""Space per packet for the `moov` box before the media: more than one entry of stts, ctts, stsz, stss, stsc and
co64."""


MakeAudio = Callable[[list[ShownPacket], float], AudioTrack | None]
"""Creates the audio for a clip of this video and duration in seconds; None: no audio."""


def mux(
    packets: list[Packet], codec: str, display_aspect: Fraction | None = None, make_audio: MakeAudio | None = None
) -> tuple[bytes, float]:
    """Return the packets as an MP4 and its duration in seconds.

    `display_aspect`: width divided by height as shown, instead of what the packets declare. It is written as the
    pixel aspect ratio (the `pasp` box), which players prefer to that of the packets.

    The index precedes the media, so that a player knows the duration immediately. Timestamps of cameras jump, repeat
    or are missing, but a player requires increasing ones. Each packet keeps its distance from the previous one if
    that is plausible; otherwise the distance of their arrival is used.

    Raises ValueError if the parameter sets describe no frame, av.error.FFmpegError if libav cannot write the clip.
    """
    kept = without_leading(_with_sane_times(packets))
    if codec == "h264":
        kept = without_lost_references(kept)
    headers = kept[0].headers
    audio = make_audio(_shown_packets(kept), _shown_seconds(kept)) if make_audio is not None else None
    entries = _CHANGING_SAMPLE_ENTRIES if any(one.headers is not headers for one in kept) else SAMPLE_ENTRIES
    output_file = io.BytesIO()
    count = len(kept) + (len(audio.packets) if audio is not None else 0)
    options = {"moov_size": str(_INDEX_BYTES + len(headers) + _INDEX_BYTES_PER_PACKET * count)}
    # The stream's description dates from the start of the connection; this one is read from the first frame.
    limit = {"max_pixels": str(MAX_PIXELS)}
    with av.open(io.BytesIO(headers + kept[0].data), format=codec, options=limit) as description:
        template = description.streams.video[0]
        if not template.codec_context.width:
            raise ValueError("the parameter sets describe no picture")
        with av.open(output_file, "w", format="mp4", options=options) as output:
            stream = output.add_stream_from_template(template)
            stream.codec_context.codec_tag = entries[codec]
            stream.time_base = _TIME_BASE
            if display_aspect is not None:
                size = template.codec_context.width, template.codec_context.height
                stream.codec_context.sample_aspect_ratio = pixel_aspect_of(display_aspect, *size)
            written: list[av.Packet[Any]] = [*_video_packets(stream, kept)]
            if audio is not None:
                written += audio_packets(add_audio(output, audio.format), audio)
            for packet in sorted(written, key=_decoding_seconds):
                output.mux(packet)
    return output_file.getvalue(), _seconds(kept)


def _video_packets(stream: av.VideoStream, packets: list[Packet]) -> "list[av.Packet[Any]]":
    times, delays = _timeline(packets)
    made: list[av.Packet[Any]] = []
    for packet, at_ticks, delay_ticks in zip(packets, times, delays, strict=True):
        written = av.Packet(packet.data)
        written.stream, written.time_base = stream, _TIME_BASE
        # The first frame is shown at 0; frames decoded before it have a negative time and an edit list.
        written.dts = at_ticks - delays[0]
        written.pts = written.dts + delay_ticks
        written.is_keyframe = packet.is_keyframe
        made.append(written)
    return made


def _decoding_seconds(packet: "av.Packet[Any]") -> float:
    return float(cast("int", packet.dts) * packet.time_base)


def _with_sane_times(packets: list[Packet]) -> list[Packet]:
    """Return the packets, without timestamps if those advanced at a different rate than the packets arrived."""
    dts = [packet.dts for packet in packets if packet.dts is not None]
    elapsed = packets[-1].received_at - packets[0].received_at
    does_stand = len(dts) > 2 and len(set(dts)) == 1
    if not does_stand and (len(dts) < 2 or elapsed < _JUDGED_SECONDS or is_plausible(sum(_sane_steps(dts)), elapsed)):
        return packets
    return [replace(packet, pts=None, dts=None) for packet in packets]


def _sane_steps(times: list[float]) -> Iterator[float]:
    return (later - earlier for earlier, later in pairwise(times) if 0.0 < later - earlier < 5.0)


def _timeline(packets: list[Packet]) -> tuple[list[int], list[int]]:
    """Return increasing decoding times in ticks, and each packet's presentation offset."""
    times: list[int] = []
    delays: list[int] = []
    at = 0.0
    for former, packet in zip([None, *packets], packets, strict=False):
        if former is not None:
            at += _distance(former, packet)
        ticks = round(at / _TIME_BASE)
        times.append(max(ticks, times[-1] + 1) if times else ticks)
        known = packet.pts is not None and packet.dts is not None
        delay = cast("float", packet.pts) - cast("float", packet.dts) if known else 0.0
        delays.append(round(delay / _TIME_BASE) if 0.0 <= delay < 1.0 else 0)
    return times, delays


def _distance(former: Packet, packet: Packet) -> float:
    """Return the seconds from one packet to the next: none between two packets of the same moment.

    Cameras give a keyframe and what they send before it the same timestamp, but the keyframe takes long to arrive.
    """
    if former.dts is not None and packet.dts is not None and 0.0 <= packet.dts - former.dts < 5.0:
        return packet.dts - former.dts
    return max(0.001, min(5.0, packet.received_at - former.received_at))


def _seconds(packets: list[Packet]) -> float:
    return sum(_distance(former, packet) for former, packet in pairwise(packets))


def _shown_packets(packets: list[Packet]) -> list[ShownPacket]:
    times, delays = _timeline(packets)
    return [
        ShownPacket(float((at - delays[0] + delay) * _TIME_BASE), packet)
        for packet, at, delay in zip(packets, times, delays, strict=True)
    ]


def _shown_seconds(packets: list[Packet]) -> float:
    """Return the duration including the last frame, which is shown as long as the previous one."""
    return _seconds(packets) + (_distance(*packets[-2:]) if len(packets) > 1 else 0.0)
