"""The preview of a recorded segment: a small JPEG within its file. Pure.

It is in a `uuid` box (ISO/IEC 14496-12, section 11.1) at the end, which players skip. So it needs no file of its own:
it is stored, deleted and held with the segment. The box ends with its own size, so that the end of a file is enough
to find it.
"""

import struct

WIDTH_PIXELS = 240
MAX_BYTES = 32_768
"""Of the box; a larger one is not written."""
_USER_TYPE = bytes.fromhex("5b0f6f0e3c1d4f7e9a52d0c4b8e1a763")
_HEAD = struct.Struct(">I4s16s")
HEAD_BYTES = _HEAD.size
_SIZE = struct.Struct(">I")


def preview_box(jpeg: bytes) -> bytes:
    """Return the box; empty if the picture is too large."""
    size = HEAD_BYTES + len(jpeg) + _SIZE.size
    return _HEAD.pack(size, b"uuid", _USER_TYPE) + jpeg + _SIZE.pack(size) if jpeg and size <= MAX_BYTES else b""


def preview_box_size(head: bytes) -> int:
    """Return the size of the box that begins with these `HEAD_BYTES`; 0 if it is no preview."""
    if len(head) < HEAD_BYTES:
        return 0
    size, kind, user_type = _HEAD.unpack_from(head)
    is_preview = kind == b"uuid" and user_type == _USER_TYPE and HEAD_BYTES + _SIZE.size < size <= MAX_BYTES
    return int(size) if is_preview else 0


def preview_in(end_of_file: bytes) -> bytes | None:
    """Return the picture in the last `MAX_BYTES` of a file; None if there is none."""
    if len(end_of_file) < _SIZE.size:
        return None
    (size,) = _SIZE.unpack(end_of_file[-_SIZE.size :])
    box = end_of_file[-size:] if 0 < size <= len(end_of_file) else b""
    return box[HEAD_BYTES : -_SIZE.size] if preview_box_size(box) == len(box) > 0 else None
