"""Pictures from outside made safe: known by their content, bounded before they are decoded, written anew.

What is no JPEG or PNG, too large, truncated, or made to cost much is refused. What passes is encoded again, a plain
JPEG from its coefficients, all else from its pixels, so that nothing else in the sent file is kept.
"""

from surveillance.core.jpeg_rewrite import rewritten
from surveillance.core.picture_decoder import decoders
from surveillance.core.picture_parts import InvalidPictureError, parts_of

__all__ = ["InvalidPictureError", "clean_picture"]

MAX_BYTES = 2 * 1024 * 1024
MAX_SIDE_PIXELS = 4096
TOO_MANY_PIXELS = f"must be at most {MAX_SIDE_PIXELS} x {MAX_SIDE_PIXELS} pixels"


def clean_picture(content: bytes) -> bytes:
    """Return the picture in `content` as a baseline JPEG (RGB, no metadata).

    Raises InvalidPictureError, or picture_decoder.DecoderUnavailableError.
    """
    if not content:
        raise InvalidPictureError("is empty; send a JPEG or PNG picture")
    if len(content) > MAX_BYTES:
        raise InvalidPictureError(f"must be at most {MAX_BYTES // 1024 // 1024} MB")
    parts = parts_of(content)
    if max(parts.width, parts.height) > MAX_SIDE_PIXELS:
        raise InvalidPictureError(TOO_MANY_PIXELS)
    plain = rewritten(parts.content) if parts.is_plain else None
    return plain if plain is not None else decoders.encoded_anew(parts.content)
