"""A real nginx with the configuration that Vigil ships, in front of the tests' backends."""

import contextlib
import shutil
import ssl
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from tests.cluster.certificates import CertificateAuthority
from tests.cluster.processes import ServerProcess, free_ports, is_listening
from tests.cluster.reaper import Reaper
from tests.integration.services.life_cycle import Service, running
from tests.integration.services.pgbouncer import tried
from tests.integration.services.requirements import skip_without

SHIPPED = Path(__file__).parents[3] / "manifests" / "nginx"
TEMPORARY = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
"""The prefixes of nginx's directives for folders of temporary files."""


@dataclass(frozen=True)
class Nginx(Service):
    """A running nginx; `authority` is the certificate to trust."""

    port: int
    plain_port: int
    authority: Path
    process: ServerProcess

    def is_ready(self) -> bool:
        """Return whether it listens."""
        return is_listening(self.port)

    @property
    def url(self) -> str:
        """Return the base URL without a trailing slash."""
        return f"https://127.0.0.1:{self.port}"

    def client(self, token: str = "", *, source: str = "127.0.0.1", **options: Any) -> httpx.Client:
        """Return a client that trusts the certificate and connects from that address."""
        headers = {"Authorization": f"Token {token}"} if token else {}
        context = ssl.create_default_context(cafile=str(self.authority))
        transport = httpx.HTTPTransport(verify=context, local_address=source)
        return httpx.Client(base_url=self.url, headers=headers, transport=transport, timeout=60, **options)


def program() -> str:
    """Return the path of nginx, or skip the test and name the package."""
    found = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
    if found is None:
        skip_without("nginx", "nginx")
    return found


def copied(folder: Path) -> Path:
    """Copy the shipped files with a certificate; return the CA certificate."""
    shutil.copytree(SHIPPED, folder, dirs_exist_ok=True)
    # Only root may write to Debian's own places.
    temporary = "".join(f"    {kind}_temp_path {folder}/{kind};\n" for kind in TEMPORARY)
    changes = {"pid /run/nginx.pid": f"pid {folder}/nginx.pid", "http {\n": f"http {{\n{temporary}"}
    replace(folder / "nginx.conf", changes)
    authority = CertificateAuthority(folder / "ca")
    pair = authority.server("nginx", ["127.0.0.1", "vigil.example"])
    (folder / "tls").mkdir()
    shutil.copy(pair.certificate, folder / "tls" / "tls.crt")
    shutil.copy(pair.key, folder / "tls" / "tls.key")
    return authority.files.certificate


@contextlib.contextmanager
def nginx(folder: Path, *, backends: Sequence[str], media: Path) -> Iterator[Nginx]:
    """Run nginx in front of the backends (`host:port`), as root or not."""
    authority = copied(folder)
    port, plain_port = free_ports(2)
    servers = "".join(f"    server {backend} max_fails=1 fail_timeout=2s;\n" for backend in backends)
    replace(
        folder / "site.conf",
        {
            "    server 127.0.0.1:8000 max_fails=1 fail_timeout=2s;\n": servers,
            "listen 80 default_server": f"listen 127.0.0.1:{plain_port} default_server",
            "    listen [::]:80 default_server;\n": "",
        },
    )
    replace(
        folder / "server.conf",
        {
            "listen 443 ssl": f"listen 127.0.0.1:{port} ssl",
            "listen [::]:443 ssl http2 default_server;\n": "",
            "/var/lib/vigil/media/": f"{media}/",
        },
    )
    reaper = Reaper()
    command = [program(), "-p", f"{folder}/", "-c", "nginx.conf", "-g", "daemon off; user root;"]
    # As root, since other users cannot read the test's folder; in production nginx's user needs access to the media.
    try:
        process = ServerProcess("nginx", command, folder / "nginx.log", reaper)
        with running(Nginx(port, plain_port, authority, process)) as server:
            yield server
            server.stop()
    finally:
        reaper.close()


def checked(folder: Path) -> subprocess.CompletedProcess[str]:
    """Run `nginx -t` on the files in the folder, on ports that need no root."""
    port, plain_port = free_ports(2)
    for file, shipped, free in (("site.conf", "80 ", plain_port), ("server.conf", "443 ", port)):
        listens = {f"listen {address}{shipped}": f"listen {address}{free} " for address in ("", "[::]:")}
        replace(folder / file, listens)
    command = [program(), "-t", "-p", f"{folder}/", "-c", "nginx.conf"]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def replace(file: Path, changes: dict[str, str]) -> None:
    """Replace a text in a copy of a shipped file."""
    file.write_text(tried(file.read_text(), changes))
