"""The certificate that `make run` creates for access from the local network.

It is not a CA: a phone that trusts it trusts only this machine, not other certificates signed by its key.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from vigil_standalone.machine import Address

LIFETIME = timedelta(days=397)
"""Apple's systems reject server certificates that are valid for more than 398 days."""
RENEW_BEFORE = timedelta(days=30)
_CLOCK_SKEW = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Certificate:
    """Where the certificate and its key are, both PEM."""

    certificate_file: Path
    key_file: Path

    @property
    def fingerprint(self) -> str:
        """SHA-256 as browsers show it: AB:CD:…."""
        return self._read().fingerprint(hashes.SHA256()).hex(":").upper()

    def ensure(self, names: Collection[str], addresses: Collection[Address], now: datetime | None = None) -> bool:
        """Create a new certificate unless it contains all these for RENEW_BEFORE; return whether it was created."""
        now = now or datetime.now(UTC)
        if self._is_good(set(names), set(addresses), now):
            return False
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = _make(key, names, addresses, now)
        _write(
            self.key_file,
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            ),
        )
        _write(self.certificate_file, certificate.public_bytes(serialization.Encoding.PEM))
        return True

    def _read(self) -> x509.Certificate:
        return x509.load_pem_x509_certificate(self.certificate_file.read_bytes())

    def _is_good(self, names: set[str], addresses: set[Address], now: datetime) -> bool:
        try:
            certificate = self._read()
            key = serialization.load_pem_private_key(self.key_file.read_bytes(), password=None)
            held = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        except (OSError, ValueError, TypeError, x509.ExtensionNotFound):  # missing, or its creation was interrupted
            return False
        return (
            key.public_key() == certificate.public_key()
            and certificate.not_valid_before_utc <= now < certificate.not_valid_after_utc - RENEW_BEFORE
            and names <= set(held.get_values_for_type(x509.DNSName))
            and addresses <= set(held.get_values_for_type(x509.IPAddress))
        )


def _make(
    key: ec.EllipticCurvePrivateKey, names: Collection[str], addresses: Collection[Address], now: datetime
) -> x509.Certificate:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Vigil on this machine")])
    alternatives = [*map(x509.DNSName, names), *(x509.IPAddress(address) for address in addresses)]
    # Key identifiers: Python 3.13 verifies strictly (VERIFY_X509_STRICT) and refuses a certificate without them.
    key_identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _CLOCK_SKEW)
        .not_valid_after(now - _CLOCK_SKEW + LIFETIME)
        .add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(key_identifier, critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(key_identifier), critical=False)
        .sign(key, hashes.SHA256())
    )


def _write(path: Path, content: bytes) -> None:
    """Replace the file; only its owner can read it."""
    new = path.with_name(path.name + ".new")
    new.unlink(missing_ok=True)
    new.touch(mode=0o600, exist_ok=False)
    new.write_bytes(content)
    new.replace(path)


LOOPBACK: tuple[Address, ...] = (ip_address("127.0.0.1"), ip_address("::1"))
