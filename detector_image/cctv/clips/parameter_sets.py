"""Collect the parameter sets of H.264 and H.265 streams, which a decoder needs before a keyframe.

They arrive in the SDP, in the stream, or in both, and change with the camera's resolution. A set with a known
identifier replaces the previous one (ITU-T H.264 7.4.1.2.1, H.265 7.4.2.4.2). Everything here works on Annex B byte
streams, as delivered by libav's RTSP client.
"""

from collections.abc import Iterator

_START_CODE = b"\x00\x00\x01"
_H264_SPS, _H264_PPS = 7, 8
_H265_VPS, _H265_SPS, _H265_PPS = 32, 33, 34
_KINDS = {"h264": (_H264_SPS, _H264_PPS), "hevc": (_H265_VPS, _H265_SPS, _H265_PPS)}
_SLICES = {"h264": range(1, 6), "hevc": range(32)}
"""Units of a picture. Parameter sets precede them in an access unit (H.264 7.4.1.2.3, H.265 7.4.2.4.4)."""
_PARSED_BYTES = 160
"""More bytes than any set has before its identifier: the longest is an H.265 SPS with 7 sub-layers."""
_MOST_SETS = 64
"""A stream with more sets than this is damaged: the oldest are dropped, so that memory stays bounded."""


class ParameterSets:
    """The sets in force in one stream. `codec`: libav's name, `h264` or `hevc`."""

    def __init__(self, codec: str, extradata: bytes | None = None) -> None:
        self._codec = codec
        self._sets: dict[tuple[int, int], bytes] = {}
        self._joined = b""
        self._is_complete = False
        if extradata:
            self.update(extradata)

    def update(self, data: bytes) -> None:
        """Add the sets of an access unit (Annex B). Damaged sets are skipped."""
        changed = False
        at = data.find(_START_CODE)
        while 0 <= at < len(data) - len(_START_CODE):
            begin = at + len(_START_CODE)
            kind = _kind(self._codec, data[begin])
            if kind in _SLICES[self._codec]:
                break  # what follows are slices, nearly all of the data
            at = data.find(_START_CODE, begin)
            if kind in _KINDS[self._codec] and self._add(kind, data[begin : at if at >= 0 else None].rstrip(b"\x00")):
                changed = True
        if changed:
            self._join()

    def _add(self, kind: int, unit: bytes) -> bool:
        """Add a set; return whether it is new or has changed."""
        try:
            key = kind, _identifier(self._codec, kind, unit)
        except IndexError:
            return False
        if self._sets.get(key) == unit:
            return False
        self._sets[key] = unit
        return True

    @property
    def is_complete(self) -> bool:
        """Return whether there is at least one set of each kind that a decoder needs."""
        return self._is_complete

    def joined(self) -> bytes:
        """Return all sets as Annex B in the decoder's order. Returns the same object until a set changes."""
        return self._joined

    def _join(self) -> None:
        while len(self._sets) > _MOST_SETS:
            self._sets.pop(next(iter(self._sets)))
        self._is_complete = {kind for kind, _ in self._sets} == set(_KINDS[self._codec])
        self._joined = b"".join(b"\x00" + _START_CODE + self._sets[key] for key in sorted(self._sets))


def nal_units(data: bytes) -> Iterator[bytes]:
    """Yield the NAL units of an Annex B byte stream, without start codes and trailing zeros."""
    begin = data.find(_START_CODE)
    while begin >= 0:
        begin += len(_START_CODE)
        end = data.find(_START_CODE, begin)
        unit = data[begin : end if end >= 0 else len(data)].rstrip(b"\x00")
        if unit:
            yield unit
        begin = end


def _kind(codec: str, header: int) -> int:
    return header & 0x1F if codec == "h264" else header >> 1 & 0x3F


def _identifier(codec: str, kind: int, unit: bytes) -> int:
    """Return the set's own identifier. Raises IndexError where the unit is too short to have one."""
    if codec == "h264":
        # An SPS begins with profile, constraints and level (H.264 7.3.2.1.1), a PPS with its identifier (7.3.2.2).
        return _Bits(unit[1:]).skip(24 if kind == _H264_SPS else 0).unsigned()
    bits = _Bits(unit[2:])
    if kind == _H265_VPS:
        return bits.read(4)
    if kind == _H265_SPS:
        bits.skip(4)
        _skip_profile_tier_level(bits)
    return bits.unsigned()


def _skip_profile_tier_level(bits: "_Bits") -> None:
    """H.265 7.3.2.2.1 and 7.3.3, from `sps_max_sub_layers_minus1` on."""
    sub_layers = bits.read(3)
    bits.skip(1 + 88 + 8)
    present = [(bits.read(1), bits.read(1)) for _ in range(sub_layers)]
    if sub_layers:
        bits.skip(2 * (8 - sub_layers))
    for has_profile, has_level in present:
        bits.skip(88 * has_profile + 8 * has_level)


class _Bits:
    """Reads the bits of a NAL unit's payload, without emulation prevention bytes (H.264 7.4.1)."""

    def __init__(self, payload: bytes) -> None:
        self._bytes = payload[:_PARSED_BYTES].replace(b"\x00\x00\x03", b"\x00\x00")
        self._at = 0

    def skip(self, count: int) -> "_Bits":
        self._at += count
        return self

    def read(self, count: int) -> int:
        value = 0
        for _ in range(count):
            value = value << 1 | self._bytes[self._at >> 3] >> (7 - self._at % 8) & 1
            self._at += 1
        return value

    def unsigned(self) -> int:
        """Read an Exp-Golomb code, ue(v) (H.264 9.1)."""
        zeros = 0
        while not self.read(1):
            zeros += 1
        return (1 << zeros) - 1 + self.read(zeros)
