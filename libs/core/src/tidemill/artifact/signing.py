"""Who made a version: its manifest signed, verified before anything of the model is read.

`manifest.sig` lies beside manifest.json: JSON with the key's id and the signature in base64, or, where an identity has
signed (`keyless/`), with sigstore's bundle. What is signed is a fixed text and the manifest's bytes, so that no
signature made for another purpose is one of a manifest. The manifest has the digest of every file, the model and the
version.

Keys are Ed25519 (RFC 8032), or P-256 with SHA-256 (ECDSA, FIPS 186-5, signatures in DER), which key services have.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from tidemill.artifact.errors import ArtifactError, Reason
from tidemill.errors import ConfigError
from tidemill.secret_files import replace_file

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

    PublicKey = Ed25519PublicKey | EllipticCurvePublicKey

SIGNATURE_FILE = "manifest.sig"
MAX_SIGNATURE_BYTES = 64 << 10
"""A bundle has 5 to 10 KiB: a certificate, the log's record with the same certificate in it, a proof that grows with
the logarithm of the log, and timestamps where an authority gives some.
"""
_PURPOSE = b"tidemill model manifest 1\0"
_KEY_ID_CHARACTERS = 16
_PEM = re.compile(rb"-----BEGIN PUBLIC KEY-----.+?-----END PUBLIC KEY-----\s*", re.DOTALL)


class Signs(Protocol):
    """What signs manifests: a key in a file, or a service that keeps one."""

    def sign(self, manifest: bytes) -> bytes:
        """The content of `manifest.sig` for a manifest's bytes. Raises ConfigError for what a person must mend, OSError
        where it is worth trying again.
        """
        ...


class Trusts(Protocol):
    """Whose signatures count: keys, or keys and identities."""

    def check(self, manifest: bytes, signature: bytes | None) -> None:
        """Raise ArtifactError (reason `unsigned`) unless one of them has signed these bytes. Raises OSError where what
        says whom to trust cannot be read: that is tried again.
        """
        ...


@dataclass(frozen=True, slots=True)
class Signer:
    """A private key in a file."""

    key: Ed25519PrivateKey

    @classmethod
    def read(cls, path: Path) -> Signer:
        """From a file in PEM. Raises ConfigError for one that is not there, others may read, or has no such key."""
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
        from cryptography.hazmat.primitives.serialization import load_pem_private_key

        try:
            if path.stat().st_mode & 0o007:
                raise ConfigError(f"the signing key {path} can be read by everybody: chmod 600 it")
            key = load_pem_private_key(path.read_bytes(), password=None)
        except OSError as error:
            raise ConfigError(f"the signing key {path} cannot be read: {error.strerror}. {_CURE}") from error
        except (ValueError, TypeError) as error:
            raise ConfigError(f"{path} is no private key in PEM without a password") from error
        if not isinstance(key, Ed25519PrivateKey):
            raise ConfigError(f"{path} is a key of another kind than Ed25519")
        return cls(key)

    def sign(self, manifest: bytes) -> bytes:
        """The content of `manifest.sig` for a manifest's bytes."""
        return signature_document(self.key.public_key(), self.key.sign(to_be_signed(manifest)))


@dataclass(frozen=True, slots=True)
class TrustedKeys:
    """The public keys by which a manifest may be signed: a file with one or more in PEM, read anew each time, so that a
    key is added or taken away without a restart.
    """

    path: Path

    def check(self, manifest: bytes, signature: bytes | None) -> None:
        """Raise ArtifactError (reason `unsigned`) unless one of the keys has signed these bytes. Raises OSError where
        the keys cannot be read: that is tried again.
        """
        from cryptography.exceptions import InvalidSignature

        if signature is None:
            raise ArtifactError(f"the manifest is not signed. {_MIGRATION}", Reason.UNSIGNED)
        key, signed = _read_signature(signature)
        trusted = self.keys()
        if key not in trusted:
            raise ArtifactError(
                f"the manifest is signed by the key {key[:_KEY_ID_CHARACTERS]!r}, which is none of the "
                f"{len(trusted)} in "
                f"{self.path}",
                Reason.UNSIGNED,
            )
        try:
            verify(trusted[key], signed, to_be_signed(manifest))
        except InvalidSignature:
            raise ArtifactError("the manifest's signature is not one of these bytes", Reason.UNSIGNED) from None

    def keys(self) -> Mapping[str, PublicKey]:
        """By their ids. Raises OSError, ArtifactError for a file without a key."""
        try:
            text = self.path.read_bytes()
        except OSError as error:
            raise OSError(
                f"the trusted keys {self.path} (TIDEMILL_TRUSTED_KEYS) cannot be read: {error.strerror}. {_CURE}"
            ) from error
        found = {}
        for block in _PEM.findall(text):
            key = public_key(block)
            if key is not None:
                found[key_id(key)] = key
        if not found:
            raise ArtifactError(f"{self.path} has no public key of Ed25519 or P-256 in PEM", Reason.UNSIGNED)
        return found


