"""The keys and certificates of one deployment, as the PEM files that its servers read."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

BEGINS = timedelta(minutes=5)
LASTS = timedelta(days=1)
ORGANISATION = "tidemill test"


class Chain:
    """`NAME.pem`, the certificate that signs and then its root; `NAME.key`; `NAME-root.pem`. Valid for a day."""

    def __init__(self, folder: Path, name: str, use: x509.ObjectIdentifier, *, authority: bool) -> None:
        root_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
        names = _name(f"{name} root"), _name(name)
        root = _builder(names[0], names[0], root_key.public_key(), root_key)
        root = root.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        root = root.add_extension(_usage(certificates=True), critical=True)
        signs = _builder(names[1], names[0], key.public_key(), root_key)
        limit = x509.BasicConstraints(ca=authority, path_length=0 if authority else None)
        signs = signs.add_extension(limit, critical=True).add_extension(_usage(certificates=authority), critical=True)
        # RFC 3161 asks for a critical use; an authority's is what it may give to others.
        signs = signs.add_extension(x509.ExtendedKeyUsage([use]), critical=not authority)
        pem = [_pem(builder.sign(root_key, hashes.SHA256())) for builder in (signs, root)]
        self.chain, self.key, self.root = (folder / f"{name}{end}" for end in (".pem", ".key", "-root.pem"))
        self.chain.write_bytes(b"".join(pem))
        self.root.write_bytes(pem[1])
        self.key.write_bytes(_key_pem(key, serialization.PrivateFormat.PKCS8))


class Keys:
    """All of them, new."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.fulcio = Chain(folder, "fulcio", ExtendedKeyUsageOID.CODE_SIGNING, authority=True)
        self.timestamps = Chain(folder, "timestamps", ExtendedKeyUsageOID.TIME_STAMPING, authority=False)
        ct, rekor = ec.generate_private_key(ec.SECP256R1()), ed25519.Ed25519PrivateKey.generate()
        self.ct_key, self.ct_public, self.rekor_key = folder / "ct.key", folder / "ct.pub", folder / "rekor.key"
        # The log reads this one form of a key.
        self.ct_key.write_bytes(_key_pem(ct, serialization.PrivateFormat.TraditionalOpenSSL))
        self.ct = ct.public_key()
        spki = serialization.PublicFormat.SubjectPublicKeyInfo
        self.ct_public.write_bytes(self.ct.public_bytes(serialization.Encoding.PEM, spki))
        self.rekor_key.write_bytes(_key_pem(rekor, serialization.PrivateFormat.PKCS8))
        self.rekor = rekor.public_key()


def _builder(
    subject: x509.Name, issuer: x509.Name, public: ec.EllipticCurvePublicKey, signing: ec.EllipticCurvePrivateKey
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(public)
    builder = builder.serial_number(x509.random_serial_number())
    builder = builder.not_valid_before(now - BEGINS).not_valid_after(now + LASTS)
    of_issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(signing.public_key())
    builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
    return builder.add_extension(of_issuer, critical=False)


def _usage(*, certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not certificates, key_cert_sign=certificates, crl_sign=certificates,
        content_commitment=False, key_encipherment=False, data_encipherment=False, key_agreement=False,
        encipher_only=False, decipher_only=False,
    )  # fmt: skip


def _name(common: str) -> x509.Name:
    organisation = x509.NameAttribute(NameOID.ORGANIZATION_NAME, ORGANISATION)
    return x509.Name([organisation, x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _key_pem(key: ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey, form: serialization.PrivateFormat) -> bytes:
    return key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())
