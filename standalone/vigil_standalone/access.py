"""How clients reach the backend: on loopback only, through a reverse proxy, or over TLS from the local network.

Everything follows from two settings, `HOST` and `VIGIL_PUBLIC_URL`.
"""

import ssl
import sys
import time
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address
from pathlib import Path

import segno

from vigil_standalone import machine
from vigil_standalone.certificate import LOOPBACK, Certificate
from vigil_standalone.console import say

LOCAL = "127.0.0.1"
EXPOSED = (
    "Every device in the network can open this address. Do not forward it to the internet: use a VPN or a reverse"
    " proxy (docs/remote-access.md)."
)
RENEWAL_INTERVAL_SECONDS = 3600.0


@dataclass(frozen=True, slots=True)
class Access:
    """The settings with which the parts of Vigil are started.

    The pipeline and the supervisor use `base_url`, on loopback. gunicorn uses TLS on all of its sockets or on none,
    and a second backend process would not share live frames. They trust only `certificate`.
    """

    base_url: str
    dashboard_url: str
    listen: tuple[str, ...]
    backend_environment: dict[str, str]
    certificate: Certificate | None = None
    names: tuple[str, ...] = ()
    addresses: tuple[machine.Address, ...] = ()

    @property
    def gunicorn_arguments(self) -> list[str]:
        """Return gunicorn's options for address and certificate."""
        arguments = [part for address in self.listen for part in ("--bind", address)]
        if self.certificate is not None:
            arguments += ["--certfile", str(self.certificate.certificate_file)]
            arguments += ["--keyfile", str(self.certificate.key_file)]
        return arguments

    @property
    def pipeline_environment(self) -> dict[str, str]:
        """Return the pipeline's settings for reaching the backend."""
        environment = {"VIGIL_API_URL": self.base_url}
        if self.certificate is not None:
            environment["VIGIL_API_CA_FILE"] = str(self.certificate.certificate_file)
        return environment

    def verify(self) -> ssl.SSLContext | bool:
        """Return what httpx uses to verify the backend; False on plain loopback, since loading CAs is slow."""
        if self.certificate is None:
            return False
        return ssl.create_default_context(cafile=self.certificate.certificate_file)

    def renew(self) -> bool:
        """Create the certificate if it is missing or expires soon; return whether the parts must be restarted."""
        return self.certificate is not None and self.certificate.ensure(self.names, self.addresses)

    def show(self) -> None:
        """Print the address; on a terminal also its QR code and the fingerprint to compare in the browser."""
        say(f"Dashboard: {self.dashboard_url}")
        if self.certificate is None:
            return
        say(EXPOSED)
        if not sys.stdout.isatty():
            return
        say(f"Certificate's SHA-256 fingerprint: {self.certificate.fingerprint}")
        say("The browser warns once: compare the fingerprint there, then continue.")
        segno.make(self.dashboard_url, micro=False).terminal(sys.stdout, compact=True)


class CertificateRenewal:
    """Renews the certificate while Vigil runs for months."""

    def __init__(self, access: Access) -> None:
        self._access = access
        self._next = time.monotonic() + RENEWAL_INTERVAL_SECONDS

    def is_due(self) -> bool:
        """Renew the certificate if it expires soon; return whether the parts must be restarted. Call it often."""
        if time.monotonic() < self._next:
            return False
        self._next = time.monotonic() + RENEWAL_INTERVAL_SECONDS
        try:
            renewed = self._access.renew()
        except OSError as error:  # a full disk must not stop Vigil: the certificate is valid for another 30 days
            say(f"vigil: could not renew the certificate: {error.strerror}; retrying in an hour")
            return False
        if renewed:
            say("vigil: the certificate was renewed; restarting backend and pipeline")
        return renewed


def host_problem(host: str) -> str | None:
    """Return why no program can listen on `host`; None if that is possible."""
    address = ip_address(host)
    own = machine.addresses()
    if address.is_loopback or address.is_unspecified or address in own:
        return None
    listed = ", ".join(map(str, own)) or "none but loopback"
    return f"HOST={host} is no address of this machine, which has {listed}; HOST=0.0.0.0 takes them all"


def decide(host: str, port: int, public_url: str, allowed_hosts: str, secrets: Path) -> Access:
    """Return how the backend is reached.

    `host`: the address to listen on; `public_url`: external URL of the dashboard, or empty; `allowed_hosts`:
    additional host names, separated by commas; `secrets`: the folder of the certificate.
    """
    public_url = public_url.rstrip("/")
    more = tuple(name.strip() for name in allowed_hosts.split(",") if name.strip())
    if ip_address(host).is_loopback:
        return _on_loopback(port, public_url, more)
    return _on_network(host, port, public_url, more, secrets)


def _on_loopback(port: int, public_url: str, more: tuple[str, ...]) -> Access:
    base_url = f"http://{LOCAL}:{port}"
    if public_url:
        environment = {"VIGIL_INSECURE_HTTP": "0", "VIGIL_BEHIND_TLS_PROXY": "1"}
    else:
        environment = {"VIGIL_INSECURE_HTTP": "1"}
    environment["VIGIL_PUBLIC_URL"] = public_url or base_url
    environment["VIGIL_ALLOWED_HOSTS"] = ",".join(("localhost", LOCAL, *more))
    return Access(base_url, f"{public_url or base_url}/dashboard/", (f"{LOCAL}:{port}",), environment)


def _on_network(host: str, port: int, public_url: str, more: tuple[str, ...], secrets: Path) -> Access:
    address = ip_address(host)
    reached = machine.addresses() if address.is_unspecified else (address,)
    names = ("localhost", *machine.host_names())
    url = public_url or f"https://{_in_url(reached[0]) if reached else names[-1]}:{port}"
    listen = [f"{_in_url(address)}:{port}"]
    if not address.is_unspecified:
        listen.append(f"{LOCAL}:{port}")
    environment = {
        "VIGIL_PUBLIC_URL": url,
        "VIGIL_INSECURE_HTTP": "0",
        "VIGIL_BEHIND_TLS_PROXY": "0",
        # With HSTS, browsers do not let users accept an unknown certificate.
        "VIGIL_HSTS": "0",
        "VIGIL_ALLOWED_HOSTS": ",".join(dict.fromkeys((*names, *map(_in_url, (*LOOPBACK, *reached)), *more))),
    }
    return Access(
        base_url=f"https://{LOCAL}:{port}",
        dashboard_url=f"{url}/dashboard/",
        listen=tuple(listen),
        backend_environment=environment,
        certificate=Certificate(secrets / "tls-certificate.pem", secrets / "tls-key.pem"),
        names=names,
        addresses=(*LOOPBACK, *reached),
    )


def _in_url(address: machine.Address) -> str:
    return f"[{address}]" if isinstance(address, IPv6Address) else str(address)
