"""A bundle: a signature with all that proves it, verified without asking anybody.

That is the certificate's chain to the trust root, that the certificate stands in the certificate log, that the
signature stands in the transparency log and when it came there, within the minutes that the certificate was valid for,
and the signature itself. sigstore's library does it; who signed is read here, from the certificate alone.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from tidemill.artifact.errors import ArtifactError, Reason
from tidemill.artifact.keyless.identities import Identity
from tidemill.artifact.keyless.library import one_line

if TYPE_CHECKING:
    from cryptography.x509 import Certificate
    from sigstore.models import TrustedRoot

__all__ = ["verified_signer"]

_FULCIO: Final = "1.3.6.1.4.1.57264.1."
_ISSUER_OLD, _OTHER_NAME, _ISSUER = (f"{_FULCIO}{number}" for number in (1, 7, 8))


def verified_signer(bundle: Mapping[str, Any], data: bytes, root: TrustedRoot) -> Identity:
    """Who has signed `data`, by a bundle that holds. Raises ArtifactError (reason `unsigned`) where it does not,
    whatever it is: nothing that a stranger writes there is a defect of ours.
    """
    from sigstore.models import Bundle
    from sigstore.verify import Verifier

    signer = _Signer()
    try:
        Verifier(trusted_root=root).verify_artifact(data, Bundle.from_json(json.dumps(bundle)), signer)
    except Exception as error:  # a stranger's bundle may make the library fail in any way
        told = f"the manifest's signature does not hold: {type(error).__name__}: {one_line(error)}"
        raise ArtifactError(told, Reason.UNSIGNED) from error
    if signer.found is None:
        raise ArtifactError("the manifest's signature names nobody who signed", Reason.UNSIGNED)
    return signer.found


class _Signer:
    """What sigstore calls a policy; it lets every readable identity pass, and keeps it for whoever decides."""

    def __init__(self) -> None:
        self.found: Identity | None = None

    def verify(self, cert: Certificate) -> None:
        self.found = _identity_of(cert)


def _identity_of(certificate: Certificate) -> Identity:
    """Raises ValueError and what cryptography raises where there is not exactly one name and one issuer."""
    from cryptography.x509 import (
        OtherName,
        RFC822Name,
        SubjectAlternativeName,
        UniformResourceIdentifier,
    )

    names = list(certificate.extensions.get_extension_for_class(SubjectAlternativeName).value)
    if len(names) != 1:
        raise ValueError(f"the certificate has {len(names)} names of who signs, not one")
    (name,) = names
    if isinstance(name, RFC822Name | UniformResourceIdentifier):
        return Identity(name.value, _issuer_of(certificate))
    if isinstance(name, OtherName) and name.type_id.dotted_string == _OTHER_NAME:
        return Identity(_utf8(name.value), _issuer_of(certificate))
    raise ValueError("the certificate's name of who signs is of another kind than sigstore's")


def _issuer_of(certificate: Certificate) -> str:
    """The issuer that both of Fulcio's extensions state, the old one in plain bytes and the new one in DER."""
    raw: dict[str, bytes] = {}
    for extension in certificate.extensions:
        if (name := extension.oid.dotted_string) in (_ISSUER_OLD, _ISSUER):
            raw[name] = extension.value.public_bytes()
    found = {_utf8(raw[_ISSUER])} if _ISSUER in raw else set()
    found |= {raw[_ISSUER_OLD].decode()} if _ISSUER_OLD in raw else set()
    if len(found) != 1:
        raise ValueError(f"the certificate states {len(found)} issuers, not one")
    return found.pop()


def _utf8(data: bytes) -> str:
    from cryptography.hazmat.asn1 import decode_der

    return decode_der(str, data)
