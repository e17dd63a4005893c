"""Decodes pictures from outside, in a process of its own that the kernel ends when one costs too much.

Reads a length and a picture from standard input, writes a status, a length and a JPEG to standard output, and goes on
with the next until its input ends. `picture_decoder` starts it.
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


def encoded_anew(content: bytes) -> bytes:
    """Return the pixels as a JPEG of our own making. Raises what Pillow raises for a damaged picture."""
    with Image.open(io.BytesIO(content), formats=FORMATS) as picture:
        return _kept_quality(picture) or _converted(picture)


def _kept_quality(picture: ImageFile) -> bytes | None:
    """A JPEG keeps its tables: encoding it finer than it came would add bytes and no detail.

    Its pixels stay in the colour space that they are stored in, so that nothing is converted to and fro.
    """
    if picture.format != "JPEG" or picture.mode != "RGB" or picture.info.get("adobe_transform") == _STORED_AS_RGB:
        return None
    picture.draft("YCbCr", None)
    picture.load()
    picture.info.clear()
    output = io.BytesIO()
    try:
        picture.save(output, format="JPEG", quality="keep")
    except ValueError:  # tables that a baseline JPEG cannot hold
        return None
    return output.getvalue()


def _converted(picture: ImageFile) -> bytes:
    output = io.BytesIO()
    picture.convert("RGB").save(output, format="JPEG", quality=QUALITY)
    return output.getvalue()


def _answer(content: bytes) -> tuple[int, bytes]:
    try:
        return DONE, encoded_anew(content)
    except MemoryError:
        return TOO_MUCH_MEMORY, b""
    except (OSError, ValueError, SyntaxError, EOFError, Image.DecompressionBombError):
        return DAMAGED, b""


def main(cpu_seconds: float, memory_bytes: int) -> None:
    """Answer until the input ends. SIGPROF, which nothing here handles, ends a picture that takes longer."""
    resource.setrlimit(resource.RLIMIT_DATA, (memory_bytes, memory_bytes))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a core dump would hold the picture
    warnings.simplefilter("ignore")  # Pillow warns of large pictures; their size was checked before
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
