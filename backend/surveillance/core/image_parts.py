"""Extract the parts of a JPEG or PNG file that contain its image, without any metadata.

Decoders read only this output: no EXIF, profile, comment, thumbnail, second image or animation reaches them. Segments
and scans are counted before decoding, since the file size alone is no limit: a JPEG of 2 MB can have 60,000 scans,
each covering the whole image.
Formats: ITU-T T.81, annex B (JPEG); W3C Portable Network Graphics, section 5 (PNG).
"""

import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

MAX_SEGMENTS = 4096
"""An image of 2 MB in IDAT chunks of 8 kB has 256; colour profiles have up to 255 segments."""
MAX_SCANS = 32
"""libjpeg's script for progressive images has 10 scans; optimisers for the smallest file use up to 15."""

_JPEG_START, _PNG_START = b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n"
_MARKER = re.compile(rb"\xff([\x01-\xcf\xd8-\xfe])")
"""Excludes stuffed bytes (FF 00) and restart markers, which belong to a scan's data."""
_TEM, _END, _SCAN = 0x01, 0xD9, 0xDA
_PROGRESSIVE = 0xC2
_FRAMES = frozenset((0xC0, 0xC1, _PROGRESSIVE))
_NEEDED = _FRAMES | {0xC4, 0xDB, 0xDD, _SCAN, _END}
"""Includes the tables (DHT, DQT) and the restart interval (DRI)."""
_OTHER_CODINGS = frozenset(range(0xC3, 0xD0)) - {0xC4, 0xC8} | {0xDE, 0xDF}
_JFIF, _ADOBE = 0xE0, 0xEE
_JFIF_SEGMENT = b"\xff\xe0\x00\x10JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00"
_ADOBE_BYTES = 12

NO_PICTURE = "is not an image; send a JPEG or PNG"
DAMAGED = "is damaged or incomplete; send a whole JPEG or PNG"
TOO_MANY_SEGMENTS = f"has more than {MAX_SEGMENTS} segments; send a JPEG or PNG without metadata"
TOO_MANY_SCANS = f"has more than {MAX_SCANS} scans; send a baseline JPEG"
OTHER_CODING = "is a lossless, hierarchical or arithmetic-coded JPEG; send a baseline or progressive one"


class InvalidImageError(ValueError):
    """The message says what is wrong and what would be correct."""


@dataclass(frozen=True, slots=True)
class ImageParts:
    """An image's size in pixels, and a file that contains only the image.

    `is_plain`: a baseline JPEG as detectors send it, whose coefficients can be re-encoded.
    """

    width: int
    height: int
    content: bytes
    is_plain: bool


def parts_of(content: bytes) -> ImageParts:
    """Return the image parts of a JPEG or PNG file. Raises InvalidImageError."""
    if content.startswith(_JPEG_START):
        return _jpeg_parts(content)
    if content.startswith(_PNG_START):
        return _png_parts(content)
    raise InvalidImageError(NO_PICTURE)


def _jpeg_parts(content: bytes) -> ImageParts:
    kept, frames, scans = [content[:2]], list[tuple[int, bytes]](), 0
    for marker, segment in _jpeg_segments(content):
        kept.append(_needed_part(marker, segment))
        if marker in _FRAMES:
            frames.append((marker, segment[4:]))
        scans += marker == _SCAN
        if scans > MAX_SCANS:
            raise InvalidImageError(TOO_MANY_SCANS)
    if len(frames) != 1 or len(frames[0][1]) < 6 or not scans:
        raise InvalidImageError(DAMAGED)
    marker, frame = frames[0]
    components, has_adobe = frame[5], any(part.startswith(b"\xff\xee") for part in kept)
    is_plain = marker != _PROGRESSIVE and components == 3 and scans <= components and not has_adobe
    height, width = int.from_bytes(frame[1:3]), int.from_bytes(frame[3:5])
    return ImageParts(width, height, b"".join(kept), is_plain)


def _needed_part(marker: int, segment: bytes) -> bytes:
    """Return the part of a segment to keep; empty if the image does not need it."""
    body = segment[4:]
    if marker in _OTHER_CODINGS:
        raise InvalidImageError(OTHER_CODING)
    if marker == _JFIF and body.startswith(b"JFIF\x00"):
        return _JFIF_SEGMENT
    if marker == _ADOBE and body.startswith(b"Adobe") and len(body) >= _ADOBE_BYTES:
        return b"\xff\xee\x00\x0e" + body[:_ADOBE_BYTES]
    return segment if marker in _NEEDED else b""


def _jpeg_segments(content: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield the segments with their markers up to the end of the image; a scan's segment includes its data."""
    position = 2
    for _ in range(MAX_SEGMENTS):
        found = _MARKER.search(content, position)
        if found is None:
            raise InvalidImageError(DAMAGED)
        marker, start = found[1][0], found.start()
        if marker == _END:
            yield marker, content[start : start + 2]
            return
        if marker == _TEM:
            position = start + 2
            continue
        if marker < 0xC0 or marker == 0xD8:
            raise InvalidImageError(DAMAGED)
        position = start + 2 + int.from_bytes(content[start + 2 : start + 4])
        if position < start + 4 or position > len(content):
            raise InvalidImageError(DAMAGED)
        if marker == _SCAN:
            end = _MARKER.search(content, position)
            if end is None:
                raise InvalidImageError(DAMAGED)
            position = end.start()
        yield marker, content[start:position]
    raise InvalidImageError(TOO_MANY_SEGMENTS)


def _png_parts(content: bytes) -> ImageParts:
    chunks: dict[bytes, list[bytes]] = {b"IHDR": [], b"PLTE": [], b"tRNS": [], b"IDAT": []}
    for kind, body in _png_chunks(content):
        if kind in chunks:
            chunks[kind].append(body)
    header = chunks[b"IHDR"]
    if len(header) != 1 or len(header[0]) != 13 or not chunks[b"IDAT"]:
        raise InvalidImageError(DAMAGED)
    width, height = int.from_bytes(header[0][:4]), int.from_bytes(header[0][4:8])
    written = [_png_chunk(kind, b"".join(bodies)) for kind, bodies in chunks.items() if bodies]
    return ImageParts(width, height, b"".join([_PNG_START, *written, _png_chunk(b"IEND", b"")]), is_plain=False)


def _png_chunks(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    position = len(_PNG_START)
    for _ in range(MAX_SEGMENTS):
        length, kind = int.from_bytes(content[position : position + 4]), content[position + 4 : position + 8]
        body = content[position + 8 : position + 8 + length]
        checksum = content[position + 8 + length : position + 12 + length]
        if len(checksum) != 4 or int.from_bytes(checksum) != zlib.crc32(body, zlib.crc32(kind)):
            raise InvalidImageError(DAMAGED)
        if kind == b"IEND":
            return
        yield kind, body
        position += 12 + length
    raise InvalidImageError(TOO_MANY_SEGMENTS)


def _png_chunk(kind: bytes, body: bytes) -> bytes:
    return len(body).to_bytes(4) + kind + body + zlib.crc32(body, zlib.crc32(kind)).to_bytes(4)
