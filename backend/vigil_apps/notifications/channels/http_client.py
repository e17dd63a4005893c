"""One POST request by httpcore, to a checked address."""

import ssl
import time
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import httpcore
import httpx

from vigil_apps.notifications.channels import addresses
from vigil_apps.notifications.channels.addresses import CONNECT_SECONDS
from vigil_apps.notifications.channels.answers import Answer
from vigil_apps.notifications.channels.base import SEND_SECONDS, DeliveryError

_MOST_READ_BYTES = 64 * 1024


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


class PinnedBackend(httpcore.NetworkBackend):
    """httpcore's sockets, connected to checked addresses only. TLS still verifies the name in the URL.

    `ends_at`: the monotonic time at which everything ends, even if the receiver keeps sending single bytes.
    """

    def __init__(self, ends_at: float) -> None:
        self._backend = httpcore.SyncBackend()
        self._ends_at = ends_at

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        """Try one address after the other."""
        failure: Exception | None = None
        for address in addresses.permitted_addresses(host, port)[:3]:
            try:
                stream = self._backend.connect_tcp(address, port, timeout, local_address, socket_options)
                return _BoundedStream(stream, self._ends_at)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
        raise failure or httpcore.ConnectError("no address")

    def sleep(self, seconds: float) -> None:
        """Wait as httpcore does."""
        self._backend.sleep(seconds)


class _BoundedStream(httpcore.NetworkStream):
    """Applies one common time limit to all operations; httpcore limits each of them separately."""

    def __init__(self, stream: httpcore.NetworkStream, ends_at: float) -> None:
        self._stream = stream
        self._ends_at = ends_at

    def _left(self, timeout: float | None) -> float:
        left = self._ends_at - time.monotonic()
        if left <= 0:
            raise httpcore.ReadTimeout("the time limit is exceeded")
        return left if timeout is None else min(timeout, left)

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Read within the remaining time."""
        return self._stream.read(max_bytes, self._left(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Write within the remaining time."""
        self._stream.write(buffer, self._left(timeout))

    def close(self) -> None:
        """Close the socket."""
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        """Return the same stream with TLS."""
        return _BoundedStream(
            self._stream.start_tls(ssl_context, server_hostname, self._left(timeout)), self._ends_at
        )

    def get_extra_info(self, info: str) -> Any:
        """Return the socket's information."""
        return self._stream.get_extra_info(info)
