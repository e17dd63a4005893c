"""Join recorded files (fragmented MP4, one video track) into one plain MP4 without transcoding.

Times are copied from the fragments, so a gap between two files keeps its length. The sample tables follow the data,
since their size is only known then.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import groupby, pairwise
from typing import BinaryIO

from vigil_apps.recordings.core.mp4_boxes import InvalidRecordingError, box, boxes, child, full_box

_NOT_SYNC = 0x10000


@dataclass(frozen=True, slots=True)
class _Track:
    """What the `moov` box of the first file says about its track."""

    timescale: int
    movie_timescale: int
    moov: bytes
    duration: int
    size: int
    flags: int


@dataclass(slots=True)
class _Tables:
    """The frames written so far, and the places of their data."""

    times: list[int] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)
    shifts: list[int] = field(default_factory=list)
    keys: list[int] = field(default_factory=list)
    offsets: list[int] = field(default_factory=list)
    runs: list[tuple[int, int]] = field(default_factory=list)
    last_duration: int = 1

    def add(self, time: int, duration: int, size: int, marks: int, shift: int) -> None:
        """Add a frame. Files may overlap by some milliseconds, but decoding times must increase."""
        self.times.append(max(time, self.times[-1] + 1) if self.times else time)
        self.sizes.append(size)
        self.shifts.append(shift)
        self.last_duration = max(duration, 1)
        if not marks & _NOT_SYNC:
            self.keys.append(len(self.sizes))


class Mp4Join:
    """Writes the frames of files in the order of their times; `finish` completes the file."""

    def __init__(self, output: BinaryIO) -> None:
        self._output = output
        self._track: _Track | None = None
        self._tables = _Tables()
        head = box(b"ftyp", b"isom", struct.pack(">I", 512), b"isomiso2avc1mp41")
        output.write(head + struct.pack(">I4sQ", 1, b"mdat", 0))
        self._mdat, self._position = len(head), len(head) + 16

    @property
    def frames(self) -> int:
        """Return the number of frames."""
        return len(self._tables.sizes)

    def add(self, content: bytes) -> None:
        """Add one recorded file. Raises InvalidRecordingError."""
        data = memoryview(content)
        for kind, start, begin, end in boxes(data, 0, len(data)):
            if kind == b"moov" and self._track is None:
                self._track = _track_of(data, start, begin, end)
            elif kind == b"moof":
                self._add_fragment(data, start, begin, end)

    def finish(self) -> None:
        """Write the sample tables. Raises InvalidRecordingError if there is no frame."""
        if self._track is None or not self.frames:
            raise InvalidRecordingError("there is no frame")
        self._output.write(_moov(self._track, self._tables))
        self._output.seek(self._mdat + 8)
        self._output.write(struct.pack(">Q", self._position - self._mdat))

    def _add_fragment(self, data: memoryview, moof: int, begin: int, end: int) -> None:
        track = self._track
        if track is None:
            raise InvalidRecordingError("a fragment precedes the description of its track")
        first, last = child(data, begin, end, b"traf")
        defaults, base = _defaults(data, *child(data, first, last, b"tfhd"), track, moof)
        time = _decode_time(data, child(data, first, last, b"tfdt")[0])
        for kind, _, run, _ in boxes(data, first, last):
            if kind == b"trun":
                time = self._add_run(data, run, time, base, defaults)

    def _add_run(self, data: memoryview, at: int, time: int, base: int, defaults: tuple[int, int, int]) -> int:
        flags, count = struct.unpack_from(">II", data, at)
        version, flags, at = flags >> 24, flags & 0xFFFFFF, at + 8
        begin = base
        if flags & 0x1:
            begin, at = base + struct.unpack_from(">i", data, at)[0], at + 4
        first_flags = defaults[2]
        if flags & 0x4:
            first_flags, at = struct.unpack_from(">I", data, at)[0], at + 4
        source = begin
        for number in range(count):
            duration, size, marks = defaults
            marks, shift = first_flags if number == 0 else marks, 0
            if flags & 0x100:
                duration, at = struct.unpack_from(">I", data, at)[0], at + 4
            if flags & 0x200:
                size, at = struct.unpack_from(">I", data, at)[0], at + 4
            if flags & 0x400:
                marks, at = struct.unpack_from(">I", data, at)[0], at + 4
            if flags & 0x800:
                shift, at = struct.unpack_from(">i" if version else ">I", data, at)[0], at + 4
            self._tables.add(time, duration, size, marks, shift)
            time, source = time + duration, source + size
        if source > len(data):
            raise InvalidRecordingError("a frame is cut off")
        self._tables.offsets.append(self._position)
        self._tables.runs.append((len(self._tables.offsets), count))
        self._output.write(data[begin:source])
        self._position += source - begin
        return time


def _track_of(data: memoryview, start: int, begin: int, end: int) -> _Track:
    if sum(kind == b"trak" for kind, *_ in boxes(data, begin, end)) != 1:
        raise InvalidRecordingError("it does not have exactly one track")
    mdhd = child(data, *child(data, *child(data, begin, end, b"trak"), b"mdia"), b"mdhd")[0]
    mvhd = child(data, begin, end, b"mvhd")[0]
    trex = child(data, *child(data, begin, end, b"mvex"), b"trex")[0]
    _, _, duration, size, flags = struct.unpack_from(">IIIII", data, trex + 4)
    return _Track(_timescale(data, mdhd), _timescale(data, mvhd), bytes(data[start:end]), duration, size, flags)


def _timescale(data: memoryview, at: int) -> int:
    return int(struct.unpack_from(">I", data, at + (20 if data[at] else 12))[0])


def _defaults(data: memoryview, at: int, end: int, track: _Track, moof: int) -> tuple[tuple[int, int, int], int]:
    """Return the default duration, size and flags of a fragment's frames, and the base of its data offsets."""
    flags = struct.unpack_from(">I", data, at)[0] & 0xFFFFFF
    at, base = at + 8, moof
    if flags & 0x1:
        base, at = struct.unpack_from(">Q", data, at)[0], at + 8
    at += 4 if flags & 0x2 else 0
    found = [track.duration, track.size, track.flags]
    for number, flag in enumerate((0x8, 0x10, 0x20)):
        if flags & flag:
            found[number], at = struct.unpack_from(">I", data, at)[0], at + 4
    if at > end:
        raise InvalidRecordingError("a fragment's header is cut off")
    return (found[0], found[1], found[2]), base


