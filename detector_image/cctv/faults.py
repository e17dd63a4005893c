"""Why a stream gives no picture: one exception with a reason of the common vocabulary, and the ways to it.

A fault's message is made of our own words and of numbers only. It never repeats what the camera or a library said,
since that may hold an address's credentials.
"""

import errno
import socket
import ssl

import av.error

from vigil_contracts.names import REASON_TEXTS, Reason


class StreamFault(Exception):  # noqa: N818  (a fault is the domain's word, and not all of them are errors)
    """The stream cannot be opened or has stopped. `reason` says why, `detail` adds what is known beyond it."""

    def __init__(self, reason: Reason, detail: str = "") -> None:
        super().__init__(f"{REASON_TEXTS[reason]} ({detail})" if detail else REASON_TEXTS[reason])
        self.reason = reason
        self.detail = detail


NEEDS_A_PERSON = frozenset(
    {
        Reason.STREAM_UNAUTHORIZED,
        Reason.STREAM_NOT_FOUND,
        Reason.STREAM_FORBIDDEN,
        Reason.STREAM_UNSUPPORTED,
        Reason.MODEL_INVALID,
    }
)
"""Faults that waiting alone does not mend: the camera is `Failed` at once, though it is still tried again."""

_STATUS_REASONS = {
    401: Reason.STREAM_UNAUTHORIZED,
    403: Reason.STREAM_UNAUTHORIZED,
    404: Reason.STREAM_NOT_FOUND,
    406: Reason.STREAM_UNSUPPORTED,
    408: Reason.STREAM_TIMEOUT,
    410: Reason.STREAM_NOT_FOUND,
    415: Reason.STREAM_UNSUPPORTED,
    454: Reason.STREAM_ENDED,
    461: Reason.STREAM_UNSUPPORTED,
}


def from_status(status: int) -> StreamFault | None:
    """What an RTSP status (RFC 2326, section 7.1.1) to OPTIONS, DESCRIBE, SETUP or PLAY means; None: all is well."""
    if status < 300:
        return None
    if status < 400:
        return StreamFault(Reason.STREAM_FORBIDDEN, f"the camera redirects to another address, status {status}")
    if status == 461:
        return StreamFault(Reason.STREAM_UNSUPPORTED, "the camera does not offer this transport, status 461")
    return StreamFault(_STATUS_REASONS.get(status, Reason.STREAM_UNREACHABLE), f"the camera answers status {status}")


def from_connect_error(error: OSError) -> StreamFault:
    """What a failed look-up, connection or TLS handshake means."""
    if isinstance(error, socket.gaierror):
        return StreamFault(Reason.STREAM_UNREACHABLE, "the host name is not known")
    if isinstance(error, ssl.SSLCertVerificationError):
        return StreamFault(
            Reason.STREAM_UNREACHABLE, f"the camera's certificate is not trusted: {error.verify_message}"
        )
    if isinstance(error, ssl.SSLError):
        return StreamFault(Reason.STREAM_UNREACHABLE, "the TLS handshake failed")
    if isinstance(error, TimeoutError):
        return StreamFault(Reason.STREAM_UNREACHABLE, "nothing answers at the address")
    name = errno.errorcode.get(error.errno or 0, "")
    words = {"ECONNREFUSED": "the connection is refused", "ENETUNREACH": "no route to its network"}
    return StreamFault(Reason.STREAM_UNREACHABLE, words.get(name, name))


_ENDED = (av.error.EOFError, BrokenPipeError, ConnectionResetError)
_TIMEOUT = (av.error.ExitError, TimeoutError, av.error.BlockingIOError)


def from_libav(error: Exception) -> StreamFault:
    """What an exception of PyAV means where nothing more exact is known."""
    if isinstance(error, _ENDED):
        return StreamFault(Reason.STREAM_ENDED)
    if isinstance(error, _TIMEOUT):
        return StreamFault(Reason.STREAM_TIMEOUT)
    if isinstance(error, av.error.FFmpegError | ValueError):
        code = getattr(error, "errno", None)
        name = errno.errorcode.get(code, "") if isinstance(code, int) else ""
        detail = name or type(error).__name__
        return StreamFault(Reason.STREAM_UNSUPPORTED, f"the decoder says {detail}")
    return StreamFault(Reason.STREAM_UNREACHABLE, type(error).__name__)
