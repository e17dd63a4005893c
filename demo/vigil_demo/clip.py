"""Read H.264 clips as access units made of NAL units, which RTP carries."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import av

NAL_TYPE_IDR = 5
NAL_TYPE_SPS = 7
NAL_TYPE_PPS = 8


@dataclass(frozen=True, slots=True)
class AccessUnit:
    """One encoded frame: NAL units without start codes, and the seconds since the clip's first frame."""

    nal_units: tuple[bytes, ...]
    timestamp_seconds: float
    is_keyframe: bool


@dataclass(frozen=True, slots=True)
class Clip:
    """A clip to stream. Each keyframe is preceded by the parameter sets, for clients that connect later."""

    access_units: tuple[AccessUnit, ...]
    duration_seconds: float
    sps: bytes
    pps: bytes


class InvalidClipError(ValueError):
    """The file contains no H.264 video that can be streamed; the message names what is missing."""


def load_clip(path: Path) -> Clip:
    """Read an H.264 clip from any container that libav supports. Raises `InvalidClipError`."""
    units: list[AccessUnit] = []
    with av.open(str(path)) as container:
        if not container.streams.video or container.streams.video[0].codec_context.name != "h264":
            raise InvalidClipError(f"{path.name}: must hold an H.264 video stream")
        stream = container.streams.video[0]
        frame_seconds = float(1 / (stream.average_rate or 10))
        parameter_sets = _Annexb(bytes(stream.codec_context.extradata or b""))
        to_annexb = av.BitStreamFilterContext("h264_mp4toannexb", stream)
        for packet in container.demux(stream):
            if packet.dts is None:
                continue
            seconds = float(packet.dts * packet.time_base)
            for filtered in to_annexb.filter(packet):
                nal_units = tuple(split_annexb(bytes(filtered)))
                parameter_sets.take(nal_units)
                units.append(AccessUnit(nal_units, seconds, bool(filtered.is_keyframe)))
    if not units or not parameter_sets.sps or not parameter_sets.pps:
        raise InvalidClipError(f"{path.name}: must contain frames and their parameter sets")
    first = units[0].timestamp_seconds
    units = [AccessUnit(unit.nal_units, unit.timestamp_seconds - first, unit.is_keyframe) for unit in units]
    duration = units[-1].timestamp_seconds + frame_seconds
    return Clip(tuple(units), duration, parameter_sets.sps, parameter_sets.pps)


class _Annexb:
    """Converts packets to NAL units and keeps the first parameter sets (ITU-T H.264, 7.3.2)."""

    def __init__(self, extradata: bytes) -> None:
        self.sps = b""
        self.pps = b""
        if extradata.startswith(b"\0\0"):
            self.take(tuple(split_annexb(extradata)))

    def take(self, nal_units: tuple[bytes, ...]) -> None:
        for nal_unit in nal_units:
            kind = nal_unit[0] & 0x1F
            if kind == NAL_TYPE_SPS and not self.sps:
                self.sps = nal_unit
            elif kind == NAL_TYPE_PPS and not self.pps:
                self.pps = nal_unit


def split_annexb(data: bytes) -> Iterator[bytes]:
    """Return the NAL units of a byte stream with start codes (ITU-T H.264, annex B)."""
    position = data.find(b"\0\0\1")
    while position >= 0:
        begin = position + 3
        position = data.find(b"\0\0\1", begin)
        nal_unit = data[begin:] if position < 0 else data[begin:position]
        # The zero byte of a four-byte start code and trailing zeros are not part of a NAL unit.
        nal_unit = nal_unit.rstrip(b"\0")
        if nal_unit:
            yield nal_unit
