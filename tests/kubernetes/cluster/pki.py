"""The control plane's certificate authority and what it signs, as PEM files."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

DAY = timedelta(days=1)


class Authority:
    """`ca.crt` in `folder`, and by `issue` NAME.crt and NAME.key beside it; valid for a day."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._key = _new_key()
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "tidemill test cluster")])
        constraints = x509.BasicConstraints(ca=True, path_length=None)
        made = self._builder(self._name, self._key).add_extension(constraints, critical=True)
        self.certificate = folder / "ca.crt"
        self.certificate.write_bytes(_pem(made.sign(self._key, hashes.SHA256())))

    def issue(
        self, name: str, common_name: str, organisation: str = "", names: Sequence[str] = ()
    ) -> tuple[Path, Path]:
        """A certificate of a server and client and its key. `names`: host names and addresses that it is good for."""
        subject = [x509.NameAttribute(NameOID.COMMON_NAME, common_name)]
        if organisation:  # Kubernetes takes it for the user's group
            subject.append(x509.NameAttribute(NameOID.ORGANIZATION_NAME, organisation))
        key = _new_key()
        builder = self._builder(x509.Name(subject), key)
        if names:
            builder = builder.add_extension(x509.SubjectAlternativeName([_san(one) for one in names]), critical=False)
        paths = self._folder / f"{name}.crt", self._folder / f"{name}.key"
        paths[0].write_bytes(_pem(builder.sign(self._key, hashes.SHA256())))
        paths[1].write_bytes(_key_pem(key))
        return paths

    def key_pair(self, name: str) -> tuple[Path, Path]:
        """A public and a private key without a certificate: by these the API server signs service accounts' tokens."""
        key = _new_key()
        paths = self._folder / f"{name}.pub", self._folder / f"{name}.key"
        public = key.public_key()
        spki = serialization.PublicFormat.SubjectPublicKeyInfo
        paths[0].write_bytes(public.public_bytes(serialization.Encoding.PEM, spki))
        paths[1].write_bytes(_key_pem(key))
        return paths

    def _builder(self, subject: x509.Name, key: rsa.RSAPrivateKey) -> x509.CertificateBuilder:
        now = datetime.now(UTC)
        builder = x509.CertificateBuilder().subject_name(subject).issuer_name(self._name).public_key(key.public_key())
        builder = builder.serial_number(x509.random_serial_number())
        return builder.not_valid_before(now - timedelta(minutes=5)).not_valid_after(now + DAY)


def _new_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def _san(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _key_pem(key: rsa.RSAPrivateKey) -> bytes:
    pkcs8, plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, pkcs8, plain)
