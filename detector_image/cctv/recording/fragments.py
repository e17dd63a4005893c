"""Read the structure of a recorded segment: fragmented MP4 (ISO/IEC 14496-12, section 8.8). Pure except for `read`.

Only box headers and `moov` and `moof` are read, a few kilobytes of a segment. The same code describes a segment that
was closed and one that a killed process left behind, so the index never contains a file that it has not verified.
"""

import hashlib
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from vigil_contracts.preview import HEAD_BYTES, preview_box_size

_MAX_BOX_BYTES = 1_000_000
"""More than any `moov` or `moof` of a segment; a larger one is damage."""
_CONTAINERS = {b"moov", b"trak", b"mdia", b"minf", b"stbl", b"mvex", b"moof", b"traf"}
_VIDEO_ENTRY_BYTES = 78
_DEFAULT_DURATION = 0x08
_BASE_OFFSET, _DESCRIPTION = 0x01, 0x02


class DamagedSegmentError(ValueError):
    """The file contains no whole fragment. The message says why."""


@dataclass(frozen=True, slots=True)
class SegmentFacts:
    """What the file contains. Times are those of the video."""

    start_ms: int
    duration_ms: int
    whole_bytes: int
    """End of the last whole fragment, and of the preview after it: what follows is incomplete."""
    init_bytes: int
    init_id: str
    codecs: str
    width: int
    height: int
    frames: int
    longest_fragment_ms: int


@dataclass(frozen=True, slots=True)
class _Video:
    track: int
    timescale: int
    width: int
    height: int
    codecs: str


@dataclass(frozen=True, slots=True)
class _Run:
    """The video samples of one fragment, in ticks of the timescale."""

    start: int
    ticks: int
    samples: int


def read(file: BinaryIO) -> SegmentFacts:
    """Return what the file contains up to its last whole fragment. Raises DamagedSegmentError, OSError."""
    init, size = _read_init(file)
    video = _video_of(init)
    runs: list[_Run] = []
    whole = at = len(init)
    while (fragment := _fragment_at(file, at, size)) is not None:
        moof, at = fragment
        whole = at
        if (run := _video_run(moof, video.track)) is not None:
            runs.append(run)
    if not runs:
        raise DamagedSegmentError("it contains no whole fragment with video")
    whole += _preview_at(file, whole, size)
    begin, end = runs[0].start, runs[-1].start + runs[-1].ticks
    scale = video.timescale
    start_ms = round(begin * 1000 / scale)
    return SegmentFacts(
        start_ms=start_ms,
        duration_ms=max(1, round(end * 1000 / scale) - start_ms),
        whole_bytes=whole,
        init_bytes=len(init),
        init_id=hashlib.sha256(init).hexdigest()[:16],
        codecs=video.codecs,
        width=video.width,
        height=video.height,
        frames=sum(run.samples for run in runs),
        longest_fragment_ms=round(max(run.ticks for run in runs) * 1000 / scale),
    )


def _read_init(file: BinaryIO) -> tuple[bytes, int]:
    """Return `ftyp` and `moov`, and the size of the file."""
    size = file.seek(0, 2)
    end = 0
    for expected in (b"ftyp", b"moov"):
        header = _header_at(file, end, size)
        if header is None or header[0] != expected or header[1] > _MAX_BOX_BYTES:
            raise DamagedSegmentError("its beginning (ftyp and moov) is incomplete")
        end += header[1]
    file.seek(0)
    return file.read(end), size


def _header_at(file: BinaryIO, at: int, size: int) -> tuple[bytes, int] | None:
    """Return kind and size of the box; None if it is not whole."""
    file.seek(at)
    header = file.read(16)
    if len(header) < 8:
        return None
    box_size, kind = struct.unpack_from(">I4s", header)
    if box_size == 1 and len(header) == 16:
        (box_size,) = struct.unpack_from(">Q", header, 8)
    return (kind, box_size) if 8 <= box_size <= size - at else None


def _fragment_at(file: BinaryIO, at: int, size: int) -> tuple[bytes, int] | None:
    """Return the content of `moof` and the end of its `mdat`; None if they are not whole."""
    header = _header_at(file, at, size)
    if header is None or header[0] != b"moof" or header[1] > _MAX_BOX_BYTES:
        return None
    file.seek(at + 8)
    moof = file.read(header[1] - 8)
    at += header[1]
    media = _header_at(file, at, size)
    return (moof, at + media[1]) if media is not None and media[0] == b"mdat" else None


def _preview_at(file: BinaryIO, at: int, size: int) -> int:
    """Return the size of the preview that begins there; 0 if there is none, or it is not whole."""
    file.seek(at)
    length = preview_box_size(file.read(HEAD_BYTES))
    return length if at + length <= size else 0


