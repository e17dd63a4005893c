"""Classify why a stream delivers no frames: one exception, with a reason of the shared vocabulary.

A fault's message contains only Vigil's own words and numbers. It never repeats text from the camera or a library,
since that may contain the credentials of a URL.
"""

import errno
import socket
import ssl
from typing import Self

from vigil_contracts.names import REASON_TEXTS, Reason


class StreamFault(Exception):  # noqa: N818  (the domain's term; not every fault is an error)
    """The stream cannot be opened or has stopped. `reason` classifies the cause; `detail` adds to the reason's text.

    `text` replaces the reason's own text where the cause and its remedy are known more precisely. It consists of
    whole sentences and ends with a full stop (`vigil_contracts.names.is_whole_message`).
    """

    def __init__(self, reason: Reason, detail: str = "", *, text: str = "") -> None:
        text = text or REASON_TEXTS[reason]
        super().__init__(f"{text} ({detail})" if detail else text)
        self.reason = reason
        self.detail = detail

    def detached(self) -> Self:
        """Return the fault without its traceback and causes, to keep it longer than the connection that it ended.

        They would keep what the connection's functions used: its decoder, and frames, 10 MB at 1080p.
        """
        self.__traceback__ = self.__context__ = self.__cause__ = None
        return self


NEEDS_A_PERSON = frozenset(
    {
        Reason.STREAM_UNAUTHORIZED,
        Reason.STREAM_NOT_FOUND,
        Reason.STREAM_FORBIDDEN,
        Reason.STREAM_UNSUPPORTED,
        Reason.MODEL_INVALID,
        Reason.DEVICE_UNAVAILABLE,
    }
)
"""Faults that a person must fix: the camera is `Failed` at once, although the detector keeps retrying."""

