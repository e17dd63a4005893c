"""Decode images in processes that are killed if an image takes too long or too much memory.

No library supports a time limit, and a thread cannot be killed. A process can, and the next image gets a new one.
Plain JPEGs, as detectors send them, are never decoded here: see `clean_image`.
"""

import atexit
import contextlib
import os
import signal
import subprocess
import sys
import threading
from dataclasses import dataclass
from queue import LifoQueue

from surveillance.core.image_parts import DAMAGED, InvalidImageError
from surveillance.core.image_process import DONE, LENGTH_BYTES, TOO_MUCH_MEMORY


class DecoderUnavailableError(Exception):
    """The process ended or timed out, and not provably because of the image: retry."""


@dataclass(frozen=True, slots=True)
class DecodingLimits:
    """Limits for one image. `wall_seconds` kills a waiting process; a busy machine needs a multiple."""

    cpu_seconds: float = 3.0
    memory_bytes: int = 512 * 1024 * 1024
    wall_seconds: float = 30.0

    @property
    def too_slow(self) -> str:
        """Return the message for the sender."""
        return f"takes more than {self.cpu_seconds:g} s of processor time to decode; send a baseline JPEG"

    @property
    def too_large(self) -> str:
        """Return the message for the sender."""
        return f"takes more than {self.memory_bytes // 1024 // 1024} MB of memory to decode; send a smaller image"


class ImageDecoder:
    """One process, started with the first image. Not thread-safe."""

    def __init__(self, limits: DecodingLimits) -> None:
        self._limits = limits
        self._process: subprocess.Popen[bytes] | None = None

    def reencode(self, content: bytes) -> bytes:
        """Return the image as a JPEG. Raises InvalidImageError or DecoderUnavailableError."""
        process = self._start_process()
        timer = threading.Timer(self._limits.wall_seconds, process.kill)
        timer.start()
        try:
            status, answer = _request(process, content)
        except (OSError, EOFError):
            raise self._reason_of_end(process) from None
        finally:
            timer.cancel()
        if status == DONE:
            return answer
        raise InvalidImageError(self._limits.too_large if status == TOO_MUCH_MEMORY else DAMAGED)

    def close(self) -> None:
        """End the process; the next image starts a new one."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()
            for pipe in (process.stdin, process.stdout):
                with contextlib.suppress(OSError):  # unread input is discarded
                    if pipe is not None:
                        pipe.close()

    def _start_process(self) -> "subprocess.Popen[bytes]":
        if self._process is not None and self._process.poll() is not None:
            self.close()
        if self._process is None:
            limits = self._limits
            arguments = (str(limits.cpu_seconds), str(limits.memory_bytes))
            self._process = subprocess.Popen(
                # -I: neither the working directory nor PYTHON… variables influence imports.
                [sys.executable, "-I", "-m", "surveillance.core.image_process", *arguments],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env={},
                process_group=0,  # Ctrl-C in a terminal is for the server; this process ends with its input
            )
        return self._process

    def _reason_of_end(self, process: "subprocess.Popen[bytes]") -> Exception:
        self.close()
        if process.returncode == -signal.SIGPROF:
            return InvalidImageError(self._limits.too_slow)
        return DecoderUnavailableError(f"the image decoder ended with status {process.returncode}")


class ImageDecoders:
    """A pool of decoders for all threads of this process; a thread waits while all are busy."""

    def __init__(self, limits: DecodingLimits, count: int) -> None:
        self._all = [ImageDecoder(limits) for _ in range(count)]
        self._idle: LifoQueue[ImageDecoder] = LifoQueue()
        for decoder in self._all:
            self._idle.put(decoder)

    def reencode(self, content: bytes) -> bytes:
        """Return the image as a JPEG. Raises InvalidImageError or DecoderUnavailableError."""
        decoder = self._idle.get()
        try:
            return decoder.reencode(content)
        finally:
            self._idle.put(decoder)

    def close(self) -> None:
        """End all processes."""
        for decoder in self._all:
            decoder.close()


def _request(process: "subprocess.Popen[bytes]", content: bytes) -> tuple[int, bytes]:
    """Return the status and the image. Raises OSError or EOFError if the process ended."""
    if process.stdin is None or process.stdout is None:
        raise EOFError
    process.stdin.write(len(content).to_bytes(LENGTH_BYTES) + content)
    process.stdin.flush()
    head = process.stdout.read(1)
    length = process.stdout.read(LENGTH_BYTES)
    answer = process.stdout.read(int.from_bytes(length))
    if not head or len(length) != LENGTH_BYTES or len(answer) != int.from_bytes(length):
        raise EOFError
    return head[0], answer


decoders = ImageDecoders(DecodingLimits(), min(2, os.cpu_count() or 1))
atexit.register(decoders.close)