def _decode_time(data: memoryview, at: int) -> int:
    return int(struct.unpack_from(">Q" if data[at] else ">I", data, at + 4)[0])


def _moov(track: _Track, tables: _Tables) -> bytes:
    """Return the `moov` box of the first file with the durations and sample tables of all."""
    data = memoryview(track.moov)
    length = tables.times[-1] - tables.times[0] + tables.last_duration
    movie = length * track.movie_timescale // track.timescale
    begin, end = child(data, 0, len(data), b"moov")
    parts = [_header(data, *child(data, begin, end, b"mvhd"), b"mvhd", movie)]
    trak = child(data, begin, end, b"trak")
    mdia = child(data, *trak, b"mdia")
    minf = child(data, *mdia, b"minf")
    stsd = child(data, *child(data, *minf, b"stbl"), b"stsd")
    kept = b"".join(bytes(data[one:last]) for kind, one, _, last in boxes(data, *minf) if kind != b"stbl")
    stbl = box(b"stbl", box(b"stsd", bytes(data[stsd[0] : stsd[1]])), *_sample_tables(tables))
    media = box(
        b"mdia",
        _header(data, *child(data, *mdia, b"mdhd"), b"mdhd", length),
        box(b"hdlr", bytes(data[slice(*child(data, *mdia, b"hdlr"))])),
        box(b"minf", kept, stbl),
    )
    parts.append(
        box(b"trak", _header(data, *child(data, *trak, b"tkhd"), b"tkhd", movie), _edits(tables, movie), media)
    )
    return box(b"moov", *parts)


def _header(data: memoryview, begin: int, end: int, kind: bytes, duration: int) -> bytes:
    """Return a header box in its 64-bit form with another duration."""
    content = bytes(data[begin:end])
    flags, numbers = struct.unpack_from(">I", content)[0] & 0xFFFFFF, 8 if content[0] else 4
    form = ">QQ" if content[0] else ">II"
    created, changed = struct.unpack_from(form, content, 4)
    at = 4 + 2 * numbers
    middle = content[at : at + (8 if kind == b"tkhd" else 4)]
    rest = content[at + len(middle) + numbers :]
    return full_box(kind, 1, flags, struct.pack(">QQ", created, changed), middle, struct.pack(">Q", duration), rest)


def _edits(tables: _Tables, duration: int) -> bytes:
    """Return an edit list that begins with the first frame shown; B-frames shift it."""
    first = min(time - tables.times[0] + shift for time, shift in zip(tables.times[:64], tables.shifts, strict=False))
    if not first:
        return b""
    entry = struct.pack(">IQqI", 1, duration, max(first, 0), 1 << 16)
    return box(b"edts", full_box(b"elst", 1, 0, entry))


def _sample_tables(tables: _Tables) -> Iterator[bytes]:
    times, shifts, keys = tables.times, tables.shifts, tables.keys
    deltas = [*(later - one for one, later in pairwise(times)), tables.last_duration]
    if max(deltas) >= 2**32:
        raise InvalidRecordingError("a gap is too long for one file")
    yield full_box(b"stts", 0, 0, _runs(deltas, ">II"))
    if any(shifts):
        yield full_box(b"ctts", 1, 0, _runs(shifts, ">Ii"))
    yield full_box(b"stss", 0, 0, struct.pack(f">I{len(keys)}I", len(keys), *keys))
    chunks = [next(group) for _, group in groupby(tables.runs, key=lambda run: run[1])]
    entries = b"".join(struct.pack(">III", number, count, 1) for number, count in chunks)
    yield full_box(b"stsc", 0, 0, struct.pack(">I", len(chunks)), entries)
    sizes, offsets = tables.sizes, tables.offsets
    yield full_box(b"stsz", 0, 0, struct.pack(f">II{len(sizes)}I", 0, len(sizes), *sizes))
    yield full_box(b"co64", 0, 0, struct.pack(f">I{len(offsets)}Q", len(offsets), *offsets))


def _runs(values: list[int], form: str) -> bytes:
    found = [(len(list(group)), value) for value, group in groupby(values)]
    return struct.pack(">I", len(found)) + b"".join(struct.pack(form, *one) for one in found)