def _boxes(data: bytes, path: tuple[bytes, ...] = ()) -> Iterator[tuple[bytes, tuple[bytes, ...], bytes]]:
    """Yield kind, parents and content of each box, parents before children."""
    at = 0
    while at + 8 <= len(data):
        size, kind = struct.unpack_from(">I4s", data, at)
        if size < 8 or at + size > len(data):
            raise DamagedSegmentError(f"the box {kind!r} is damaged")
        content = data[at + 8 : at + size]
        yield kind, path, content
        if kind in _CONTAINERS:
            yield from _boxes(content, (*path, kind))
        at += size


def _video_of(init: bytes) -> _Video:
    video: dict[str, int] = {}
    codecs: list[str] = []
    track = timescale = 0
    try:
        for kind, _, content in _boxes(init):
            if kind == b"tkhd":
                (track,) = struct.unpack_from(">I", content, 20 if content[0] else 12)
            elif kind == b"mdhd":
                (timescale,) = struct.unpack_from(">I", content, 20 if content[0] else 12)
            elif kind == b"stsd":
                entry, sample = content[12:16], content[8:]
                if entry in {b"avc1", b"hvc1", b"hev1"}:
                    width, height = struct.unpack_from(">HH", sample, 32)
                    video = {"track": track, "timescale": timescale, "width": width, "height": height}
                    codecs.insert(0, _video_codec(entry.decode(), sample[8 + _VIDEO_ENTRY_BYTES :]))
                else:
                    codecs.append(
                        {b"mp4a": "mp4a.40.2", b"Opus": "opus"}.get(entry, entry.decode("ascii", "replace"))
                    )
    except (struct.error, IndexError):
        raise DamagedSegmentError("its moov box is damaged") from None
    if not video or not video["timescale"] or not video["width"] or not video["height"]:
        raise DamagedSegmentError("it has no video track")
    return _Video(**video, codecs=",".join(codecs))


def _video_codec(entry: str, boxes: bytes) -> str:
    """Return the codec as in RFC 6381; for H.265 as in ISO/IEC 14496-15, annex E.3."""
    configuration = {kind: content for kind, _, content in _boxes(boxes)}
    if (avc := configuration.get(b"avcC")) is not None:
        return f"{entry}.{avc[1:4].hex()}"
    if (hevc := configuration.get(b"hvcC")) is None:
        return entry
    space, tier, profile = hevc[1] >> 6, hevc[1] >> 5 & 1, hevc[1] & 31
    (compatibility,) = struct.unpack_from(">I", hevc, 2)
    reversed_bits = int(f"{compatibility:032b}"[::-1], 2)
    constraints = hevc[6:12].rstrip(b"\0")
    parts = [entry, f"{' ABC'[space].strip()}{profile}", f"{reversed_bits:X}", f"{'LH'[tier]}{hevc[12]}"]
    return ".".join([*parts, *(f"{byte:X}" for byte in constraints)])


def _video_run(moof: bytes, video_track: int) -> _Run | None:
    """Return the video samples of a fragment; None if it has none (audio alone)."""
    track = start = default_ticks = ticks = samples = 0
    try:
        for kind, _, content in _boxes(moof):
            if kind == b"tfhd":
                track, default_ticks = _track_defaults(content)
            elif track == video_track and kind == b"tfdt":
                (start,) = struct.unpack_from(">Q" if content[0] else ">I", content, 4)
            elif track == video_track and kind == b"trun":
                count, duration = _run_of(content, default_ticks)
                samples, ticks = samples + count, ticks + duration
    except (struct.error, IndexError):
        raise DamagedSegmentError("a moof box is damaged") from None
    return _Run(start, ticks, samples) if samples else None


def _track_defaults(tfhd: bytes) -> tuple[int, int]:
    """Return the track and its default sample duration (8.8.7)."""
    flags, track = struct.unpack_from(">II", tfhd)
    at = 8 + (8 if flags & _BASE_OFFSET else 0) + (4 if flags & _DESCRIPTION else 0)
    return track, struct.unpack_from(">I", tfhd, at)[0] if flags & _DEFAULT_DURATION else 0


def _run_of(trun: bytes, default_ticks: int) -> tuple[int, int]:
    """Return the number of samples and their total duration (8.8.8)."""
    flags, count = struct.unpack_from(">II", trun)
    if not flags & 0x100:
        return count, count * default_ticks
    at = 8 + (4 if flags & 0x1 else 0) + (4 if flags & 0x4 else 0)
    step = 4 * sum(bool(flags & bit) for bit in (0x100, 0x200, 0x400, 0x800))
    return count, sum(struct.unpack_from(">I", trun, at + number * step)[0] for number in range(count))
