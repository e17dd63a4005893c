"""Join recorded files (fragmented MP4: a video track, maybe an audio track) into one plain MP4 without transcoding.

Times are copied from the fragments, so a gap between two files keeps its length, and audio stays with its video. The
data of each file is a box of its own, and the sample tables follow, so nothing is written at an earlier place: the
output may be a pipe, or a file in an archive. `clip_of`, which works in memory, puts the tables first.
"""

import io
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import groupby, pairwise
from typing import Protocol

from vigil_apps.recordings.core.mp4_boxes import InvalidRecordingError, box, boxes, child, full_box

_NOT_SYNC = 0x10000
_MOST_TRACKS = 2
_HEADER_BYTES = 8
_KEYFRAME_SLACK_MS = 250
"""A keyframe this much later than a clip's begin is still the one that it means: times of arrival vary."""


class Output(Protocol):
    """What the joined file is written to, from its begin to its end."""

    def write(self, data: bytes | memoryview, /) -> object:
        """Write all bytes."""
        ...


@dataclass(frozen=True, slots=True)
class _Description:
    """What the `moov` box of the first file says about a track. The defaults are those of its frames."""

    trak: bytes
    is_video: bool
    timescale: int
    duration: int
    size: int
    flags: int


@dataclass(slots=True)
class _Track:
    """The frames of a track written so far, and the places of their data. Those of audio are packets."""

    description: _Description

    times: list[int] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)
    shifts: list[int] = field(default_factory=list)
    keys: list[int] = field(default_factory=list)
    offsets: list[int] = field(default_factory=list)
    runs: list[tuple[int, int]] = field(default_factory=list)
    last_duration: int = 1

    @property
    def shown_at(self) -> int:
        """Return when the first frame is shown; B-frames shift it."""
        return min(time + shift for time, shift in zip(self.times[:64], self.shifts, strict=False))

    @property
    def duration(self) -> int:
        """Return the duration of all frames."""
        return self.times[-1] - self.times[0] + self.last_duration

    def add(self, time: int, duration: int, size: int, marks: int, shift: int) -> None:
        """Add a frame. Files may overlap by some milliseconds, but decoding times must increase."""
        self.times.append(max(time, self.times[-1] + 1) if self.times else time)
        self.sizes.append(size)
        self.shifts.append(shift)
        self.last_duration = max(duration, 1)
        if not marks & _NOT_SYNC:
            self.keys.append(len(self.sizes))


class Mp4Join:
    """Writes the frames of files in the order of their times; `finish` completes the file.

    `begin`, `end`: only what is decoded from then, and before then, is written; in seconds since 1970.
    """

    def __init__(self, output: Output, *, begin: Fraction | None = None, end: Fraction | None = None) -> None:
        self._output, self._begin, self._end = output, begin, end
        self._moov = b""
        self._tracks: dict[int, _Track] = {}
        self._frames: list[memoryview] = []
        head = box(b"ftyp", b"isom", struct.pack(">I", 512), b"isomiso2avc1mp41")
        output.write(head)
        self._begin_of_data = self._position = len(head)

    @property
    def frames(self) -> int:
        """Return the number of frames of video."""
        return sum(len(track.sizes) for track in self._tracks.values() if track.description.is_video)

    def add(self, content: bytes) -> None:
        """Add one recorded file. Raises InvalidRecordingError."""
        data = memoryview(content)
        self._frames = []
        self._position += _HEADER_BYTES
        for kind, start, begin, end in boxes(data, 0, len(data)):
            if kind == b"moov" and not self._moov:
                self._tracks = _tracks_of(data, begin, end)
                self._moov = bytes(data[begin:end])
            elif kind == b"moof":
                self._add_fragment(data, start, begin, end)
        size_bytes = _HEADER_BYTES + sum(map(len, self._frames))
        self._output.write(struct.pack(">I4s", size_bytes, b"mdat"))
        for frames in self._frames:
            self._output.write(frames)

    @property
    def keyframes(self) -> list[Fraction]:
        """Return when the keyframes of video are decoded, in seconds since 1970."""
        return [
            Fraction(track.times[number - 1], track.description.timescale)
            for track in self._tracks.values()
            if track.description.is_video
            for number in track.keys
        ]

    def finish(self) -> None:
        """Write the sample tables. Raises InvalidRecordingError if there is no frame."""
        self._output.write(self._index())

    def with_index_first(self, written: memoryview) -> bytes:
        """Return the complete file with its sample tables first. `written`: what the output has.

        Raises InvalidRecordingError if there is no frame.
        """
        index = self._index(shift=len(self._index()))
        return b"".join((written[: self._begin_of_data], index, written[self._begin_of_data :]))

    def _index(self, shift: int = 0) -> bytes:
        """Return the `moov` box of a file whose data lies `shift` bytes further. Its size does not depend on that."""
        if not self.frames:
            raise InvalidRecordingError("there is no frame")
        return _moov_of(memoryview(self._moov), [one for one in self._tracks.values() if one.sizes], shift)

    def _add_fragment(self, data: memoryview, moof: int, begin: int, end: int) -> None:
        if not self._tracks:
            raise InvalidRecordingError("a fragment precedes the description of its track")
        for kind, _, first, last in boxes(data, begin, end):
            if kind == b"traf":
                self._add_track_fragment(data, moof, first, last)

    def _add_track_fragment(self, data: memoryview, moof: int, first: int, last: int) -> None:
        header, header_end = child(data, first, last, b"tfhd")
        track = self._tracks.get(struct.unpack_from(">I", data, header + 4)[0])
        if track is None:
            raise InvalidRecordingError("a fragment belongs to no track")
        defaults, base = _defaults(data, header, header_end, track.description, moof)
        time = _decode_time(data, child(data, first, last, b"tfdt")[0])
        for kind, _, run, _ in boxes(data, first, last):
            if kind == b"trun":
                time = self._add_run(data, run, time, base, defaults, track)

    def _add_run(
        self, data: memoryview, at: int, time: int, base: int, defaults: tuple[int, int, int], track: _Track
    ) -> int:
        offset, frames = _run_of(data, at, defaults)
        source = first = last = base + offset
        kept = 0
        for duration, size, marks, shift in frames:
            if self._keeps(track, time):
                track.add(time, duration, size, marks, shift)
                first = source if not kept else first
                last, kept = source + size, kept + 1
            time, source = time + duration, source + size
        if source > len(data):
            raise InvalidRecordingError("a frame is cut off")
        if kept:  # without a hole, since times increase
            track.offsets.append(self._position)
            track.runs.append((len(track.offsets), kept))
            self._frames.append(data[first:last])
            self._position += last - first
        return time

    def _keeps(self, track: _Track, time: int) -> bool:
        if self._begin is None and self._end is None:
            return True
        at = Fraction(time, track.description.timescale)
        return (self._begin is None or at >= self._begin) and (self._end is None or at < self._end)


