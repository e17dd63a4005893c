"""Sanitise uploaded images: identified by content, limited before decoding, and re-encoded.

Files that are not JPEG or PNG, or are too large, truncated or too expensive to decode, are rejected. Other files are
re-encoded, plain JPEGs from their coefficients and the rest from pixels, so that nothing else of the file is kept.
The JPEG of a detector would become the same bytes again: its headers are compared and its coefficients decoded.
"""

from surveillance.core.image_decoder import decoders
from surveillance.core.image_parts import InvalidImageError, parts_of
from surveillance.core.jpeg_rewrite import is_rewritten, rewrite_jpeg

__all__ = ["InvalidImageError", "clean_image"]

MAX_BYTES = 2 * 1024 * 1024
MAX_SIDE_PIXELS = 4096
TOO_MANY_PIXELS = f"must be at most {MAX_SIDE_PIXELS} x {MAX_SIDE_PIXELS} pixels"


def clean_image(content: bytes) -> bytes:
    """Return the image in `content` as a baseline JPEG (RGB, no metadata).

    Raises InvalidImageError, or image_decoder.DecoderUnavailableError.
    """
    if not content:
        raise InvalidImageError("is empty; send a JPEG or PNG image")
    if len(content) > MAX_BYTES:
        raise InvalidImageError(f"must be at most {MAX_BYTES // 1024 // 1024} MB")
    parts = parts_of(content)
    if max(parts.width, parts.height) > MAX_SIDE_PIXELS:
        raise InvalidImageError(TOO_MANY_PIXELS)
    if parts.is_plain and is_rewritten(parts.content):
        return parts.content
    plain = rewrite_jpeg(parts.content) if parts.is_plain else None
    return plain if plain is not None else decoders.reencode(parts.content)
