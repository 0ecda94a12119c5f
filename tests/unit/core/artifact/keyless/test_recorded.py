"""Signatures that sigstore's own servers gave (Fulcio, TesseraCT, Rekor's second generation, a timestamp authority),
recorded by `tests/sigstore/record.py`: they hold long after their certificates have expired, and nobody is asked.
"""

from __future__ import annotations

import base64
import json
import socket
import time
from pathlib import Path
from typing import Any

import pytest
from cryptography.x509 import load_der_x509_certificate

from tidemill.artifact import ArtifactError, Reason
from tidemill.artifact.keyless.identities import Identity, read_identities
from tidemill.artifact.keyless.signers import TrustedIdentities, TrustedSigners
from tidemill.artifact.signing import TrustedKeys, bundle_of

HERE = Path(__file__).with_name("recorded")
MANIFEST = (HERE / "manifest.json").read_bytes()
SIGNED = {name: (HERE / f"{name}.sig").read_bytes() for name in ("trainer", "person")}


def signers(folder: Path, *trusted: Identity) -> TrustedSigners:
    path = folder / "identities.yaml"
    path.write_text("".join(identity.entry() for identity in trusted))
    return TrustedSigners(TrustedKeys(folder / "no.pem"), TrustedIdentities(path, HERE / "trusted_root.json"))


@pytest.mark.parametrize("name", SIGNED)
def test_a_signature_holds_although_its_certificate_has_long_expired(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socket.socket, "connect", lambda *given: pytest.fail("somebody is asked"))
    bundle: Any = bundle_of(SIGNED[name])
    der = bundle["verificationMaterial"]["certificate"]["rawBytes"]
    certificate = load_der_x509_certificate(base64.b64decode(der))
    assert certificate.not_valid_after_utc.timestamp() < time.time()
    signers(tmp_path, *read_identities(HERE / "identities.yaml")).check(MANIFEST, SIGNED[name])


def test_each_is_of_its_own_identity_alone(tmp_path: Path) -> None:
    trainer, person = read_identities(HERE / "identities.yaml")
    signers(tmp_path, trainer).check(MANIFEST, SIGNED["trainer"])
    with pytest.raises(ArtifactError, match=r"signed by 'anna@example\.org' of the issuer .*none of the 1") as found:
        signers(tmp_path, trainer).check(MANIFEST, SIGNED["person"])
    assert found.value.reason is Reason.UNSIGNED
    with pytest.raises(ArtifactError, match="none of the 1"):
        signers(tmp_path, Identity(person.identity, trainer.issuer)).check(MANIFEST, SIGNED["person"])


def test_no_other_manifest_has_been_signed_and_no_part_comes_from_another_signature(tmp_path: Path) -> None:
    readers = signers(tmp_path, *read_identities(HERE / "identities.yaml"))
    with pytest.raises(ArtifactError, match="does not hold"):
        readers.check(MANIFEST.replace(b"7", b"8"), SIGNED["trainer"])
    own, other = (json.loads(SIGNED[name])["bundle"] for name in ("trainer", "person"))
    for part in ("certificate", "tlogEntries", "timestampVerificationData"):
        material = own["verificationMaterial"] | {part: other["verificationMaterial"][part]}
        mixed = json.dumps({"bundle": own | {"verificationMaterial": material}}).encode()
        with pytest.raises(ArtifactError, match="does not hold"):
            readers.check(MANIFEST, mixed)
    without = own["verificationMaterial"] | {"timestampVerificationData": {}}
    with pytest.raises(ArtifactError, match="does not hold"):
        readers.check(MANIFEST, json.dumps({"bundle": own | {"verificationMaterial": without}}).encode())


def test_a_root_without_the_authority_of_its_timestamps_verifies_nothing(tmp_path: Path) -> None:
    readers = signers(tmp_path, *read_identities(HERE / "identities.yaml"))
    root = json.loads((HERE / "trusted_root.json").read_text())
    other = tmp_path / "root.json"
    other.write_text(json.dumps(root | {"timestampAuthorities": []}))
    with pytest.raises(ArtifactError, match="does not hold"):
        TrustedIdentities(readers.identities.path, other).check(MANIFEST, bundle_of(SIGNED["person"]) or {})
