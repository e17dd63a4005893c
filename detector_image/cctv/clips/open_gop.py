"""Make an H.264 clip from the middle of a stream decodable for strict decoders such as Chromium's.

A stream with open groups of pictures has one IDR frame, at its start; later keyframes are I frames with a recovery
point. No frame after such a keyframe needs an older frame, but two kinds of data still refer to older ones:

- Commands to discard older frames (memory management control operation 1, ITU-T H.264 7.4.3.3). A strict decoder
reports an error if it never had the frame. These commands are removed.
- A first `frame_num` other than 0 looks like lost frames, which libav replaces by generated ones. Without the
commands, these would stay in the reference lists. So the clip's numbers start at 0; all other numbers in the stream
are differences.
"""

import re
from dataclasses import dataclass, replace

from cctv.clips.packet_buffer import Packet
from cctv.clips.parameter_sets import nal_units

_START_CODE = b"\x00\x00\x00\x01"
_SLICE, _IDR_SLICE, _SPS, _PPS = 1, 5, 7, 8
_P, _B, _I = 0, 1, 2
_HEAD_BYTES = 32
"""More bytes than any slice has up to the end of its `frame_num`."""
_WITH_CHROMA_FORMAT = frozenset({44, 83, 86, 100, 110, 118, 122, 128, 134, 135, 138, 139, 244})
"""Profiles whose SPS has `chroma_format_idc` and what follows it (7.3.2.1.1)."""


class UnsupportedStreamError(ValueError):
    """The stream uses what this module does not read: fields, slice groups or switching slices."""


class BitReader:
    """Reads the bits of a NAL unit's payload. `at`: position of the next bit. Raises IndexError beyond the end."""

    def __init__(self, payload: bytes) -> None:
        self.bytes = payload.replace(b"\x00\x00\x03", b"\x00\x00")  # emulation prevention (7.4.1)
        self.at = 0

    def bit(self) -> int:
        """Return the next bit."""
        value = self.bytes[self.at >> 3] >> (7 - self.at % 8) & 1
        self.at += 1
        return value

    def read(self, count: int) -> int:
        """Return the next bits as a number."""
        value = 0
        for _ in range(count):
            value = value << 1 | self.bit()
        return value

    def unsigned(self) -> int:
        """Read an Exp-Golomb code, ue(v) (9.1)."""
        zeros = 0
        while not self.bit():
            zeros += 1
        return (1 << zeros) - 1 + self.read(zeros)

    def signed(self) -> int:
        """Read se(v) (9.1.1)."""
        code = self.unsigned()
        return (code + 1) // 2 if code % 2 else -code // 2


@dataclass(frozen=True, slots=True)
class _Sps:
    has_colour_planes: bool
    has_chroma: bool
    frame_num_bits: int
    order_count_type: int
    order_count_bits: int
    has_no_order_deltas: bool
    is_frames_only: bool


@dataclass(frozen=True, slots=True)
class _Pps:
    sps: int
    is_cabac: bool
    has_bottom_order: bool
    reference_counts: tuple[int, int]
    is_weighted: bool
    is_b_weighted: bool
    has_deblocking: bool
    has_redundant_count: bool


@dataclass(frozen=True, slots=True)
class _Slice:
    """The required fields of a slice header. Positions are in bits of its payload without emulation prevention."""

    frame_num: int
    frame_num_from: int
    frame_num_bits: int
    is_cabac: bool
    forgets: tuple[int, ...]
    """`difference_of_pic_nums_minus1` of each operation 1; no other operation is read."""
    marking_from: int
    marking_to: int
    header_to: int


def without_lost_references(packets: list[Packet]) -> list[Packet]:
    """Return the packets of an H.264 clip as if the stream had begun with the first one.

    A clip that begins with an IDR frame, or whose stream cannot be read here, is returned as it is.
    """
    made: list[Packet] = []
    try:
        start = _Start(packets[0])
        for packet in packets:
            units = list(nal_units(packet.data))
            if any(_kind(unit) == _IDR_SLICE for unit in units):
                break
            made.append(replace(packet, data=start.joined(packet.headers, units)))
    except (IndexError, KeyError, UnsupportedStreamError):
        return packets
    return made + packets[len(made) :]


