"""Decoding with a budget: pictures go to processes that are ended when one costs too much.

No library can be told to stop after some time, and a thread cannot be ended. A process can, and the next picture gets
a new one. Plain JPEGs, as detectors send them, never come here: see `pictures`.
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

from surveillance.core.picture_parts import DAMAGED, InvalidPictureError
from surveillance.core.picture_process import DONE, LENGTH_BYTES, TOO_MUCH_MEMORY


class DecoderUnavailableError(Exception):
    """The process ended, or did not answer in time, and it is not known to be the picture's fault: try again."""


@dataclass(frozen=True, slots=True)
class DecodingLimits:
    """What one picture may cost. `wall_seconds` ends a process that waits; a busy machine needs a multiple."""

    cpu_seconds: float = 3.0
    memory_bytes: int = 512 * 1024 * 1024
    wall_seconds: float = 30.0

    @property
    def too_slow(self) -> str:
        """What the sender is told."""
        return f"takes more than {self.cpu_seconds:g} s of processor time to decode; send a baseline JPEG"

    @property
    def too_large(self) -> str:
        """What the sender is told."""
        return f"takes more than {self.memory_bytes // 1024 // 1024} MB of memory to decode; send a smaller picture"


class PictureDecoder:
    """One process, started with the first picture. Not safe for threads."""

    def __init__(self, limits: DecodingLimits) -> None:
        self._limits = limits
        self._process: subprocess.Popen[bytes] | None = None

    def encoded_anew(self, content: bytes) -> bytes:
        """Return the picture as a JPEG. Raises InvalidPictureError, or DecoderUnavailableError."""
        process = self._started()
        timer = threading.Timer(self._limits.wall_seconds, process.kill)
        timer.start()
        try:
            status, answer = _asked(process, content)
        except (OSError, EOFError):
            raise self._reason_of_end(process) from None
        finally:
            timer.cancel()
        if status == DONE:
            return answer
        raise InvalidPictureError(self._limits.too_large if status == TOO_MUCH_MEMORY else DAMAGED)

    def close(self) -> None:
        """End the process; the next picture starts another."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()
            for pipe in (process.stdin, process.stdout):
                with contextlib.suppress(OSError):  # what it did not read is lost
                    if pipe is not None:
                        pipe.close()

    def _started(self) -> "subprocess.Popen[bytes]":
        if self._process is not None and self._process.poll() is not None:
            self.close()
        if self._process is None:
            limits = self._limits
            arguments = (str(limits.cpu_seconds), str(limits.memory_bytes))
            self._process = subprocess.Popen(
                # -I: neither the working directory nor PYTHON… variables decide what is imported.
                [sys.executable, "-I", "-m", "surveillance.core.picture_process", *arguments],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env={},
                process_group=0,  # a terminal's Ctrl-C is the server's; this ends with its input
            )
        return self._process

    def _reason_of_end(self, process: "subprocess.Popen[bytes]") -> Exception:
        self.close()
        if process.returncode == -signal.SIGPROF:
            return InvalidPictureError(self._limits.too_slow)
        return DecoderUnavailableError(f"the picture decoder ended with status {process.returncode}")


class PictureDecoders:
    """Some decoders for all threads of this process; a thread waits while all are at work."""

    def __init__(self, limits: DecodingLimits, count: int) -> None:
        self._all = [PictureDecoder(limits) for _ in range(count)]
        self._idle: LifoQueue[PictureDecoder] = LifoQueue()
        for decoder in self._all:
            self._idle.put(decoder)

    def encoded_anew(self, content: bytes) -> bytes:
        """Return the picture as a JPEG. Raises InvalidPictureError, or DecoderUnavailableError."""
        decoder = self._idle.get()
        try:
            return decoder.encoded_anew(content)
        finally:
            self._idle.put(decoder)

    def close(self) -> None:
        """End the processes."""
        for decoder in self._all:
            decoder.close()


def _asked(process: "subprocess.Popen[bytes]", content: bytes) -> tuple[int, bytes]:
    """The status and the picture. Raises OSError or EOFError where the process ended."""
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


decoders = PictureDecoders(DecodingLimits(), min(2, os.cpu_count() or 1))
atexit.register(decoders.close)
