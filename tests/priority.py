"""CPU priority of the tests of one worker, and of the servers that they start.

A server inherits the niceness of the worker. Kernels that schedule each session as one group (`/proc/PID/autogroup`,
see sched(7)) compare niceness only within a session, so a server's session also gets it.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

_AT_START = os.getpriority(os.PRIO_PROCESS, 0)


def add_niceness(value: int) -> None:
    """Set the niceness of this process to that of its start plus a value; without the privilege, it only rises."""
    with suppress(PermissionError):
        os.setpriority(os.PRIO_PROCESS, 0, _AT_START + value)


def share_niceness(session: int) -> None:
    """Give a child's session, named by the process id of its leader, the niceness of this process."""
    value = os.getpriority(os.PRIO_PROCESS, 0)
    if value:
        with suppress(OSError):  # no such kernel, no privilege, or the child has ended
            Path(f"/proc/{session}/autogroup").write_text(str(value))
