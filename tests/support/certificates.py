"""A certificate authority for one test, and certificates by it, as PEM files."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


@dataclass(frozen=True)
class Certificates:
    """Paths; `server_store` is Kafka's PEM key store: key, certificate and authority in one file."""

    ca: Path
    server_store: Path
    client_certificate: Path
    client_key: Path


@dataclass(frozen=True)
class ServerFiles:
    """A server's certificate, its key, and the certificate's serial number, by which a client tells it from others."""

    certificate: Path
    key: Path
    serial: int


class Authority:
    """Issues certificates for 127.0.0.1 and localhost; `ca` is the file by which clients believe them."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._key, self._certificate = _sign(None, None, "test authority")
        self.ca = folder / "ca.pem"
        self.ca.write_bytes(_pem(self._certificate))

    def issue(
        self, name: str, *, begins: datetime | None = None, ends: datetime | None = None, password: bytes | None = None
    ) -> ServerFiles:
        """Writes NAME.crt and NAME.key; valid for an hour unless it is said otherwise."""
        key, certificate = _sign(self._key, self._certificate, name, begins, ends)
        made = ServerFiles(self._folder / f"{name}.crt", self._folder / f"{name}.key", certificate.serial_number)
        made.certificate.write_bytes(_pem(certificate) + _pem(self._certificate))
        made.key.write_bytes(_key_pem(key, password))
        return made


def make_certificates(folder: Path, client: str = "tidemill") -> Certificates:
    """Valid for an hour, for 127.0.0.1 and localhost. The server is CN=broker, the client CN=`client`."""
    folder.mkdir(parents=True, exist_ok=True)
    authority_key, authority = _sign(None, None, "test authority")
    server_key, server = _sign(authority_key, authority, "broker")
    client_key, certificate = _sign(authority_key, authority, client)
    made = Certificates(folder / "ca.pem", folder / "server.pem", folder / "client.pem", folder / "client.key")
    made.ca.write_bytes(_pem(authority))
    made.server_store.write_bytes(_key_pem(server_key) + _pem(server) + _pem(authority))
    made.client_certificate.write_bytes(_pem(certificate))
    made.client_key.write_bytes(_key_pem(client_key))
    return made


def _sign(
    issuer_key: ec.EllipticCurvePrivateKey | None,
    issuer: x509.Certificate | None,
    name: str,
    begins: datetime | None = None,
    ends: datetime | None = None,
) -> tuple[ec.EllipticCurvePrivateKey, x509.Certificate]:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    now = datetime.now(UTC)
    signing = issuer_key or key
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins or now - timedelta(minutes=5))
        .not_valid_after(ends or now + timedelta(hours=1))
        .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signing.public_key()), critical=False)
        .sign(signing, hashes.SHA256())
    )
    return key, certificate


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _key_pem(key: ec.EllipticCurvePrivateKey, password: bytes | None = None) -> bytes:
    cipher = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, cipher)
