"""The data directory: secrets are created at the first start, readable by their owner only."""

import errno
import secrets
import shutil
from dataclasses import dataclass
from pathlib import Path

from cryptography.fernet import Fernet

from vigil_apps.evidence.core import keys
from vigil_apps.notifications.vapid import new_key
from vigil_transfer.connection import API_URL_FILE

USER = "admin"
"""Name of the first user."""
_FULL_BELOW_BYTES = 256 * 1024  # SQLite rolls back a failed migration, which frees its space


def storage_problem(error: OSError, root: Path) -> str:
    """Return what a failed write to the data directory means, and what to do."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"no space left for {root}: free some, or set VIGIL_DATA_DIR to a folder on another disk"
    return f"cannot write to {root}: {error.strerror}: set VIGIL_DATA_DIR to a folder that this user can write to"


@dataclass(frozen=True, slots=True)
class DataDirectory:
    """The files of a standalone Vigil."""

    root: Path

    @property
    def media(self) -> Path:
        """Images and clips of alerts."""
        return self.root / "media"

    @property
    def database(self) -> Path:
        """The SQLite database, as the backend names it by default."""
        return self.root / "vigil.sqlite3"

    @property
    def spool(self) -> Path:
        """Alerts that the API has not yet stored."""
        return self.root / "spool"

    @property
    def demo(self) -> Path:
        """The demo camera's rendered clip."""
        return self.root / "demo"

    @property
    def camera_addresses(self) -> Path:
        """The file that maps `CAMERA=` addresses to cameras."""
        return self.root / "camera-addresses.json"

    @property
    def api_url_file(self) -> Path:
        """The address of the API of the last start, for `vigil import`."""
        return self.root / API_URL_FILE

    @property
    def is_full(self) -> bool:
        """Return whether the disk has no space for a database page or two."""
        return shutil.disk_usage(self.root).free < _FULL_BELOW_BYTES

    def secret_file(self, name: str) -> Path:
        """Return the path of the secret `name`."""
        return self.root / "secrets" / name

    def prepare(self) -> None:
        """Create missing directories and secrets."""
        for directory in (self.root, self.root / "secrets", self.media, self.spool, self.demo):
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._make_once("secret-key", secrets.token_urlsafe(50))
        self._make_once("credential-keys", Fernet.generate_key().decode())
        self._make_once("vapid-key", new_key())
        self._make_once("evidence-key", keys.new_key())
        self._make_once("admin-password", secrets.token_urlsafe(12))

    def read_secret(self, name: str) -> str:
        """Return the secret; empty if it does not exist yet."""
        path = self.secret_file(name)
        return path.read_text().strip() if path.exists() else ""

    def write_secret(self, name: str, value: str) -> None:
        """Replace the secret atomically: a reader gets either the old or the new one."""
        path = self.secret_file(name)
        new = path.with_suffix(".new")
        new.touch(mode=0o600)
        new.write_text(value + "\n")
        new.replace(path)

    def _make_once(self, name: str, value: str) -> None:
        if not self.read_secret(name):
            self.write_secret(name, value)
