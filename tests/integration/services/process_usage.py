"""What a program with its child processes uses over some seconds: CPU time, wake-ups and memory (Linux).

usage = usage_of(pid, seconds=5)
usage.cpu_share      # of one core: 0.01 is one percent
usage.wakeups        # per second: how often a thread was scheduled after it had waited

cpu_seconds(pid)     # since the start, with the children that have ended; exact to some clock ticks
"""

import os
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_PROC = Path("/proc")
_TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Usage:
    """The sum of all processes. `wakeups` per second; `megabytes` is the proportional set size."""

    cpu_share: float
    wakeups: float
    megabytes: float


@dataclass(frozen=True, slots=True)
class _Reading:
    cpu_ns: int
    switches: int


Readings = Mapping[tuple[int, str], _Reading]
"""By process and thread."""


def usage_of(pid: int, *, seconds: float) -> Usage:
    """Measure the process and its descendants."""
    return usages_of({"": pid}, seconds=seconds)[""]


def usages_of(roots: Mapping[str, int], *, seconds: float) -> dict[str, Usage]:
    """Measure several processes with their descendants at the same time.

    Threads that start or end meanwhile count in part.
    """
    pids = {name: _with_descendants(pid) for name, pid in roots.items()}
    everything = {pid for each in pids.values() for pid in each}
    before, began = _threads(everything), time.monotonic()
    time.sleep(seconds)
    after, elapsed = _threads(everything), time.monotonic() - began
    return {name: _usage(each, before, after, elapsed) for name, each in pids.items()}


def cpu_seconds(pid: int) -> float:
    """Return the CPU time that the process and its descendants have used since their start.

    Includes threads that have ended, and children that have ended and for which their parent waited. The kernel
    rounds to clock ticks (10 ms) in each process, so measure long times.
    """
    ticks = 0
    for each in _with_descendants(pid):
        with suppress(OSError):  # it has just ended; its parent counts it
            ticks += cpu_ticks((_PROC / str(each) / "stat").read_text())
    return ticks / _TICKS_PER_SECOND


def cpu_ticks(stat: str) -> int:
    """Return `utime`, `stime`, `cutime` and `cstime` together, from the text of `/proc/PID/stat` (proc(5))."""
    return sum(int(field) for field in stat.rpartition(")")[2].split()[11:15])


def megabytes(pid: int) -> float:
    """Return the proportional set size of the process and its descendants."""
    return sum(map(_megabytes, _with_descendants(pid)))


def commands(pid: int) -> list[str]:
    """Return the command lines of the process and its descendants."""
    return [_command(each) for each in _with_descendants(pid)]


def _usage(pids: list[int], before: Readings, after: Readings, elapsed: float) -> Usage:
    none = _Reading(0, 0)
    changes = [(now, before.get(thread, none)) for thread, now in after.items() if thread[0] in pids]
    cpu_ns = sum(now.cpu_ns - former.cpu_ns for now, former in changes)
    switches = sum(now.switches - former.switches for now, former in changes)
    return Usage(cpu_ns / 1e9 / elapsed, switches / elapsed, sum(map(_megabytes, pids)))


@dataclass(frozen=True, slots=True)
class Spent:
    """What processes have used since they began. Bytes are those of `read` and `write`, in the page cache or not."""

    cpu_seconds: float
    read_bytes: int
    written_bytes: int

    def __sub__(self, former: "Spent") -> "Spent":
        """Return what was used since then."""
        return Spent(
            self.cpu_seconds - former.cpu_seconds,
            self.read_bytes - former.read_bytes,
            self.written_bytes - former.written_bytes,
        )


def spent_by(pid: int) -> Spent:
    """Return what the process and its descendants have used, without those that have ended."""
    cpu_ticks, counts = 0, {"rchar": 0, "wchar": 0}
    for each in _with_descendants(pid):
        with suppress(OSError):
            fields = (_PROC / str(each) / "stat").read_text().rpartition(")")[2].split()
            cpu_ticks += int(fields[11]) + int(fields[12])
            for line in (_PROC / str(each) / "io").read_text().splitlines():
                name, _, value = line.partition(": ")
                if name in counts:
                    counts[name] += int(value)
    return Spent(cpu_ticks / os.sysconf("SC_CLK_TCK"), counts["rchar"], counts["wchar"])


def descendant(pid: int, words: str) -> int:
    """Return the first process below `pid` whose command line contains the words; else LookupError."""
    found = [each for each in _with_descendants(pid)[1:] if words in _command(each)]
    if not found:
        raise LookupError(f"no process below {pid} has {words!r} in its command line")
    return found[0]


def _with_descendants(pid: int) -> list[int]:
    """Return the process ids, each after its parent's."""
    children: dict[int, list[int]] = {}
    for path in _PROC.iterdir():
        if path.name.isdigit():
            with suppress(OSError):
                parent = int((path / "stat").read_text().rpartition(")")[2].split()[1])
                children.setdefault(parent, []).append(int(path.name))
    found = [pid]
    for each in found:
        found += sorted(children.get(each, ()))
    return found


def _threads(pids: set[int]) -> Readings:
    readings = {}
    for pid in pids:
        for path in (_PROC / str(pid) / "task").iterdir():
            with suppress(OSError):
                status = dict(line.split(":", 1) for line in (path / "status").read_text().splitlines())
                cpu_ns = int((path / "schedstat").read_text().split()[0])
                readings[pid, path.name] = _Reading(cpu_ns, int(status["voluntary_ctxt_switches"]))
    return readings


def _megabytes(pid: int) -> float:
    try:
        lines = (_PROC / str(pid) / "smaps_rollup").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):  # it has ended
        return 0.0
    return next(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1000


def _command(pid: int) -> str:
    try:
        return (_PROC / str(pid) / "cmdline").read_text().replace("\0", " ")
    except OSError:
        return ""