_STATUS_FAULTS: dict[int, tuple[Reason, str]] = {
    400: (
        Reason.STREAM_NOT_FOUND,
        "The camera does not understand the request ({}). Check the path and the query of the RTSP URL.",
    ),
    401: (
        Reason.STREAM_UNAUTHORIZED,
        "The camera rejects the user name or password ({}). Enter the camera's credentials again.",
    ),
    403: (
        Reason.STREAM_UNAUTHORIZED,
        "The camera denies this user access to the stream ({}). Grant the user access, or enter another user.",
    ),
    404: (
        Reason.STREAM_NOT_FOUND,
        "The camera responds but has no stream at this path ({}). Check the path in the RTSP URL.",
    ),
    406: (
        Reason.STREAM_UNSUPPORTED,
        "The camera cannot describe the stream as SDP ({}). Check that the path is that of a video stream.",
    ),
    407: (
        Reason.STREAM_UNAUTHORIZED,
        "A proxy in front of the camera requires its own password ({}). Enter an address that needs no proxy.",
    ),
    408: (
        Reason.STREAM_TIMEOUT,
        "The camera waited too long for a request ({}). Check its network and load; reconnecting.",
    ),
    410: (
        Reason.STREAM_NOT_FOUND,
        "The camera no longer has this stream ({}). Check the path in the RTSP URL.",
    ),
    414: (
        Reason.STREAM_NOT_FOUND,
        "The RTSP URL is too long for the camera ({}). Shorten its path or query.",
    ),
    415: (
        Reason.STREAM_UNSUPPORTED,
        "The camera cannot send the stream in this format ({}). Set it to H.264, H.265 or MJPEG.",
    ),
    429: (
        Reason.STREAM_UNREACHABLE,
        "The camera limits how often it is asked ({}). Close other viewers of the camera; reconnecting with longer"
        " pauses.",
    ),
    451: (
        Reason.STREAM_NOT_FOUND,
        "The camera does not understand a parameter ({}). Check the query of the RTSP URL.",
    ),
    453: (
        Reason.STREAM_UNREACHABLE,
        "The camera has no bandwidth or session left for another viewer ({}). Close other viewers of the camera, or"
        " lower its bit rate.",
    ),
    454: (
        Reason.STREAM_ENDED,
        "The camera no longer knows the session ({}); reconnecting.",
    ),
    455: (
        Reason.STREAM_UNREACHABLE,
        "The camera is not ready to send the stream ({}). Restart the camera if this lasts.",
    ),
    457: (
        Reason.STREAM_UNSUPPORTED,
        "The camera cannot play the stream live ({}). Check that the path is a live stream.",
    ),
    461: (
        Reason.STREAM_UNSUPPORTED,
        "The camera does not offer this transport ({}). Change the camera's transport from tcp to udp, or from udp"
        " to tcp.",
    ),
    462: (
        Reason.STREAM_UNREACHABLE,
        "The camera cannot send to the detector's address ({}). Change the camera's transport to tcp.",
    ),
    500: (
        Reason.STREAM_UNREACHABLE,
        "The camera has an internal error ({}). Restart the camera, and update its firmware if this lasts.",
    ),
    503: (
        Reason.STREAM_UNREACHABLE,
        "The camera is overloaded or allows no more viewers ({}). Close other viewers of the camera, or restart it.",
    ),
}
_STATUS_FAULTS |= dict.fromkeys(
    (405, 501, 505, 551),
    (
        Reason.STREAM_UNSUPPORTED,
        "The camera does not support a required RTSP method ({}). Check the RTSP URL and the firmware.",
    ),
)
_STATUS_FAULTS |= dict.fromkeys(
    (459, 460),
    (
        Reason.STREAM_UNSUPPORTED,
        "The camera cannot play this combination of tracks ({}). Enter the RTSP URL of its video stream alone.",
    ),
)
_STATUS_FAULTS |= dict.fromkeys(
    (502, 504),
    (
        Reason.STREAM_UNREACHABLE,
        "A recorder or proxy responds but cannot reach the camera behind it ({}). Check its power and network.",
    ),
)
_REDIRECT = (
    Reason.STREAM_FORBIDDEN,
    "The camera redirects to another address, which is not followed ({}). Enter that address as the RTSP URL.",
)
_REFUSED = (
    Reason.STREAM_UNREACHABLE,
    "The camera refuses the request ({}). Check the RTSP URL and the camera's settings.",
)
_FAILED = (
    Reason.STREAM_UNREACHABLE,
    "The camera reports an internal error ({}). Restart the camera if this lasts.",
)


def from_status(status: int) -> StreamFault | None:
    """Return the fault for an RTSP status (RFC 2326, section 7.1.1) of OPTIONS, DESCRIBE, SETUP or PLAY, if any."""
    if status < 300:
        return None
    other = _REDIRECT if status < 400 else _REFUSED if status < 500 else _FAILED
    reason, text = _STATUS_FAULTS.get(status, other)
    return StreamFault(reason, text=text.format(f"RTSP status {status}"))


def from_connect_error(error: OSError) -> StreamFault:
    """Return the fault for a failed DNS look-up, connection or TLS handshake."""
    if isinstance(error, socket.gaierror):
        return StreamFault(Reason.STREAM_UNREACHABLE, "the host name cannot be resolved")
    if isinstance(error, ssl.SSLCertVerificationError):
        return StreamFault(
            Reason.STREAM_UNREACHABLE,
            text=f"The camera's certificate is not trusted: {error.verify_message}. "
            "Name the file of its authority in VIGIL_RTSPS_CA_FILE.",
        )
    if isinstance(error, ssl.SSLError):
        return StreamFault(
            Reason.STREAM_UNREACHABLE,
            text="The TLS handshake with the camera failed. Check that this port speaks rtsps, or use rtsp.",
        )
    if isinstance(error, TimeoutError):
        return StreamFault(Reason.STREAM_UNREACHABLE, "no response from the address")
    name = errno.errorcode.get(error.errno or 0, "")
    words = {"ECONNREFUSED": "the connection is refused", "ENETUNREACH": "no route to its network"}
    return StreamFault(Reason.STREAM_UNREACHABLE, words.get(name, name))
