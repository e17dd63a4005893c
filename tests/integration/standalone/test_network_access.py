"""`vigil run HOST=0.0.0.0`, accessed over HTTPS at a non-loopback address."""

import base64
import hashlib
import os
import re
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from playwright.sync_api import Error, Page, expect
from tests.cluster.processes import free_ports
from tests.integration.services.browser import Problems, chromium
from tests.integration.services.vigil_run import Run

from vigil_standalone.certificate import Certificate
from vigil_standalone.machine import addresses

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]


class NetworkRun:
    """A running Vigil that listens on every address, and what another machine knows about it."""

    def __init__(self, data: Path, address: str) -> None:
        (self.port,) = free_ports(1)
        self.url = f"https://{address}:{self.port}"
        self.run = Run(data, self.port, HOST="0.0.0.0", DEMO="0")
        secrets = data / "secrets"
        self.certificate = Certificate(secrets / "tls-certificate.pem", secrets / "tls-key.pem")

    def trusted(self) -> ssl.SSLContext:
        """Return a context that trusts this certificate alone, and checks names strictly."""
        context = ssl.create_default_context(cafile=self.certificate.certificate_file)
        context.verify_flags |= ssl.VERIFY_X509_STRICT | ssl.VERIFY_X509_PARTIAL_CHAIN
        return context

    @property
    def key_fingerprint(self) -> str:
        """The SHA-256 of the certificate's public key in base64, as Chromium takes it."""
        certificate = x509.load_pem_x509_certificate(self.certificate.certificate_file.read_bytes())
        key = certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        return base64.b64encode(hashlib.sha256(key).digest()).decode()


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NetworkRun]:
    own = [address for address in addresses() if address.version == 4]
    if not own:
        pytest.skip("needs an IPv4 address that is not loopback: ip link add dummy0 type dummy")
    network = NetworkRun(tmp_path_factory.mktemp("network") / "data", str(own[0]))
    try:
        assert network.run.value("Dashboard") == f"{network.url}/dashboard/"
        network.run.value("Password")
        yield network
    finally:
        assert network.run.stop() == 0


def test_certificate_is_verified_and_cross_site_login_rejected(network: NetworkRun) -> None:
    with httpx.Client(verify=network.trusted(), base_url=network.url, timeout=20) as client:
        page = client.get("/dashboard/login/")
        assert page.status_code == 200
        assert "Strict-Transport-Security" not in page.headers
        token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page.text)
        assert token is not None
        form = {
            "csrfmiddlewaretoken": token[1],
            "username": "admin",
            "password": network.run.value("Password"),
        }
        foreign = client.post("/dashboard/login/", data=form, headers={"origin": "https://evil.test"})
        assert foreign.status_code == 403
        problem = client.get("/api/cameras/", headers={"host": f"evil.test:{network.port}"})
        assert problem.status_code == 400
        assert problem.json()["code"] == "host_not_allowed"
    assert not any("▀" in line or "fingerprint" in line for line in network.run.lines), "a pipe is no terminal"
    assert network.certificate.key_file.stat().st_mode & 0o777 == 0o600
    assert re.fullmatch(r"([0-9A-F]{2}:){31}[0-9A-F]{2}", network.certificate.fingerprint)


def test_a_browser_that_accepts_the_fingerprint_signs_in_and_out(network: NetworkRun) -> None:
    """The key's fingerprint stands for the click on «continue». Another name leads to the page that helps."""
    wrong = f"https://vigil.test:{network.port}"
    with chromium() as careful, pytest.raises(Error, match="ERR_CERT_AUTHORITY_INVALID"):
        careful.new_page().goto(f"{network.url}/dashboard/")
    accept = f"--ignore-certificate-errors-spki-list={network.key_fingerprint}"
    with chromium(accept, "--host-resolver-rules=MAP vigil.test 127.0.0.1") as browser:
        problems, page = Problems(), browser.new_page()
        problems.watch(page)
        _sign_in(page, network)
        cookies = {cookie["name"]: cookie for cookie in page.context.cookies()}
        assert all(cookie["secure"] for cookie in cookies.values())
        assert sorted(name for name, cookie in cookies.items() if cookie["httpOnly"]) == ["sessionid"]
        page.get_by_role("button", name="Sign out").first.click()  # a POST with a CSRF token, over TLS
        page.wait_for_url(f"{network.url}/dashboard/login/*")
        assert problems.found == []

        answer = page.goto(f"{wrong}/dashboard/")
        assert answer is not None
        assert answer.status == 400
        expect(page.get_by_role("heading", name="Host name not allowed")).to_be_visible()
        expect(page.get_by_text("make run HOST=0.0.0.0")).to_be_visible()


def _sign_in(page: Page, network: NetworkRun) -> None:
    page.goto(f"{network.url}/dashboard/")
    page.fill("#id_username", "admin")
    page.fill("#id_password", network.run.value("Password"))
    page.click("button[type=submit]")
    page.wait_for_url(f"{network.url}/dashboard/")
    expect(page.get_by_role("heading").first).to_be_visible()


def test_the_pipeline_verifies_the_certificate_of_the_backend(network: NetworkRun) -> None:
    base_url = f"https://127.0.0.1:{network.port}"
    with httpx.Client(verify=network.trusted(), base_url=base_url, timeout=20) as api:
        body = {"username": "admin", "password": network.run.value("Password")}
        token = api.post("/api/token/", json=body).json()["token"]
        api.headers["Authorization"] = f"Token {token}"
        gate = {
            "name": "Gate",
            "rtsp_url": "rtsp://127.0.0.1:9/none",
            "is_active": True,
            "detection": {"model": "demo"},
        }
        camera = api.post("/api/cameras/", json=gate).json()
        _wait_for_heartbeat(api, camera["id"])
    assert not [line for line in network.run.lines if "CERTIFICATE_VERIFY_FAILED" in line]


def _wait_for_heartbeat(api: httpx.Client, camera_id: int) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        health = api.get(f"/api/cameras/{camera_id}/").json()["health"]
        if health["reason"] == "StreamUnreachable":  # the pipeline's own finding
            return
        time.sleep(0.5)
    pytest.fail(f"no heartbeat from the pipeline: {health}")


def test_import_and_export_find_the_api_of_this_machine(network: NetworkRun, tmp_path: Path) -> None:
    config = tmp_path / "config.yml"
    inputs = "{inputs: [{path: 'rtsp://192.0.2.7/live', roles: [detect]}]}"
    config.write_text(f"cameras: {{gate: {{enabled: false, ffmpeg: {inputs}}}}}")
    data = {**os.environ, "VIGIL_DATA_DIR": str(network.run.data)}
    for arguments, words in (
        (("import", "frigate", str(config)), "1 camera: 1 added, 0 changed, 0 unchanged"),
        (("export", "--credentials", str(tmp_path / "urls.yaml")), "rtsp_url: rtsp://192.0.2.7/live"),
    ):
        command = [sys.executable, "-m", "vigil_standalone", *arguments]
        finished = subprocess.run(command, env=data, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert finished.returncode == 0, finished.stderr
        assert words in finished.stdout
