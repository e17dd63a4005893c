"""Test certificates satisfy strict clients, such as Python 3.13's defaults."""

from __future__ import annotations

import socket
import ssl
import threading

import pytest
from cryptography import x509
from tests.cluster.certificates import CertificateAuthority, KeyPair


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> CertificateAuthority:
    return CertificateAuthority(tmp_path_factory.mktemp("authority"))


def test_every_certificate_has_the_extensions_that_rfc_5280_requires(authority: CertificateAuthority) -> None:
    issuer = _extensions(authority.files).get_extension_for_class(x509.SubjectKeyIdentifier).value.digest
    for pair in (authority.files, authority.server("api", ["127.0.0.1"]), authority.client("alice", ["viewers"])):
        is_authority = pair is authority.files
        found = _extensions(pair)
        assert (found.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest == issuer) == is_authority
        assert found.get_extension_for_class(x509.AuthorityKeyIdentifier).value.key_identifier == issuer
        assert found.get_extension_for_class(x509.BasicConstraints).value.ca == is_authority
        assert found.get_extension_for_class(x509.KeyUsage).value.key_cert_sign == is_authority


def _extensions(pair: KeyPair) -> x509.Extensions:
    return x509.load_pem_x509_certificate(pair.certificate.read_bytes()).extensions


def test_strict_peers_accept_each_other(authority: CertificateAuthority) -> None:
    serving = _strict_context(ssl.Purpose.CLIENT_AUTH, authority, authority.server("api", ["localhost"]))
    serving.verify_mode = ssl.CERT_REQUIRED
    asking = _strict_context(ssl.Purpose.SERVER_AUTH, authority, authority.client("alice"))
    ours, theirs = socket.socketpair()

    def serve() -> None:
        with serving.wrap_socket(theirs, server_side=True) as answered:
            answered.sendall(b"hello")

    thread = threading.Thread(target=serve)
    thread.start()
    with asking.wrap_socket(ours, server_hostname="localhost") as connection:
        assert connection.recv(5) == b"hello"
    thread.join(5)


def _strict_context(purpose: ssl.Purpose, authority: CertificateAuthority, pair: KeyPair) -> ssl.SSLContext:
    """Return a context with the flags that are Python's default from 3.13 on."""
    context = ssl.create_default_context(purpose, cafile=str(authority.files.certificate))
    context.verify_flags |= ssl.VERIFY_X509_STRICT | ssl.VERIFY_X509_PARTIAL_CHAIN
    context.load_cert_chain(pair.certificate, pair.key)
    return context
