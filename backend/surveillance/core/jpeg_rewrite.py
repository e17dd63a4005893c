"""Rewrite JPEGs losslessly: decode and re-encode only their coefficients, without going through pixels.

Takes a third of the time of decoding and encoding. An image that the library wrote itself, with the tables of the
standard, would only become the same bytes again; decoding it is enough, and takes a third of that time. Uses
libturbojpeg (Debian: libturbojpeg0); without it, Pillow re-encodes the pixels.
API: https://libjpeg-turbo.org/Documentation/Documentation, "TurboJPEG C API", version 2.1, which version 3 keeps.
"""

import ctypes
import re
from ctypes import POINTER, Structure, byref, c_char_p, c_int, c_ulong, c_void_p
from functools import lru_cache

_DROP_MARKERS = 64  # TJXOPT_COPYNONE: no EXIF, no comment, no profile
_STOP_ON_WARNING = 8192  # TJFLAG_STOPONWARNING: truncated or damaged data, extraneous bytes
_GREY, _RGB, _QUALITY, _SUBSAMPLED = 6, 0, 75, 2  # TJPF_GRAY, TJPF_RGB, any quality, TJSAMP_420
_SMALLEST_SCALE = 8


class _Transform(Structure):
    """`tjtransform` without cropping or rotation."""

    _fields_ = (
        ("rectangle", c_int * 4),
        ("operation", c_int),
        ("options", c_int),
        ("data", c_void_p),
        ("filter", c_void_p),
    )


def _load() -> ctypes.CDLL | None:
    try:
        library = ctypes.CDLL("libturbojpeg.so.0")
    except OSError:
        return None
    library.tjInitTransform.restype = c_void_p
    library.tjTransform.argtypes = [
        *(c_void_p, c_char_p, c_ulong, c_int),
        *(POINTER(c_void_p), POINTER(c_ulong), POINTER(_Transform), c_int),
    ]
    library.tjInitDecompress.restype = library.tjInitCompress.restype = c_void_p
    library.tjDecompress2.argtypes = [c_void_p, c_char_p, c_ulong, c_char_p, *(c_int,) * 5]
    library.tjCompress2.argtypes = [
        *(c_void_p, c_char_p, c_int, c_int, c_int, c_int),
        *(POINTER(c_void_p), POINTER(c_ulong), c_int, c_int, c_int),
    ]
    library.tjFree.argtypes = [c_void_p]
    library.tjDestroy.argtypes = [c_void_p]
    return library


_library = _load()


def is_available() -> bool:
    """Return whether the library is installed."""
    return _library is not None


def is_rewritten(content: bytes) -> bool:
    """Return whether `content` is what `rewrite_jpeg` writes, so that writing it again would change nothing.

    All bytes before the coefficients are compared: there are only sizes, quantisation tables and constants. The
    coefficients are decoded, for an image of an eighth of the size, since that takes the least time. Two things are
    not found: coefficients beyond the end of a block, and up to eight bytes after the last block, which the decoder
    has read ahead. Both change no pixel. The caller has limited the image's size. Releases the GIL.
    """
    if _library is None:
        return False
    head = _head()
    found = head.match(content) if head is not None else None
    if found is None or _UNUSUAL.search(content, found.end(), len(content) - 1):
        return False
    handle = _library.tjInitDecompress()
    if not handle:
        return False
    height, width = (-(-int.from_bytes(side) // _SMALLEST_SCALE) for side in found.groups())
    pixels = ctypes.create_string_buffer(width * height)
    try:
        return not _library.tjDecompress2(
            handle, content, len(content), pixels, width, width, height, _GREY, _STOP_ON_WARNING
        )
    finally:
        _library.tjDestroy(handle)


_UNUSUAL = re.compile(rb"\xff[^\x00]")
"""Within the coefficients: markers and fill bytes."""


@lru_cache(maxsize=1)
def _head() -> re.Pattern[bytes] | None:
    """Return what the library writes before the coefficients; the groups are height and width. None if it fails."""
    written = _smallest_jpeg()
    if written is None:
        return None
    frame, tables, data = written.index(b"\xff\xc0"), written.index(b"\xff\xc4"), written.index(b"\xff\xda")
    quantisation = rb"".join(re.escape(b"\xff\xdb\x00\x43" + bytes((number,))) + rb".{64}" for number in (0, 1))
    components = rb"\x03\x01[\x11\x12\x21\x22]" + re.escape(written[frame + 12 : tables])
    scan_length = int.from_bytes(written[data + 2 : data + 4]) + 2
    return re.compile(
        re.escape(written[: written.index(b"\xff\xdb")])
        + quantisation
        + re.escape(written[frame : frame + 5])
        + rb"(..)(..)"
        + components
        + re.escape(written[tables : data + scan_length]),
        re.DOTALL,
    )


def _smallest_jpeg() -> bytes | None:
    """Return a JPEG as the library writes it; None if it fails."""
    handle = _library.tjInitCompress() if _library is not None else None
    if _library is None or not handle:
        return None
    output, length = c_void_p(), c_ulong()
    pixels, options = bytes(8 * 8 * 3), (_SUBSAMPLED, _QUALITY, 0)
    try:
        failed = _library.tjCompress2(handle, pixels, 8, 0, 8, _RGB, byref(output), byref(length), *options)
        return None if failed or not output else ctypes.string_at(output, length.value)
    finally:
        _library.tjFree(output)
        _library.tjDestroy(handle)


def rewrite_jpeg(content: bytes) -> bytes | None:
    """Return the same image as a newly written JPEG; None if that is impossible for any reason.

    The caller has limited the image's size: it takes two bytes per sample. Releases the GIL.
    """
    if _library is None:
        return None
    handle = _library.tjInitTransform()
    if not handle:
        return None
    output, length = c_void_p(), c_ulong()
    transform = _Transform(options=_DROP_MARKERS)
    try:
        failed = _library.tjTransform(
            handle, content, len(content), 1, byref(output), byref(length), byref(transform), _STOP_ON_WARNING
        )
        return None if failed or not output else ctypes.string_at(output, length.value)
    finally:
        _library.tjFree(output)
        _library.tjDestroy(handle)