def key_id(key: PublicKey) -> str:
    """What a public key is called: the beginning of the SHA-256 of its 32 bytes (Ed25519) or of its DER (P-256)."""
    from cryptography.hazmat.primitives import serialization as form
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    if isinstance(key, Ed25519PublicKey):
        data = key.public_bytes_raw()
    else:
        data = key.public_bytes(form.Encoding.DER, form.PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(data).hexdigest()[:_KEY_ID_CHARACTERS]


def public_key(data: bytes) -> PublicKey | None:
    """A public key in PEM or DER; None for what is none, or of a kind that signs no manifest."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import load_der_public_key, load_pem_public_key

    try:
        key = load_pem_public_key(data) if data.lstrip().startswith(b"-----") else load_der_public_key(data)
    except (ValueError, UnsupportedAlgorithm):
        return None
    if isinstance(key, Ed25519PublicKey):
        return key
    return key if isinstance(key, EllipticCurvePublicKey) and isinstance(key.curve, SECP256R1) else None


def to_be_signed(manifest: bytes) -> bytes:
    """The bytes whose signature is a manifest's."""
    return _PURPOSE + manifest


def verify(key: PublicKey, signature: bytes, data: bytes) -> None:
    """Raise cryptography's InvalidSignature unless `key` has signed `data`."""
    from cryptography.hazmat.primitives.asymmetric.ec import ECDSA
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.hashes import SHA256

    if isinstance(key, Ed25519PublicKey):
        key.verify(signature, data)
    else:
        key.verify(signature, data, ECDSA(SHA256()))


def signature_document(key: PublicKey, signature: bytes) -> bytes:
    """The content of `manifest.sig`."""
    return json.dumps({"key": key_id(key), "signature": base64.b64encode(signature).decode()}).encode()


def trust(key: PublicKey, trusted: Path) -> bool:
    """Add a public key to `trusted`, where those of before stay; False where it is there already."""
    from cryptography.hazmat.primitives import serialization as form

    before = trusted.read_bytes() if trusted.exists() else b""
    if any(known is not None and key_id(known) == key_id(key) for known in map(public_key, _PEM.findall(before))):
        return False
    replace_file(trusted, before + key.public_bytes(form.Encoding.PEM, form.PublicFormat.SubjectPublicKeyInfo), 0o644)
    return True


def new_keys(private: Path, trusted: Path) -> str:
    """Make a pair: the private key replaces the one in `private` (readable by its owner alone), the public one is added
    to `trusted`, where those of before stay until somebody takes them out. Gives the key's id.
    """
    from cryptography.hazmat.primitives import serialization as form
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    key = Ed25519PrivateKey.generate()
    trust(key.public_key(), trusted)  # first: what is signed from now on must be trusted already
    secret = key.private_bytes(form.Encoding.PEM, form.PrivateFormat.PKCS8, form.NoEncryption())
    replace_file(private, secret, 0o600)
    return key_id(key.public_key())


def bundle_document(bundle: str) -> bytes:
    """The content of `manifest.sig` where an identity has signed; `bundle` is sigstore's JSON."""
    return b'{"bundle": ' + bundle.encode() + b"}"


def bundle_of(signature: bytes) -> Mapping[str, Any] | None:
    """The bundle in the content of a `manifest.sig`; None where a key has signed. Raises ArtifactError."""
    document = _document(signature)
    if "bundle" not in document:
        return None
    if len(document) > 1 or not isinstance(document["bundle"], dict):
        raise ArtifactError(f"{SIGNATURE_FILE} has more than a bundle, or one that is none", Reason.UNSIGNED)
    return document["bundle"]


def _document(data: bytes) -> dict[str, Any]:
    try:
        document = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise ArtifactError(f"{SIGNATURE_FILE} cannot be read", Reason.UNSIGNED) from error
    if not isinstance(document, dict):
        raise ArtifactError(f"{SIGNATURE_FILE} cannot be read", Reason.UNSIGNED)
    return document


def _read_signature(data: bytes) -> tuple[str, bytes]:
    document = _document(data)
    if "bundle" in document:
        raise ArtifactError(
            f"the manifest is signed by an identity, and none is trusted here. {_IDENTITY}", Reason.UNSIGNED
        )
    try:
        return str(document["key"]), base64.b64decode(document["signature"], validate=True)
    except (ValueError, TypeError, KeyError, binascii.Error) as error:
        raise ArtifactError(f"{SIGNATURE_FILE} cannot be read", Reason.UNSIGNED) from error


_CURE = "`tidemill models new-key` makes one; TIDEMILL_SIGNATURES=off does without"
_IDENTITY = "TIDEMILL_TRUSTED_IDENTITIES lists whom to trust (docs/import-a-model.md)"
_MIGRATION = (
    "`tidemill models sign` signs versions of before; TIDEMILL_SIGNATURES=off lets all through (docs/import-a-model.md)"
)
