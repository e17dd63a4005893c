"""Access from the local network: the certificate, and the effects of HOST and VIGIL_PUBLIC_URL."""

import socket
import ssl
import threading
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest

from vigil_standalone import access, machine
from vigil_standalone.certificate import LIFETIME, RENEW_BEFORE, Certificate

NAMES = ("localhost", "hall.local")
ADDRESSES = (ip_address("127.0.0.1"), ip_address("fd00::7"))


@pytest.fixture
def certificate(tmp_path: Path) -> Certificate:
    return Certificate(tmp_path / "certificate.pem", tmp_path / "key.pem")


@pytest.fixture(autouse=True)
def _machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "host_names", lambda: ("hall", "hall.local"))
    monkeypatch.setattr(machine, "addresses", lambda: (ip_address("192.168.1.7"), ip_address("fd00::7")))


@pytest.mark.parametrize("name", ["localhost", "hall.local", "127.0.0.1", "fd00::7"])
def test_the_certificate_passes_strict_verification(certificate: Certificate, name: str) -> None:
    certificate.ensure(NAMES, ADDRESSES)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(certificate.certificate_file, certificate.key_file)
    client = ssl.create_default_context(cafile=certificate.certificate_file)
    client.verify_flags |= ssl.VERIFY_X509_STRICT | ssl.VERIFY_X509_PARTIAL_CHAIN  # Python 3.13's defaults
    ours, theirs = socket.socketpair()
    with ours, theirs:
        accepted = threading.Thread(target=lambda: server.wrap_socket(theirs, server_side=True).close())
        accepted.start()
        with client.wrap_socket(ours, server_hostname=name) as connection:
            assert connection.version() == "TLSv1.3"
        accepted.join(5)


def test_the_key_is_readable_by_its_owner_only(certificate: Certificate) -> None:
    certificate.ensure(NAMES, ADDRESSES)
    assert certificate.key_file.stat().st_mode & 0o777 == 0o600


def test_certificate_is_kept_until_shortly_before_it_expires(certificate: Certificate) -> None:
    now = datetime.now(UTC)
    assert certificate.ensure(NAMES, ADDRESSES, now)
    fingerprint = certificate.fingerprint
    assert not certificate.ensure(NAMES, ADDRESSES, now + LIFETIME - RENEW_BEFORE - timedelta(hours=2))
    assert certificate.fingerprint == fingerprint
    assert certificate.ensure(NAMES, ADDRESSES, now + LIFETIME - RENEW_BEFORE)
    assert certificate.fingerprint != fingerprint


def test_only_new_addresses_replace_the_certificate(certificate: Certificate) -> None:
    certificate.ensure(NAMES, ADDRESSES)
    assert not certificate.ensure(NAMES, ADDRESSES[:1])
    assert certificate.ensure(NAMES, (*ADDRESSES, ip_address("10.0.0.9")))


@pytest.mark.parametrize("content", [b"", b"-----BEGIN CERTIFICATE-----\ncut"])
def test_damaged_file_is_created_again(certificate: Certificate, content: bytes) -> None:
    certificate.ensure(NAMES, ADDRESSES)
    for file in (certificate.key_file, certificate.certificate_file):
        file.write_bytes(content)
        assert certificate.ensure(NAMES, ADDRESSES)


def test_loopback_uses_plain_http(tmp_path: Path) -> None:
    chosen = access.decide("127.0.0.1", 8000, "", "", tmp_path)
    assert chosen.gunicorn_arguments == ["--bind", "127.0.0.1:8000"]
    assert chosen.pipeline_environment == {"VIGIL_API_URL": "http://127.0.0.1:8000"}
    assert chosen.backend_environment == {
        "VIGIL_INSECURE_HTTP": "1",
        "VIGIL_PUBLIC_URL": "http://127.0.0.1:8000",
        "VIGIL_ALLOWED_HOSTS": "localhost,127.0.0.1",
    }
    assert not chosen.renew()


