"""TCP ports on loopback: whether one is usable, and why not."""

import errno
import socket

HOST = "127.0.0.1"


def port_problem(port: int) -> str | None:
    """Return why `port` is unusable, and what to set instead; None if it is usable."""
    try:
        _listen(port).close()
    except OSError as error:
        return _error_text(error, port)
    return None


def free_port(preferred: int) -> int:
    """Return `preferred` if it is free, else a port that the system chooses. Raises `OSError` if there is none."""
    try:
        probe = _listen(preferred)
    except OSError:
        probe = _listen(0)
    with probe:
        return int(probe.getsockname()[1])


def _listen(port: int) -> socket.socket:
    """Bind and listen: two sockets with SO_REUSEADDR may be bound to one port, but only one of them can listen."""
    probe = socket.socket()
    try:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind((HOST, port))
        probe.listen(1)
    except OSError:
        probe.close()
        raise
    return probe


def _error_text(error: OSError, port: int) -> str:
    if error.errno in (errno.EACCES, errno.EPERM):
        return (
            f"port {port} is privileged: this user may not listen on low ports; choose a port of 1024 or above:"
            f" make run PORT={port + 8000}"
        )
    if error.errno == errno.EADDRINUSE:
        return f"port {port} is taken; choose another: make run PORT={port + 1 if port < 65535 else 8000}"
    return f"cannot listen on {HOST}:{port}: {error.strerror}; choose another port: make run PORT=8000"
