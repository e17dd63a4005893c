"""A real OpenID provider: oidc-provider on node, whose people and clock a test can change.

with openid_provider(tmp_path) as provider:
    provider.set_person("anna", groups=["guards"])
"""

import json
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from tests.cluster.processes import ServerProcess, free_ports
from tests.cluster.reaper import Reaper
from tests.integration.services.life_cycle import Service, running
from tests.integration.services.requirements import skip_without

ROOT = Path(__file__).parents[3]
PROGRAM = ROOT / "tests/integration/openid_provider/provider.mjs"
PACKAGES = ROOT / ".venvs/openid-provider"


class OpenIdProvider(Service):
    """One provider with the client `vigil`."""

    ready_timeout_seconds = 60

    def __init__(self, directory: Path, reaper: Reaper) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        (self.port,) = free_ports(1)
        self._state_file = directory / "state.json"
        self.secret_file = directory / "state.json.secret"
        self.secret_file.write_text(secrets.token_urlsafe(32))
        self._state: dict[str, Any] = {"people": {}, "origin": "", "skew_seconds": 0}
        self._write()
        command = ["node", str(PROGRAM), str(self.port), str(self._state_file), str(PACKAGES)]
        self.process = ServerProcess("openid-provider", command, directory / "provider.log", reaper)

    @property
    def url(self) -> str:
        """Return the issuer."""
        return f"http://127.0.0.1:{self.port}"

    def is_ready(self) -> bool:
        """Return whether its metadata can be read."""
        try:
            return httpx.get(f"{self.url}/.well-known/openid-configuration", timeout=5).is_success
        except httpx.HTTPError:
            return False

    def set_person(self, name: str, **claims: Any) -> None:
        """Add a person, or replace their claims."""
        self._state["people"][name] = {"preferred_username": name, "groups": [], **claims}
        self._write()

    def remove_person(self, name: str) -> None:
        """Delete the account at the provider."""
        del self._state["people"][name]
        self._write()

    def set(self, **state: Any) -> None:
        """Set `origin` (of Vigil), `skew_seconds` or `refresh_tokens`."""
        self._state |= state
        self._write()

    def providers_file(self, directory: Path, **options: Any) -> Path:
        """Write Vigil's file of providers: this one, as `main`."""
        entry = {
            "id": "main",
            "name": "Example SSO",
            "issuer": self.url,
            "client_id": "vigil",
            "client_secret_file": str(self.secret_file),
            **options,
        }
        directory.mkdir(parents=True, exist_ok=True)
        path = directory / "providers.yaml"
        path.write_text(yaml.safe_dump({"providers": [entry]}))
        return path

    def _write(self) -> None:
        partial = self._state_file.with_suffix(".part")
        partial.write_text(json.dumps(self._state))
        partial.replace(self._state_file)  # the provider may be reading it


@contextmanager
def openid_provider(directory: Path) -> Iterator[OpenIdProvider]:
    """Run a provider; skip the test without node or the package."""
    if shutil.which("node") is None:
        skip_without("node (then run bash tools/setup_node.sh)", "nodejs", "npm")
    if not (PACKAGES / "node_modules/oidc-provider").is_dir():
        pytest.skip(f"no {PACKAGES.relative_to(ROOT)}: bash tools/setup_node.sh")
    reaper = Reaper()
    try:
        with running(OpenIdProvider(directory, reaper)) as provider:
            yield provider
    finally:
        reaper.close()