def clip_of(contents: Sequence[bytes], *, begin_ms: int, end_ms: int) -> bytes:
    """Return the MP4 of a part of recorded files, from the keyframe before `begin_ms`, with its sample tables first.

    Raises InvalidRecordingError.
    """
    if not contents:
        raise InvalidRecordingError("there is no file")
    first = Mp4Join(io.BytesIO())
    first.add(contents[0])
    latest = Fraction(begin_ms + _KEYFRAME_SLACK_MS, 1000)
    begin = max((one for one in first.keyframes if one <= latest), default=None)
    output = io.BytesIO()
    join = Mp4Join(output, begin=begin, end=Fraction(end_ms, 1000))
    for content in contents:
        join.add(content)
    return join.with_index_first(output.getbuffer())


def _run_of(data: memoryview, at: int, defaults: tuple[int, int, int]) -> tuple[int, list[tuple[int, int, int, int]]]:
    """Return the offset of a run's data, and duration, size, flags and shift of each of its frames."""
    flags, count = struct.unpack_from(">II", data, at)
    version, flags, at = flags >> 24, flags & 0xFFFFFF, at + 8
    offset, frames = 0, []
    if flags & 0x1:
        offset, at = struct.unpack_from(">i", data, at)[0], at + 4
    first_flags = defaults[2]
    if flags & 0x4:
        first_flags, at = struct.unpack_from(">I", data, at)[0], at + 4
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
        frames.append((duration, size, marks, shift))
    return offset, frames


def _tracks_of(data: memoryview, begin: int, end: int) -> dict[int, _Track]:
    """Return the tracks of a file by their number. Raises InvalidRecordingError."""
    mvex = child(data, begin, end, b"mvex")
    defaults = {
        struct.unpack_from(">I", data, trex + 4)[0]: struct.unpack_from(">III", data, trex + 12)
        for kind, _, trex, _ in boxes(data, *mvex)
        if kind == b"trex"
    }
    tracks: dict[int, _Track] = {}
    for kind, _, first, last in boxes(data, begin, end):
        if kind == b"trak":
            tkhd = child(data, first, last, b"tkhd")[0]
            number = struct.unpack_from(">I", data, tkhd + (20 if data[tkhd] else 12))[0]
            mdia = child(data, first, last, b"mdia")
            handler = child(data, *mdia, b"hdlr")[0]
            is_video = bytes(data[handler + 8 : handler + 12]) == b"vide"
            scale = _timescale(data, child(data, *mdia, b"mdhd")[0])
            if number not in defaults:
                raise InvalidRecordingError("a track has no defaults")
            tracks[number] = _Track(_Description(bytes(data[first:last]), is_video, scale, *defaults[number]))
    videos = sum(track.description.is_video for track in tracks.values())
    if videos != 1 or len(tracks) > _MOST_TRACKS:
        raise InvalidRecordingError("it does not have exactly one video track, and at most one of audio")
    return tracks


