"""RTSP statuses as faults, each with its cause and remedy."""

import ssl

import pytest

from cctv.streams.faults import StreamFault, from_connect_error, from_status
from vigil_contracts.names import REASON_TEXTS, Reason, is_whole_message

STATUSES = [
    *(400, 401, 402, 403, 404, 405, 406, 407, 408, 410, 411, 412, 413, 414, 415, 451, 452, 453, 454, 455, 456, 457),
    *(458, 459, 460, 461, 462, 500, 501, 502, 503, 504, 505, 551),
]
"""RFC 2326, section 7.1.1."""


def fault(status: int) -> StreamFault:
    made = from_status(status)
    assert made is not None
    return made


@pytest.mark.parametrize("status", [301, 302, 305, *STATUSES, 499, 599])
def test_rtsp_status_has_cause_and_remedy_without_repetition(status: int) -> None:
    text = str(fault(status))

    assert f"RTSP status {status}" in text
    assert len(text) <= 200
    assert is_whole_message(fault(status).reason, text)
    assert "does not answer" not in text, "it answered"


def test_success_is_not_a_fault() -> None:
    assert from_status(200) is None


@pytest.mark.parametrize(
    ("status", "reason", "remedy"),
    [
        (400, Reason.STREAM_NOT_FOUND, "Check the path"),
        (401, Reason.STREAM_UNAUTHORIZED, "credentials"),
        (403, Reason.STREAM_UNAUTHORIZED, "Grant the user access"),
        (429, Reason.STREAM_UNREACHABLE, "limits how often it is asked"),
        (451, Reason.STREAM_NOT_FOUND, "Check the query"),
        (453, Reason.STREAM_UNREACHABLE, "Close other viewers"),
        (454, Reason.STREAM_ENDED, "reconnecting"),
        (461, Reason.STREAM_UNSUPPORTED, "transport"),
        (500, Reason.STREAM_UNREACHABLE, "Restart the camera"),
        (503, Reason.STREAM_UNREACHABLE, "no more viewers"),
    ],
)
def test_remedy_matches_the_status(status: int, reason: Reason, remedy: str) -> None:
    assert fault(status).reason is reason
    assert remedy in str(fault(status))


def test_the_statuses_that_differ_have_different_sentences() -> None:
    texts = {str(fault(status)).replace(str(status), "") for status in (400, 401, 403, 404, 453, 461, 500, 503)}
    assert len(texts) == 8


def untrusted() -> ssl.SSLError:
    error = ssl.SSLCertVerificationError("x")
    error.verify_message = "self-signed certificate"
    return error


@pytest.mark.parametrize("error", [untrusted(), ssl.SSLError("x")])
def test_failed_tls_is_not_reported_as_a_time_out(error: ssl.SSLError) -> None:
    text = str(from_connect_error(error))

    assert REASON_TEXTS[Reason.STREAM_UNREACHABLE] not in text
    assert is_whole_message(Reason.STREAM_UNREACHABLE, text)
