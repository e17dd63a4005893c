"""Validate uploaded clips by their content: an MP4 (ISO/IEC 14496-12) with consistent boxes and one video track.

Nothing is decoded here: browsers do that in their sandbox. The check ensures that a browser cannot mistake the file
for another type.
"""

import struct
from collections.abc import Iterator

MAX_BYTES = 16 * 1024 * 1024
_CONTAINERS = {b"moov", b"trak", b"mdia", b"minf", b"stbl"}
_PLAYABLE = {b"avc1", b"hvc1", b"hev1", b"av01"}
_AUDIBLE = {b"mp4a", b"Opus"}
_MOST_BOXES = 100_000
UNWANTED_AUDIO = "has audio, which is off for this camera (detection.record_audio); send the clip without audio"
NO_CLIP = "is not an MP4 clip; send H.264 or H.265 in an MP4"


class InvalidClipError(ValueError):
    """The message says what is wrong and what would be correct."""


def check_clip(content: bytes, *, may_have_audio: bool) -> None:
    """Raise InvalidClipError unless `content` is a complete MP4 with one video track that browsers can play.

    It may have one audio track (AAC or Opus) as well, but only if `may_have_audio`: recording speech is forbidden in
    many places, and a detector of an older configuration must not do it.
    """
    if not content:
        raise InvalidClipError("is empty; send an MP4 clip")
    if len(content) > MAX_BYTES:
        raise InvalidClipError(f"must be at most {MAX_BYTES // 1024 // 1024} MB")
    kinds: list[bytes] = []
    samples: list[bytes] = []
    for number, (kind, path, body) in enumerate(_boxes(memoryview(content), ())):
        if number > _MOST_BOXES:
            raise InvalidClipError(NO_CLIP)
        if not path:
            kinds.append(kind)
        if kind == b"stsd" and len(body) >= 16:
            samples.append(bytes(body[12:16]))
    if not kinds or kinds[0] != b"ftyp" or b"moov" not in kinds or b"mdat" not in kinds:
        raise InvalidClipError(NO_CLIP)
    video = [one for one in samples if one in _PLAYABLE]
    audio = [one for one in samples if one in _AUDIBLE]
    if len(video) != 1 or len(audio) > 1 or len(samples) != len(video) + len(audio):
        raise InvalidClipError(
            "must hold one video track (H.264 or H.265) and at most one audio track (AAC or Opus), and nothing else"
        )
    if audio and not may_have_audio:
        raise InvalidClipError(UNWANTED_AUDIO)


def _boxes(data: memoryview, path: tuple[bytes, ...]) -> Iterator[tuple[bytes, tuple[bytes, ...], memoryview]]:
    """Yield every box with its parent boxes and its body. Raises InvalidClipError for inconsistent sizes."""
    at = 0
    while at < len(data):
        if len(data) - at < 8:
            raise InvalidClipError("is damaged or incomplete; send a whole MP4")
        size, kind = struct.unpack_from(">I4s", data, at)
        header = 8
        if size == 1 and len(data) - at >= 16:
            (size,) = struct.unpack_from(">Q", data, at + 8)
            header = 16
        if size < header or at + size > len(data):
            raise InvalidClipError("is damaged or incomplete; send a whole MP4" if at else NO_CLIP)
        body = data[at + header : at + size]
        yield kind, path, body
        if kind in _CONTAINERS and len(path) < len(_CONTAINERS):
            yield from _boxes(body, (*path, kind))
        at += size
