"""CPU priority of the tests of one worker, and of the servers that they start.

A server inherits the niceness of the worker. Kernels that schedule each session as one group (`/proc/PID/autogroup`,
see sched(7)) compare niceness only within a session, so a server's session also gets it.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

_AT_START = os.getpriority(os.PRIO_PROCESS, 0)
_urgent: set[int] = set()
"""This process, while its session goes before others."""


def add_niceness(value: int) -> None:
    """Set the niceness of this process to that of its start plus a value; without the privilege, it only rises.

    With a negative value, this session goes before the sessions of other servers until the next call.
    """
    with suppress(PermissionError):
        os.setpriority(os.PRIO_PROCESS, 0, _AT_START + value)
        if value < 0:
            _set_autogroup(os.getpid(), value)
            _urgent.add(os.getpid())
        elif os.getpid() in _urgent:
            _set_autogroup(os.getpid(), 0)
            _urgent.clear()


def share_niceness(session: int) -> None:
    """Give a child's session, named by the process id of its leader, the niceness of this process."""
    value = os.getpriority(os.PRIO_PROCESS, 0)
    if value:
        _set_autogroup(session, value)


def share_niceness_with_descendants(process: int) -> None:
    """Give the sessions of a process and of all that it has started the niceness of this process."""
    share_niceness(process)
    with suppress(OSError):  # it has ended, or there is no /proc
        for thread in Path(f"/proc/{process}/task").iterdir():
            for child in (thread / "children").read_text().split():
                share_niceness_with_descendants(int(child))


def _set_autogroup(process: int, value: int) -> None:
    with suppress(OSError):  # no such kernel, no privilege, or the process has ended
        Path(f"/proc/{process}/autogroup").write_text(str(value))
