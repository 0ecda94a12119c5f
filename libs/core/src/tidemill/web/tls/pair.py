"""A certificate and its key, proven to be a pair that holds now, as what a TLS handshake needs."""

from __future__ import annotations

import re
import ssl
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes

from tidemill.errors import ConfigError
from tidemill.web.tls.files import Content, TlsFiles

__all__ = ["ServerPair", "load_pair"]

CIPHERS: Final = "ECDHE+AESGCM:ECDHE+CHACHA20"
"""Of TLS 1.2: authenticated encryption, and keys that a stolen private key does not open later (RFC 9325). TLS 1.3 has
no others.
"""
_KEY: Final = re.compile(rb"-----BEGIN ([A-Z ]*)PRIVATE KEY-----.*?-----END \1PRIVATE KEY-----", re.DOTALL)
_HOW = "put the whole file there: -----BEGIN … to -----END …"


@dataclass(frozen=True, slots=True)
class ServerPair:
    """`context`: for handshakes of a server. `expires_at`: when the server's own certificate ends. `names`: for which
    it is. `digest`: of the files' content.
    """

    context: ssl.SSLContext
    expires_at: datetime
    names: tuple[str, ...]
    digest: bytes


def load_pair(files: TlsFiles, now: datetime | None = None) -> ServerPair:
    """The pair that stands in the files. Raises ConfigError, under the setting's name and with the cure, where there is
    none: unreadable, no PEM, cut off, encrypted without its password, of another key, ended or not begun.
    """
    content = files.read()
    own = _certificates(files, content)[0]
    _prove_key(files, content, own)
    _prove_time(files, own, now or datetime.now(UTC))
    return ServerPair(_context(files, content), own.not_valid_after_utc, _names(own), content.digest)


def _certificates(files: TlsFiles, content: Content) -> list[x509.Certificate]:
    begun = content.certificate.count(b"-----BEGIN CERTIFICATE-----")
    if not begun:
        raise ConfigError(f"TIDEMILL_TLS_CERTIFICATE: {files.certificate} has no certificate in PEM: {_HOW}")
    try:
        found = x509.load_pem_x509_certificates(content.certificate)
    except ValueError:
        found = []
    if len(found) != begun:
        raise ConfigError(f"TIDEMILL_TLS_CERTIFICATE: {files.certificate} is cut off, or not all of it is PEM: {_HOW}")
    return found


def _prove_key(files: TlsFiles, content: Content, own: x509.Certificate) -> None:
    block = _KEY.search(content.key)
    if block is None:
        raise ConfigError(f"TIDEMILL_TLS_KEY: {files.key} has no private key in PEM: {_HOW}")
    is_encrypted = b"ENCRYPTED" in block.group()
    if is_encrypted and content.password is None:
        raise ConfigError(
            f"TIDEMILL_TLS_KEY: {files.key} is encrypted: name the file with its password in "
            "TIDEMILL_TLS_KEY_PASSWORD_FILE"
        )
    try:
        key = serialization.load_pem_private_key(block.group(), content.password if is_encrypted else None)
    except ValueError:
        raise ConfigError(_unopened(files, is_encrypted)) from None
    if _spki(key.public_key()) != _spki(own.public_key()):
        raise ConfigError(
            f"TIDEMILL_TLS_KEY: {files.key} is not the key of the first certificate in {files.certificate} "
            f"({own.subject.rfc4514_string() or 'without a name'}): name that one's key, and put the server's own "
            "certificate before those of authorities"
        )


def _unopened(files: TlsFiles, is_encrypted: bool) -> str:
    if is_encrypted:
        return (
            f"TIDEMILL_TLS_KEY_PASSWORD_FILE: {files.password} does not open {files.key}: put that key's password "
            "there, on one line"
        )
    return f"TIDEMILL_TLS_KEY: {files.key} is no private key that can be read: {_HOW}"


def _prove_time(files: TlsFiles, own: x509.Certificate, now: datetime) -> None:
    begins, ends = own.not_valid_before_utc, own.not_valid_after_utc
    wrong = f"ended on {ends:%Y-%m-%d %H:%M} UTC: renew it" if ends <= now else ""
    if begins > now:
        wrong = f"holds from {begins:%Y-%m-%d %H:%M} UTC on: take one that holds now, or set this machine's clock"
    if wrong:
        raise ConfigError(f"TIDEMILL_TLS_CERTIFICATE: {files.certificate} {wrong}")


def _context(files: TlsFiles, content: Content) -> ssl.SSLContext:
    """OpenSSL reads by path alone; that it has read what was proven is seen by a second look."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(CIPHERS)
    context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION
    context.set_alpn_protocols(["http/1.1"])
    try:
        context.load_cert_chain(files.certificate, files.key, lambda: content.password or b"")
    except (ssl.SSLError, OSError) as error:
        raise ConfigError(
            f"TIDEMILL_TLS_CERTIFICATE: {files.certificate} with {files.key} cannot be used: "
            f"{getattr(error, 'reason', None) or error}"
        ) from None
    if files.read().digest != content.digest:
        raise ConfigError(f"TIDEMILL_TLS_CERTIFICATE: {files.certificate} changed while it was read: start again")
    return context


def _names(own: x509.Certificate) -> tuple[str, ...]:
    try:
        found = own.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, ValueError):
        return ()
    return (
        *found.get_values_for_type(x509.DNSName),
        *map(str, found.get_values_for_type(x509.IPAddress)),
    )


def _spki(key: PublicKeyTypes) -> bytes:
    return key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