class _Start:
    """Rewrites the frames from a clip's first one up to the next IDR frame."""

    def __init__(self, first: Packet) -> None:
        self._parameters = _Parameters(first.headers)
        self._first: int | None = None
        self._newest = 0
        """The number of the newest frame, counted from the first; unlike `frame_num`, it does not wrap around."""

    def joined(self, headers: bytes, units: list[bytes]) -> bytes:
        """Return one frame's units, rewritten, as a byte stream."""
        if headers is not self._parameters.headers:
            self._parameters = _Parameters(headers)
        slices = [(unit, self._parameters.slice_of(unit)) for unit in units if _kind(unit) == _SLICE]
        if slices:
            self._count(slices[0][1])
        rewritten = iter([self._rewrite(unit, header) for unit, header in slices])
        return b"".join(_START_CODE + (next(rewritten) if _kind(unit) == _SLICE else unit) for unit in units)

    def _count(self, header: _Slice) -> None:
        if self._first is None:
            self._first = header.frame_num
        number = header.frame_num - self._first
        self._newest += (number - self._newest) % (1 << header.frame_num_bits)

    def _rewrite(self, unit: bytes, header: _Slice) -> bytes:
        payload = BitReader(unit[1:]).bytes
        kept = tuple(one for one in header.forgets if one < self._newest)  # the first frame is number 0
        number = self._newest % (1 << header.frame_num_bits)
        head = f"{int.from_bytes(payload[:_HEAD_BYTES], 'big'):0{8 * len(payload[:_HEAD_BYTES])}b}"
        end = header.frame_num_from + header.frame_num_bits
        head = head[: header.frame_num_from] + f"{number:0{header.frame_num_bits}b}" + head[end:]
        payload = int(head, 2).to_bytes(len(head) // 8, "big") + payload[_HEAD_BYTES:]
        if kept != header.forgets:
            payload = _with_marking(payload, header, kept)
        return unit[:1] + re.sub(rb"\x00\x00(?=[\x00-\x03])", b"\x00\x00\x03", payload)


def _kind(unit: bytes) -> int:
    return unit[0] & 0x1F


def _with_marking(payload: bytes, header: _Slice, kept: tuple[int, ...]) -> bytes:
    """Return the slice with these commands instead of its own (dec_ref_pic_marking, 7.3.3.3)."""
    bits = f"{int.from_bytes(payload, 'big'):0{8 * len(payload)}b}"
    marking = "1" + "".join(_code(1) + _code(one) for one in kept) + _code(0) if kept else "0"
    written = bits[: header.marking_from] + marking
    if header.is_cabac:  # the data is byte-aligned, after one bits (7.3.4)
        written += bits[header.marking_to : header.header_to]
        written += "1" * (-len(written) % 8) + bits[header.header_to + -header.header_to % 8 :]
    else:
        written += bits[header.marking_to :].rstrip("0")  # the last one is the stop bit (7.3.2.11)
        written += "0" * (-len(written) % 8)
    return int(written, 2).to_bytes(len(written) // 8, "big")


def _code(number: int) -> str:
    """Return ue(v) (9.1)."""
    digits = f"{number + 1:b}"
    return "0" * (len(digits) - 1) + digits


class _Parameters:
    """The parameter sets of some packets; reads the headers of their slices."""

    def __init__(self, headers: bytes) -> None:
        self.headers = headers
        units = list(nal_units(headers))
        self._sps = dict(_read_sps(BitReader(unit[1:])) for unit in units if _kind(unit) == _SPS)
        self._pps = dict(_read_pps(BitReader(unit[1:])) for unit in units if _kind(unit) == _PPS)

    def slice_of(self, unit: bytes) -> _Slice:
        """Read a slice's header (7.3.3). Raises UnsupportedStreamError, IndexError or KeyError."""
        bits = BitReader(unit[1:])
        bits.unsigned()  # first_mb_in_slice
        kind = bits.unsigned() % 5
        pps = self._pps[bits.unsigned()]
        sps = self._sps[pps.sps]
        if kind not in {_P, _B, _I}:
            raise UnsupportedStreamError
        if sps.has_colour_planes:
            bits.read(2)
        frame_num_from, frame_num = bits.at, bits.read(sps.frame_num_bits)
        if not sps.is_frames_only and bits.bit():
            raise UnsupportedStreamError
        _skip_order_count(bits, sps, pps)
        _skip_references(bits, sps, pps, kind)
        marking_from = bits.at
        forgets = _read_marking(bits) if unit[0] & 0x60 else ()  # only reference frames have commands
        marking_to = bits.at
        if pps.is_cabac and kind != _I:
            bits.unsigned()  # cabac_init_idc
        bits.signed()  # slice_qp_delta
        if pps.has_deblocking and bits.unsigned() != 1:
            bits.signed()
            bits.signed()
        return _Slice(
            frame_num, frame_num_from, sps.frame_num_bits, pps.is_cabac, forgets, marking_from, marking_to, bits.at
        )


def _skip_order_count(bits: BitReader, sps: _Sps, pps: _Pps) -> None:
    if sps.order_count_type == 0:
        bits.read(sps.order_count_bits)
        if pps.has_bottom_order:
            bits.signed()
    elif sps.order_count_type == 1 and not sps.has_no_order_deltas:
        bits.signed()
        if pps.has_bottom_order:
            bits.signed()
    if pps.has_redundant_count:
        bits.unsigned()


def _skip_references(bits: BitReader, sps: _Sps, pps: _Pps, kind: int) -> None:
    """Skip the number, order and weights of reference frames (7.3.3.1, 7.3.3.2)."""
    if kind == _I:
        return
    if kind == _B:
        bits.bit()  # direct_spatial_mv_pred_flag
    lists = 2 if kind == _B else 1
    counts = pps.reference_counts[:lists]
    if bits.bit():
        counts = tuple(bits.unsigned() + 1 for _ in range(lists))
    for _ in range(lists):
        if bits.bit():
            while bits.unsigned() != 3:
                bits.unsigned()
    if (pps.is_weighted and kind == _P) or (pps.is_b_weighted and kind == _B):
        _skip_weights(bits, sps, counts)


def _skip_weights(bits: BitReader, sps: _Sps, counts: tuple[int, ...]) -> None:
    bits.unsigned()
    if sps.has_chroma:
        bits.unsigned()
    for _ in range(sum(counts)):
        for numbers in (2, 4) if sps.has_chroma else (2,):
            if bits.bit():
                for _ in range(numbers):
                    bits.signed()


def _read_marking(bits: BitReader) -> tuple[int, ...]:
    """Read the commands of a non-IDR frame to discard older frames (7.3.3.3)."""
    forgets: list[int] = []
    if bits.bit():
        while operation := bits.unsigned():
            if operation != 1:  # long-term references: no encoder with open groups is known to use them
                raise UnsupportedStreamError
            forgets.append(bits.unsigned())
    return tuple(forgets)


def _read_sps(bits: BitReader) -> tuple[int, _Sps]:
    """Return the set's identifier and the set (7.3.2.1.1)."""
    profile = bits.read(8)
    bits.read(16)
    identifier, chroma_format, has_colour_planes = bits.unsigned(), 1, False
    if profile in _WITH_CHROMA_FORMAT:
        chroma_format = bits.unsigned()
        has_colour_planes = chroma_format == 3 and bool(bits.bit())
        bits.unsigned()
        bits.unsigned()
        bits.bit()
        _skip_scaling_lists(bits, 12 if chroma_format == 3 else 8)
    frame_num_bits, order_count_type, order_count_bits, has_no_deltas = bits.unsigned() + 4, bits.unsigned(), 0, False
    if order_count_type == 0:
        order_count_bits = bits.unsigned() + 4
    elif order_count_type == 1:
        has_no_deltas = bool(bits.bit())
        for _ in range(2):
            bits.signed()
        for _ in range(bits.unsigned()):
            bits.signed()
    bits.unsigned()
    bits.bit()
    bits.unsigned()
    bits.unsigned()
    has_chroma = chroma_format != 0 and not has_colour_planes
    return identifier, _Sps(
        has_colour_planes,
        has_chroma,
        frame_num_bits,
        order_count_type,
        order_count_bits,
        has_no_deltas,
        bool(bits.bit()),
    )


def _skip_scaling_lists(bits: BitReader, count: int) -> None:
    """Skip seq_scaling_matrix_present_flag and its lists (7.3.2.1.1.1)."""
    if not bits.bit():
        return
    for number in range(count):
        if bits.bit():
            last = following = 8
            for _ in range(16 if number < 6 else 64):
                if following:
                    following = (last + bits.signed()) % 256
                last = following or last


def _read_pps(bits: BitReader) -> tuple[int, _Pps]:
    """Return the set's identifier and the set (7.3.2.2)."""
    identifier, sps = bits.unsigned(), bits.unsigned()
    is_cabac, has_bottom_order = bool(bits.bit()), bool(bits.bit())
    if bits.unsigned():  # num_slice_groups_minus1
        raise UnsupportedStreamError
    counts = bits.unsigned() + 1, bits.unsigned() + 1
    is_weighted, is_b_weighted = bool(bits.bit()), bits.read(2) == 1
    bits.signed()
    bits.signed()
    bits.signed()
    has_deblocking = bool(bits.bit())
    bits.bit()
    return identifier, _Pps(
        sps, is_cabac, has_bottom_order, counts, is_weighted, is_b_weighted, has_deblocking, bool(bits.bit())
    )
