"""Ends the processes of a test cluster when the test run that started them is gone, even by `kill -9`.

Runs as a child in a session of its own, so that Ctrl-C in the terminal does not reach it. It reads `+PID START`,
`-PID` and `/FOLDER` lines from its standard input, where START is the process's start time in clock ticks after boot
(field 22 of /proc/PID/stat: it tells a process from a later one with the same number). When the input ends, as it
does when the parent dies, every process group that is still listed is killed and every folder removed.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


def start_ticks(pid: int) -> str | None:
    """The process's start time in clock ticks after boot, or None when there is no such process."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    return stat.rpartition(")")[2].split()[19]


class Reaper:
    """The parent's end: `watch` a process group's leader, `forget` it once it has been ended."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process = subprocess.Popen(
            [sys.executable, "-S", __file__], stdin=subprocess.PIPE, text=True, start_new_session=True
        )

    def watch(self, pid: int) -> None:
        self._tell(f"+{pid} {start_ticks(pid)}")

    def forget(self, pid: int) -> None:
        self._tell(f"-{pid}")

    def temporary_folder(self, prefix: str) -> Path:
        """A new folder under the system's temporary one, which goes when the reaper ends."""
        folder = Path(tempfile.mkdtemp(prefix=prefix))
        self._tell(str(folder))
        return folder

    def close(self) -> None:
        """Ends the reaper, and with it whatever is still watched; its folders are gone when this returns."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        # A node's unpacked images are many files, which a busy disk takes more than a minute to remove.
        self._process.wait(timeout=300)

    def _tell(self, line: str) -> None:
        with self._lock:
            if self._process.stdin is not None:
                self._process.stdin.write(line + "\n")
                self._process.stdin.flush()


@contextmanager
def server_home(name: str) -> Iterator[tuple[Path, Reaper]]:
    """Where a test's server lives: an empty folder, and a reaper that ends what it watches and removes the folder."""
    reaper = Reaper()
    try:
        yield reaper.temporary_folder(f"vigil-{name}-"), reaper
    finally:
        reaper.close()


def _main() -> None:
    watched: dict[int, str] = {}
    folders: list[str] = []
    for line in sys.stdin:
        if line.startswith("+"):
            pid, ticks = line[1:].split()
            watched[int(pid)] = ticks
        elif line.startswith("/"):
            folders.append(line.rstrip("\n"))
        else:
            watched.pop(int(line[1:]), None)
    for pid, ticks in watched.items():
        if start_ticks(pid) == ticks:
            with suppress(ProcessLookupError):
                os.killpg(pid, signal.SIGKILL)
    for folder in folders:
        _remove(folder)


def _remove(folder: str, attempts: int = 50) -> None:
    """Removes the folder; again for a while, since processes that were just killed may still write into it."""
    for _ in range(attempts):
        shutil.rmtree(folder, ignore_errors=True)
        if not Path(folder).exists():
            return
        time.sleep(0.1)


if __name__ == "__main__":
    _main()
