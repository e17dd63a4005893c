"""`vigil run HOST=0.0.0.0`, reached over https under an address that is not loopback."""

import re
import ssl
import time
from pathlib import Path

import httpx
import pytest
from tests.cluster.processes import free_ports
from tests.integration.services.vigil_run import Run

from vigil_standalone.certificate import Certificate
from vigil_standalone.machine import addresses


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_another_machine_signs_in_over_https(tmp_path: Path) -> None:
    own = [address for address in addresses() if address.version == 4]
    if not own:
        pytest.skip("needs an IPv4 address that is not loopback: ip link add dummy0 type dummy")
    (port,) = free_ports(1)
    run = Run(tmp_path / "data", port, HOST="0.0.0.0", DEMO="0")
    try:
        password, dashboard = run.value("Password"), run.value("Dashboard")
        assert dashboard == f"https://{own[0]}:{port}/dashboard/"
        secrets = tmp_path / "data/secrets"
        trusted = ssl.create_default_context(cafile=secrets / "tls-certificate.pem")
        trusted.verify_flags |= ssl.VERIFY_X509_STRICT | ssl.VERIFY_X509_PARTIAL_CHAIN
        with httpx.Client(verify=trusted, base_url=f"https://{own[0]}:{port}", timeout=20) as browser:
            _sign_in(browser, password)
            _wrong_host_says_what_to_set(browser, port)
        assert not any("▀" in line or "fingerprint" in line for line in run.lines), "a pipe is no terminal"
        assert (secrets / "tls-key.pem").stat().st_mode & 0o777 == 0o600
        _pipeline_is_heard(trusted, port, password)
        assert not [line for line in run.lines if "CERTIFICATE_VERIFY_FAILED" in line]
    finally:
        assert run.stop() == 0
    fingerprint = Certificate(secrets / "tls-certificate.pem", secrets / "tls-key.pem").fingerprint
    assert re.fullmatch(r"([0-9A-F]{2}:){31}[0-9A-F]{2}", fingerprint)


def _sign_in(browser: httpx.Client, password: str) -> None:
    page = browser.get("/dashboard/login/")
    assert page.status_code == 200
    assert "Strict-Transport-Security" not in page.headers
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page.text)
    assert token is not None
    form = {"csrfmiddlewaretoken": token[1], "username": "admin", "password": password}
    origin = str(browser.base_url).rstrip("/")
    foreign = browser.post("/dashboard/login/", data=form, headers={"origin": "https://evil.test"})
    assert foreign.status_code == 403
    answer = browser.post("/dashboard/login/", data=form, headers={"origin": origin})
    assert answer.status_code == 302, answer.text[:300]
    cookies = answer.headers.get_list("set-cookie")
    assert cookies
    assert all("Secure" in cookie for cookie in cookies)
    assert browser.get("/dashboard/").status_code == 200


def _wrong_host_says_what_to_set(browser: httpx.Client, port: int) -> None:
    answer = browser.get("/dashboard/", headers={"host": f"evil.test:{port}", "accept": "text/html"})
    assert answer.status_code == 400
    assert "make run HOST=0.0.0.0" in answer.text
    problem = browser.get("/api/cameras/", headers={"host": f"evil.test:{port}"})
    assert problem.status_code == 400
    assert problem.json()["code"] == "host_not_allowed"


def _pipeline_is_heard(trusted: ssl.SSLContext, port: int, password: str) -> None:
    """Check that the pipeline, which verifies the certificate, reads its cameras from the API."""
    with httpx.Client(verify=trusted, base_url=f"https://127.0.0.1:{port}", timeout=20) as api:
        token = api.post("/api/token/", json={"username": "admin", "password": password}).json()["token"]
        api.headers["Authorization"] = f"Token {token}"
        body = {
            "name": "Gate",
            "rtsp_url": "rtsp://127.0.0.1:9/none",
            "is_active": True,
            "detection": {"model": "demo"},
        }
        camera = api.post("/api/cameras/", json=body).json()
        _wait_for_heartbeat(api, camera["id"])


def _wait_for_heartbeat(api: httpx.Client, camera_id: int) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        health = api.get(f"/api/cameras/{camera_id}/").json()["health"]
        if health["reason"] == "StreamUnreachable":  # the pipeline's own finding
            return
        time.sleep(0.5)
    pytest.fail(f"no heartbeat from the pipeline: {health}")
