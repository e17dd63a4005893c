"""Map exceptions of PyAV to stream faults."""

import errno

import av.error

from cctv.streams.faults import StreamFault
from vigil_contracts.names import Reason

_ENDED = (av.error.EOFError, BrokenPipeError, ConnectionResetError)
_TIMEOUT = (av.error.ExitError, TimeoutError, av.error.BlockingIOError)


def from_libav(error: Exception) -> StreamFault:
    """Return the fault for an exception of PyAV, if nothing more precise is known."""
    if isinstance(error, _ENDED):
        return StreamFault(Reason.STREAM_ENDED)
    if isinstance(error, _TIMEOUT):
        return StreamFault(Reason.STREAM_TIMEOUT)
    if isinstance(error, av.error.FFmpegError | ValueError):
        code = getattr(error, "errno", None)
        name = errno.errorcode.get(code, "") if isinstance(code, int) else ""
        detail = name or type(error).__name__
        return StreamFault(Reason.STREAM_UNSUPPORTED, f"the decoder reports {detail}")
    return StreamFault(Reason.STREAM_UNREACHABLE, type(error).__name__)