def _timescale(data: memoryview, at: int) -> int:
    return int(struct.unpack_from(">I", data, at + (20 if data[at] else 12))[0])


def _defaults(
    data: memoryview, at: int, end: int, track: _Description, moof: int
) -> tuple[tuple[int, int, int], int]:
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


def _moov_of(moov: memoryview, tracks: list[_Track], shift: int) -> bytes:
    """Return the content of the first file's `moov` box with the durations and sample tables of all files."""
    mvhd = child(moov, 0, len(moov), b"mvhd")
    scale = _timescale(moov, mvhd[0])
    began = next(Fraction(one.shown_at, one.description.timescale) for one in tracks if one.description.is_video)
    traks = [_trak(track, began, scale, shift) for track in tracks]
    longest = max(duration for _, duration in traks)
    return box(b"moov", _header(moov, *mvhd, b"mvhd", longest), *(trak for trak, _ in traks))


def _trak(track: _Track, began: Fraction, movie_timescale: int, shift: int) -> tuple[bytes, int]:
    """Return the `trak` box of a track and its duration in the movie. `began`: when the movie begins, in seconds."""
    data = memoryview(track.description.trak)
    edits, movie = _edits(track, began, movie_timescale)
    mdia = child(data, 0, len(data), b"mdia")
    minf = child(data, *mdia, b"minf")
    stsd = child(data, *child(data, *minf, b"stbl"), b"stsd")
    kept = b"".join(bytes(data[one:last]) for kind, one, _, last in boxes(data, *minf) if kind != b"stbl")
    stbl = box(b"stbl", box(b"stsd", bytes(data[stsd[0] : stsd[1]])), *_sample_tables(track, shift))
    media = box(
        b"mdia",
        _header(data, *child(data, *mdia, b"mdhd"), b"mdhd", track.duration),
        box(b"hdlr", bytes(data[slice(*child(data, *mdia, b"hdlr"))])),
        box(b"minf", kept, stbl),
    )
    return box(b"trak", _header(data, *child(data, 0, len(data), b"tkhd"), b"tkhd", movie), edits, media), movie


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


def _edits(track: _Track, began: Fraction, movie_timescale: int) -> tuple[bytes, int]:
    """Return the edit list that places a track in the movie, and the duration up to its end there.

    What precedes the movie is skipped, and a later begin is an empty edit (ISO/IEC 14496-12, section 8.6.6).
    """
    scale = track.description.timescale
    late = round((Fraction(track.times[0], scale) - began) * scale)
    skipped = max(-late, 0)
    shown = (track.duration - skipped) * movie_timescale // scale
    empty = max(late, 0) * movie_timescale // scale
    if not empty and not skipped:
        return b"", shown
    entries = [struct.pack(">QqI", empty, -1, 1 << 16)] if empty else []
    entries.append(struct.pack(">QqI", shown, skipped, 1 << 16))
    elst = full_box(b"elst", 1, 0, struct.pack(">I", len(entries)), *entries)
    return box(b"edts", elst), empty + shown


def _sample_tables(tables: _Track, shift: int) -> Iterator[bytes]:
    times, shifts, keys = tables.times, tables.shifts, tables.keys
    deltas = [*(later - one for one, later in pairwise(times)), tables.last_duration]
    if max(deltas) >= 2**32:
        raise InvalidRecordingError("a gap is too long for one file")
    yield full_box(b"stts", 0, 0, _runs(deltas, ">II"))
    if any(shifts):
        yield full_box(b"ctts", 1, 0, _runs(shifts, ">Ii"))
    if tables.description.is_video:
        yield full_box(b"stss", 0, 0, struct.pack(f">I{len(keys)}I", len(keys), *keys))
    chunks = [next(group) for _, group in groupby(tables.runs, key=lambda run: run[1])]
    entries = b"".join(struct.pack(">III", number, count, 1) for number, count in chunks)
    yield full_box(b"stsc", 0, 0, struct.pack(">I", len(chunks)), entries)
    sizes, offsets = tables.sizes, [one + shift for one in tables.offsets]
    yield full_box(b"stsz", 0, 0, struct.pack(f">II{len(sizes)}I", 0, len(sizes), *sizes))
    yield full_box(b"co64", 0, 0, struct.pack(f">I{len(offsets)}Q", len(offsets), *offsets))


def _runs(values: list[int], form: str) -> bytes:
    found = [(len(list(group)), value) for value, group in groupby(values)]
    return struct.pack(">I", len(found)) + b"".join(struct.pack(form, *one) for one in found)
