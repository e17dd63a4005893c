"""Decode uploaded images in a separate process that the kernel kills if one takes too long.

Reads a length and an image from standard input, writes a status, a length and a JPEG to standard output, and repeats
until its input ends. `image_decoder` starts it.
"""

import io
import resource
import signal
import sys
import warnings

from PIL import Image
from PIL.ImageFile import ImageFile

DONE, DAMAGED, TOO_MUCH_MEMORY = 0, 1, 2
LENGTH_BYTES = 4
FORMATS = ("JPEG", "PNG")
QUALITY = 88
_STORED_AS_RGB = 0


def reencode(content: bytes) -> bytes:
    """Return the pixels as a new JPEG. Raises whatever Pillow raises for a damaged image."""
    with Image.open(io.BytesIO(content), formats=FORMATS) as picture:
        return _same_quality_jpeg(picture) or _to_rgb_jpeg(picture)


def _same_quality_jpeg(picture: ImageFile) -> bytes | None:
    """Return a JPEG with the image's own quantisation tables; None if it has none. More quality would add no detail.

    The pixels stay in their stored colour space, which avoids conversions.
    """
    if picture.format != "JPEG" or picture.mode != "RGB" or picture.info.get("adobe_transform") == _STORED_AS_RGB:
        return None
    picture.draft("YCbCr", None)
    picture.load()
    picture.info.clear()
    output = io.BytesIO()
    try:
        picture.save(output, format="JPEG", quality="keep")
    except ValueError:  # tables that a baseline JPEG cannot contain
        return None
    return output.getvalue()


def _to_rgb_jpeg(picture: ImageFile) -> bytes:
    output = io.BytesIO()
    picture.convert("RGB").save(output, format="JPEG", quality=QUALITY)
    return output.getvalue()


def _answer(content: bytes) -> tuple[int, bytes]:
    try:
        return DONE, reencode(content)
    except MemoryError:
        return TOO_MUCH_MEMORY, b""
    except (OSError, ValueError, SyntaxError, EOFError, Image.DecompressionBombError):
        return DAMAGED, b""


def main(cpu_seconds: float, memory_bytes: int) -> None:
    """Process images until the input ends. SIGPROF, which is not handled, kills the process for a slow image."""
    resource.setrlimit(resource.RLIMIT_DATA, (memory_bytes, memory_bytes))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a core dump would contain the image
    warnings.simplefilter("ignore")  # Pillow warns about large images; the size has been checked
    source, target = sys.stdin.buffer, sys.stdout.buffer
    while length := source.read(LENGTH_BYTES):
        content = source.read(int.from_bytes(length))
        signal.setitimer(signal.ITIMER_PROF, cpu_seconds)
        status, answer = _answer(content)
        signal.setitimer(signal.ITIMER_PROF, 0.0)
        target.write(bytes((status,)) + len(answer).to_bytes(LENGTH_BYTES) + answer)
        target.flush()


if __name__ == "__main__":
    main(float(sys.argv[1]), int(sys.argv[2]))
