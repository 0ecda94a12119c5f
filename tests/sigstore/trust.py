"""What a client has to know of a deployment: its `ClientTrustConfig`, of the keys and certificates that are in use."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.x509.oid import NameOID

OPERATOR = "tidemill.test"
MEDIA = "application/vnd.dev.sigstore."
REKOR_ORIGIN = "rekor.tidemill.test"
"""The name under which the log signs its checkpoints."""


@dataclass(frozen=True)
class Trusted:
    """Addresses by `fulcio`, `issuer`, `rekor`, `timestamps` and `ct`, and what those there sign by."""

    urls: Mapping[str, str]
    fulcio: Sequence[x509.Certificate]
    timestamps: Sequence[x509.Certificate]
    ct: ec.EllipticCurvePublicKey
    rekor: ed25519.Ed25519PublicKey

    def config(self) -> dict[str, Any]:
        """The JSON document."""
        since = {"start": (datetime.now(UTC) - timedelta(minutes=5)).strftime("%Y-%m-%dT%H:%M:%SZ")}
        return {
            "mediaType": f"{MEDIA}clienttrustconfig.v0.1+json",
            "trustedRoot": {
                "mediaType": f"{MEDIA}trustedroot+json;version=0.1",
                "tlogs": [_log(self.urls["rekor"], self.rekor, since)],
                "certificateAuthorities": [_authority(self.urls["fulcio"], self.fulcio, since)],
                "ctlogs": [_log(self.urls["ct"], self.ct, since)],
                "timestampAuthorities": [_authority(self.urls["timestamps"], self.timestamps, since)],
            },
            "signingConfig": {
                "mediaType": f"{MEDIA}signingconfig.v0.2+json",
                "caUrls": [_service(self.urls["fulcio"], 1, since)],
                "oidcUrls": [_service(self.urls["issuer"], 1, since)],
                "rekorTlogUrls": [_service(self.urls["rekor"], 2, since)],
                "rekorTlogConfig": {"selector": "ANY"},
                "tsaUrls": [_service(f"{self.urls['timestamps']}/api/v1/timestamp", 1, since)],
                "tsaConfig": {"selector": "ANY"},
            },
        }


def _service(url: str, version: int, since: Mapping[str, str]) -> dict[str, Any]:
    return {"url": url, "majorApiVersion": version, "validFor": since, "operator": OPERATOR}


def _log(
    url: str, key: ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey, since: Mapping[str, str]
) -> dict[str, Any]:
    der = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    if isinstance(key, ed25519.Ed25519PublicKey):  # a log of tiles is named by a checkpoint's key, not truncated
        kind, name = "PKIX_ED25519", REKOR_ORIGIN.encode() + b"\n\x01" + key.public_bytes_raw()
    else:
        kind, name = "PKIX_ECDSA_P256_SHA_256", der
    return {
        "baseUrl": url,
        "hashAlgorithm": "SHA2_256",
        "publicKey": {"rawBytes": _text(der), "keyDetails": kind, "validFor": since},
        "logId": {"keyId": _text(hashlib.sha256(name).digest())},
        "operator": OPERATOR,
    }


def _authority(url: str, chain: Sequence[x509.Certificate], since: Mapping[str, str]) -> dict[str, Any]:
    names = {"organization": NameOID.ORGANIZATION_NAME, "commonName": NameOID.COMMON_NAME}
    subject = {key: chain[-1].subject.get_attributes_for_oid(oid)[0].value for key, oid in names.items()}
    raw = [{"rawBytes": _text(one.public_bytes(serialization.Encoding.DER))} for one in chain]
    return {
        "subject": subject, "uri": url, "certChain": {"certificates": raw}, "validFor": since, "operator": OPERATOR,
    }  # fmt: skip


def _text(raw: bytes) -> str:
    return base64.b64encode(raw).decode()
