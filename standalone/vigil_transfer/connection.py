"""Find the API and the token: as given, or those of `vigil run` on this machine."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from vigil_contracts.api_client import ApiClient
from vigil_contracts.redaction import redactor

API_URL_FILE = "api-url"
"""Written by `vigil run` into its data directory."""
_CERTIFICATE = "tls-certificate.pem"


class ConnectionProblemError(Exception):
    """The API cannot be called; the message says what to set."""


@dataclass(frozen=True, slots=True)
class Connection:
    """Where the API is. `ca_file`: the only certificate to trust; None: those of public CAs. `is_own`: it is that of
    `vigil run` on this machine, whose tokens are sent nowhere else."""

    url: str
    token: str = field(repr=False)
    ca_file: Path | None = None
    is_own: bool = False

    def client(self) -> ApiClient:
        """Return a client. Raises ConnectionProblemError."""
        redactor.add([self.token])
        try:
            return ApiClient(self.url, self.token, self.ca_file)
        except OSError as error:
            raise ConnectionProblemError(f"cannot read certificates from {self.ca_file}: {error}") from None


def find_connection(*, url: str, token_file: Path | None, environment: Mapping[str, str] = os.environ) -> Connection:
    """Return the connection from options, environment or data directory, in this order.

    Raises ConnectionProblemError. A token is read from a file or from VIGIL_TOKEN, since `ps` shows arguments.
    """
    data = Path(environment.get("VIGIL_DATA_DIR") or "data").expanduser()
    given_url = url or environment.get("VIGIL_API_URL", "")
    found_url = given_url or _read(data / API_URL_FILE)
    if not found_url:
        raise ConnectionProblemError(
            "no address of the API: set VIGIL_API_URL (or --url), or start `vigil run`; its data directory is"
            f" {data.absolute()}, which VIGIL_DATA_DIR changes"
        )
    ca_file = Path(environment["VIGIL_API_CA_FILE"]) if environment.get("VIGIL_API_CA_FILE") else None
    if not given_url and found_url.startswith("https:"):
        ca_file = ca_file or data / "secrets" / _CERTIFICATE
    is_own = not given_url
    return Connection(found_url, _token(token_file, environment, data, is_own=is_own), ca_file, is_own)


def _token(token_file: Path | None, environment: Mapping[str, str], data: Path, *, is_own: bool) -> str:
    """Return the token. That of the data directory is sent to its own backend only."""
    chosen = token_file or (Path(environment["VIGIL_TOKEN_FILE"]) if environment.get("VIGIL_TOKEN_FILE") else None)
    if chosen is not None:
        if not (token := _read(chosen)):
            raise ConnectionProblemError(f"cannot read a token from {chosen}")
        return token
    token = environment.get("VIGIL_TOKEN", "") or (_read(data / "secrets" / "user-token") if is_own else "")
    if not token:
        raise ConnectionProblemError(
            "no token: create one in the dashboard (Settings, Tokens) and name its file with --token-file or"
            " VIGIL_TOKEN_FILE"
        )
    return token


def pipeline_token(
    connection: Connection, token_file: Path | None, environment: Mapping[str, str] = os.environ
) -> str:
    """Return the token that may read credentials: from the file, or of `vigil run` for its own backend only."""
    data = Path(environment.get("VIGIL_DATA_DIR") or "data").expanduser()
    chosen = token_file or (data / "secrets" / "pipeline-token" if connection.is_own else None)
    token = _read(chosen) if chosen is not None else ""
    if not token:
        raise ConnectionProblemError(
            "no token that may read credentials: create one with `manage.py create_token --scope pipeline`, and name"
            " its file with --pipeline-token-file"
        )
    return token


def _read(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""
