"""Map each `CAMERA=` address to its camera.

The API masks the query of a URL, but recorders have their channel there (`?channel=2`). So a keyed hash of each
address is stored with the data: equal addresses match, and no credentials are stored.
"""

import hashlib
import hmac
import json
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit


@dataclass(frozen=True, slots=True)
class AddressBook:
    """A JSON file of camera ids by the keyed hash of their address."""

    path: Path
    key: str

    def find(self, rtsp_url: str) -> int | str | None:
        """Return the id of the camera with this address, regardless of user and password."""
        return self._load().get(self._hash(rtsp_url))

    def remember(self, rtsp_url: str, camera_id: int | str) -> None:
        """Store the camera's id for this address. Raises `OSError` if the file cannot be written."""
        entries = {**self._load(), self._hash(rtsp_url): camera_id}
        new = self.path.with_suffix(".new")
        new.write_text(json.dumps(entries))
        new.replace(self.path)

    def _load(self) -> dict[str, int | str]:
        try:
            entries = json.loads(self.path.read_text())
        except (FileNotFoundError, ValueError):
            return {}
        return entries if isinstance(entries, dict) else {}

    def _hash(self, rtsp_url: str) -> str:
        parts = urlsplit(rtsp_url)
        address = urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2].lower()))
        return hmac.new(self.key.encode(), address.encode(), hashlib.sha256).hexdigest()
