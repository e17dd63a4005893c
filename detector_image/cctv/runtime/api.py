"""One API client for all threads of a detector; its token file is read again when the API rejects the token."""

import ssl
import threading
from collections.abc import Callable
from typing import TypeVar

from cctv.config import InvalidSettingError, Settings
from cctv.delivery.spool import Submission
from cctv.logs import redactor
from cctv.metrics import Metrics
from vigil_contracts.alert import ClipSubmission, ImageSubmission
from vigil_contracts.api_client import ApiClient, ApiError

T = TypeVar("T")


class Api:
    """Runs requests with `call`, which replaces a rotated token for all threads."""

    def __init__(self, settings: Settings, metrics: Metrics) -> None:
        self._settings, self._metrics = settings, metrics
        self._lock = threading.Lock()
        self._token = self._read_token()
        self._client = self._connect(self._token)

    def call(self, request: Callable[[ApiClient], T]) -> T:
        """Run `request` with the client; repeat it once if the token has been replaced. Raises `ApiError`."""
        client = self._client
        try:
            return request(client)
        except ApiError as error:
            self._metrics.api_errors.labels(str(error.status or 0)).inc()
            if error.status != 401 or not self._renew(client):
                raise
        return request(self._client)

    def deliver(self, submission: Submission, content: bytes) -> bool:
        """Send an alert, better image or clip to the API; return whether it was new. Raises `ApiError`."""
        if isinstance(submission, ClipSubmission):
            return self.call(lambda client: client.send_clip(submission, content))
        if isinstance(submission, ImageSubmission):
            self.call(lambda client: client.send_image(submission, content))
            return False
        return self.call(lambda client: client.send_alert(submission, content or None))

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _renew(self, refused: ApiClient) -> bool:
        """Return whether a new token is available; the old client is closed after its last request."""
        with self._lock:
            if self._client is not refused:
                return True
            try:
                token = self._read_token()
            except OSError:
                return False
            if not token or token == self._token:
                return False
            self._token, self._client = token, self._connect(token)
            return True

    def _connect(self, token: str) -> ApiClient:
        try:
            return ApiClient(self._settings.api_url, token, self._settings.api_ca_file)
        except (OSError, ssl.SSLError):
            raise InvalidSettingError("VIGIL_API_CA_FILE: must hold certificates in PEM form") from None

    def _read_token(self) -> str:
        token = self._settings.read_token()
        redactor.add([token])
        return token
