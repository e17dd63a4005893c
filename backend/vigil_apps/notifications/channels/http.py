"""Send one POST request to a user's server: to a checked address, without redirects or proxies."""

import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpcore
import httpx

from vigil_apps.notifications.channels.addresses import CONNECT_SECONDS, PinnedBackend
from vigil_apps.notifications.channels.base import SEND_SECONDS, DeliveryError

_MOST_READ_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class Answer:
    """Status and headers of the answer."""

    status: int
    retry_after_seconds: float | None


def post(url: str, *, headers: Mapping[str, str], body: bytes) -> Answer:
    """Send the request and return the answer, whatever its status. Raises DeliveryError if there is none."""
    ends_at = time.monotonic() + SEND_SECONDS
    timeout = {"connect": CONNECT_SECONDS, "read": SEND_SECONDS / 2, "write": SEND_SECONDS / 2, "pool": 1.0}
    try:
        with (
            httpcore.ConnectionPool(
                ssl_context=ssl.create_default_context(), network_backend=PinnedBackend(ends_at), max_connections=1
            ) as pool,
            pool.stream(
                "POST",
                _ascii(url),
                headers=list({"User-Agent": "Vigil", **headers}.items()),
                content=body,
                extensions={"timeout": timeout},
            ) as response,
        ):
            _read_on(response)
            return Answer(response.status, _retry_after(response))
    except httpcore.TimeoutException:
        raise DeliveryError("the receiver did not answer in time") from None
    except httpcore.ConnectError as error:
        if isinstance(error.__context__, ssl.SSLError) or "SSL" in str(error):
            raise DeliveryError("the receiver's TLS certificate is invalid, or it does not use TLS") from None
        raise DeliveryError("the receiver is unreachable") from None
    except (httpcore.NetworkError, httpcore.ProtocolError, httpcore.UnsupportedProtocol, OSError):
        raise DeliveryError("the connection broke before the receiver confirmed the message") from None


def _ascii(url: str) -> httpcore.URL:
    """Return the encoded URL: the host in IDNA (RFC 5891), the rest percent-encoded (RFC 3986)."""
    parsed = httpx.URL(url)
    return httpcore.URL(
        scheme=parsed.raw_scheme, host=parsed.raw_host, port=parsed.port, target=parsed.raw_path or b"/"
    )


def require_success(answer: Answer) -> None:
    """Raise DeliveryError unless the status is 2xx. 410 means that the receiver is gone permanently."""
    if 200 <= answer.status < 300:
        return
    if 300 <= answer.status < 400:
        raise DeliveryError(f"the receiver answered {answer.status}; redirects are not followed")
    raise DeliveryError(
        f"the receiver answered {answer.status}",
        is_gone=answer.status == 410,
        retry_after_seconds=answer.retry_after_seconds,
    )


def _read_on(response: httpcore.Response) -> None:
    """Read a short answer to its end; a long one is not read, since only the status counts."""
    count = 0
    for part in response.iter_stream():
        count += len(part)
        if count > _MOST_READ_BYTES:
            return


def _retry_after(response: httpcore.Response) -> float | None:
    """Return the seconds of a Retry-After header in either form (RFC 9110, section 10.2.3)."""
    for name, value in response.headers:
        if name.lower() != b"retry-after":
            continue
        text = value.decode("latin-1").strip()
        if text.isdigit():
            return float(min(int(text[:9]), 86400))
        try:
            return max(0.0, (parsedate_to_datetime(text) - datetime.now(UTC)).total_seconds())
        except (ValueError, TypeError):
            return None
    return None