def test_a_reverse_proxy_in_front(tmp_path: Path) -> None:
    chosen = access.decide("127.0.0.1", 8000, "https://vigil.example/", "more.example", tmp_path)
    assert chosen.dashboard_url == "https://vigil.example/dashboard/"
    assert chosen.base_url == "http://127.0.0.1:8000"
    assert chosen.certificate is None
    assert chosen.backend_environment == {
        "VIGIL_INSECURE_HTTP": "0",
        "VIGIL_BEHIND_TLS_PROXY": "1",
        "VIGIL_PUBLIC_URL": "https://vigil.example",
        "VIGIL_ALLOWED_HOSTS": "localhost,127.0.0.1,more.example",
    }


def test_listening_on_all_addresses(tmp_path: Path) -> None:
    chosen = access.decide("0.0.0.0", 8000, "", "", tmp_path)
    assert chosen.dashboard_url == "https://192.168.1.7:8000/dashboard/"
    assert chosen.base_url == "https://127.0.0.1:8000"
    assert chosen.gunicorn_arguments[:2] == ["--bind", "0.0.0.0:8000"]
    assert chosen.renew()
    assert isinstance(chosen.verify(), ssl.SSLContext)
    environment = chosen.backend_environment
    assert environment["VIGIL_INSECURE_HTTP"] == environment["VIGIL_HSTS"] == "0"
    assert environment["VIGIL_ALLOWED_HOSTS"] == ("localhost,hall,hall.local,127.0.0.1,[::1],192.168.1.7,[fd00::7]")
    assert chosen.pipeline_environment["VIGIL_API_CA_FILE"] == str(tmp_path / "tls-certificate.pem")


def test_one_address_and_loopback_for_the_pipeline(tmp_path: Path) -> None:
    chosen = access.decide("fd00::7", 8000, "https://vigil.example", "", tmp_path)
    assert chosen.listen == ("[fd00::7]:8000", "127.0.0.1:8000")
    assert chosen.dashboard_url == "https://vigil.example/dashboard/"


def test_fingerprint_is_only_printed_to_a_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen = access.decide("0.0.0.0", 8000, "", "", tmp_path)
    chosen.renew()
    chosen.show()
    assert capsys.readouterr().out == f"Dashboard: https://192.168.1.7:8000/dashboard/\n{access.EXPOSED}\n"
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    chosen.show()
    shown = capsys.readouterr().out
    assert chosen.certificate is not None
    assert chosen.certificate.fingerprint in shown
    assert "▀" in shown


def test_loopback_needs_no_warning(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    access.decide("127.0.0.1", 8000, "https://vigil.example", "", tmp_path).show()
    assert capsys.readouterr().out == "Dashboard: https://vigil.example/dashboard/\n"


def test_the_certificate_is_renewed_while_running(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    chosen = access.decide("0.0.0.0", 8000, "", "", tmp_path)
    renewal = access.CertificateRenewal(chosen)
    assert not renewal.is_due()
    monkeypatch.setattr(access, "RENEWAL_INTERVAL_SECONDS", 0.0)
    renewal = access.CertificateRenewal(chosen)
    assert renewal.is_due()
    assert not renewal.is_due()


def test_full_disk_at_renewal_does_not_stop_vigil(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(access, "RENEWAL_INTERVAL_SECONDS", 0.0)
    renewal = access.CertificateRenewal(access.decide("0.0.0.0", 8000, "", "", tmp_path / "missing"))
    assert not renewal.is_due()
    assert capsys.readouterr().out == (
        "vigil: could not renew the certificate: No such file or directory; retrying in an hour\n"
    )


def test_an_address_of_another_machine_is_named() -> None:
    assert access.host_problem("0.0.0.0") is access.host_problem("192.168.1.7") is None
    assert access.host_problem("10.9.9.9") == (
        "HOST=10.9.9.9 is no address of this machine, which has 192.168.1.7, fd00::7; HOST=0.0.0.0 takes them all"
    )


def test_the_default_route_comes_first() -> None:
    table = "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\n"
    table += "br0\t0000A8C0\t00000000\t1\t0\t0\t0\t00FFFFFF\n"
    assert machine._default_interface(table) == ""
    assert machine._default_interface(table + "eth0\t00000000\t0101A8C0\t3\t0\t0\t0\t00000000\n") == "eth0"
