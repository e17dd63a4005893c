"""Pictures from outside made safe: known by their content, bounded before they are decoded, written anew.

Refused in well under a second: what is no JPEG or PNG, decompression bombs, truncated files. What passes is decoded
and encoded again, a plain JPEG down to its coefficients, all else to its pixels, so that nothing of the sent file
(EXIF, comments, appended bytes of another format) is kept.
"""

import io
import warnings

from PIL import Image, UnidentifiedImageError
from PIL.ImageFile import ImageFile

from surveillance.core.jpeg_rewrite import rewritten

MAX_BYTES = 2 * 1024 * 1024
MAX_SIDE_PIXELS = 4096
FORMATS = ("JPEG", "PNG")
QUALITY = 88
_STORED_AS_RGB = 0
TOO_MANY_PIXELS = f"must be at most {MAX_SIDE_PIXELS} x {MAX_SIDE_PIXELS} pixels"


class InvalidPictureError(ValueError):
    """The message says what is wrong and what would be right."""


def clean_picture(content: bytes) -> bytes:
    """A JPEG (RGB, no metadata) of the picture in `content`. Raises InvalidPictureError."""
    if not content:
        raise InvalidPictureError("is empty; send a JPEG or PNG picture")
    if len(content) > MAX_BYTES:
        raise InvalidPictureError(f"must be at most {MAX_BYTES // 1024 // 1024} MB")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow warns of what the size check below refuses
        try:
            with Image.open(io.BytesIO(content), formats=FORMATS) as picture:
                if max(picture.size) > MAX_SIDE_PIXELS:
                    raise InvalidPictureError(TOO_MANY_PIXELS)
                output = _coded_anew(picture, content) or _encoded_anew(picture)
        except InvalidPictureError:
            raise
        except Image.DecompressionBombError:
            raise InvalidPictureError(TOO_MANY_PIXELS) from None
        except UnidentifiedImageError:
            raise InvalidPictureError("is no picture; send a JPEG or PNG") from None
        except (OSError, ValueError, SyntaxError, EOFError):
            raise InvalidPictureError("is damaged or incomplete; send a whole JPEG or PNG") from None
    return output


def _coded_anew(picture: ImageFile, content: bytes) -> bytes | None:
    """A plain baseline JPEG, as detectors send it, by its coefficients; None for others and for damaged ones."""
    is_plain = (
        picture.format == "JPEG" and picture.mode == "RGB" and not picture.info.keys() & {"progressive", "adobe"}
    )
    return rewritten(content) if is_plain else None


def _encoded_anew(picture: ImageFile) -> bytes:
    """The pixels as a JPEG of our own making.

    A JPEG keeps its tables: encoding it finer than it came would add bytes and no detail. Its pixels stay in the
    colour space that they are stored in, so that nothing is converted to and fro.
    """
    output = io.BytesIO()
    if picture.format == "JPEG" and picture.mode == "RGB" and picture.info.get("adobe_transform") != _STORED_AS_RGB:
        picture.draft("YCbCr", None)
        picture.load()
        picture.info.clear()
        try:
            picture.save(output, format="JPEG", quality="keep")
        except ValueError:  # tables that a baseline JPEG cannot hold
            output = io.BytesIO()
        else:
            return output.getvalue()
    picture.convert("RGB").save(output, format="JPEG", quality=QUALITY)
    return output.getvalue()
