"""A certificate authority for one test cluster: the API server's certificate, and users by client certificate.

Kubernetes uses a client certificate's common name as the user and its organisations as groups. So users with any name
and groups can be created at any time, without a token file or a restart.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_LIFETIME = timedelta(days=7)
_CLOCK_SKEW = timedelta(hours=3)


@dataclass(frozen=True)
class KeyPair:
    """A certificate and its private key, as PEM files."""

    certificate: Path
    key: Path


class CertificateAuthority:
    """Signs certificates with its own elliptic-curve key; all files are written to `folder`."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _name("vigil-test-ca", ())
        basic = x509.BasicConstraints(ca=True, path_length=0)
        builder = self._builder(self._name, self._key.public_key()).add_extension(basic, critical=True)
        builder = builder.add_extension(_key_usage(signs_certificates=True), critical=True)
        self.files = _write(folder / "ca", builder.sign(self._key, hashes.SHA256()), self._key)

    def server(self, name: str, addresses: Sequence[str]) -> KeyPair:
        """Return a server certificate for IP addresses and host names."""
        names = x509.SubjectAlternativeName([_general_name(address) for address in addresses])
        return self._issue(name, name, (), ExtendedKeyUsageOID.SERVER_AUTH, names)

    def client(self, user: str, groups: Sequence[str] = ()) -> KeyPair:
        """Return a user's certificate."""
        return self._issue(
            f"user-{user.replace(':', '-').replace('/', '-')}", user, groups, ExtendedKeyUsageOID.CLIENT_AUTH
        )

    def signing_key(self, name: str) -> KeyPair:
        """Return a key pair that signs ServiceAccount tokens; the certificate file contains the public key."""
        key = ec.generate_private_key(ec.SECP256R1())
        public, private = self._folder / f"{name}.pub", self._folder / f"{name}.key"
        public.write_bytes(
            key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        )
        _write_private(private, key)
        return KeyPair(public, private)

    def _issue(
        self,
        file_name: str,
        common_name: str,
        groups: Sequence[str],
        usage: x509.ObjectIdentifier,
        names: x509.SubjectAlternativeName | None = None,
    ) -> KeyPair:
        key = ec.generate_private_key(ec.SECP256R1())
        builder = self._builder(_name(common_name, groups), key.public_key())
        builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        builder = builder.add_extension(_key_usage(signs_certificates=False), critical=True)
        builder = builder.add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
        if names is not None:
            builder = builder.add_extension(names, critical=False)
        return _write(self._folder / file_name, builder.sign(self._key, hashes.SHA256()), key)

    def _builder(self, subject: x509.Name, key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
        """Return a certificate builder of this CA. Python 3.13 requires the key identifiers (RFC 5280, 4.2.1)."""
        now = datetime.now(UTC)
        authority = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - _CLOCK_SKEW)
            .not_valid_after(now + _LIFETIME)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
            .add_extension(authority, critical=False)
        )


def _key_usage(*, signs_certificates: bool) -> x509.KeyUsage:
    """Return the key usage extension (RFC 5280, section 4.2.1.3)."""
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _name(common_name: str, groups: Sequence[str]) -> x509.Name:
    organisations = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, group) for group in groups]
    return x509.Name([*organisations, x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _general_name(address: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(address))
    except ValueError:
        return x509.DNSName(address)


def _write(stem: Path, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> KeyPair:
    files = KeyPair(stem.with_name(stem.name + ".crt"), stem.with_name(stem.name + ".key"))
    files.certificate.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    _write_private(files.key, key)
    return files


def _write_private(path: Path, key: ec.EllipticCurvePrivateKey) -> None:
    path.touch(mode=0o600)
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
        )
    )
