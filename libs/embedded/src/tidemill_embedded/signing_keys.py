"""The keys by which the embedded platform signs its models, made at its first start."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from tidemill.artifact.manifest import MANIFEST_FILE
from tidemill.artifact.signing import SIGNATURE_FILE, Signer, key_id, new_keys, trust
from tidemill.artifact.signing_services import signing_service


def prepare_signing(settings: Mapping[str, str], progress: Callable[[str], None]) -> None:
    """Make a pair of keys where there is none, and sign the versions that are there already: they were made here, by
    the same person, before versions were signed. Where a service keeps the key, its
    public key is trusted. Does nothing where the settings ask for no signatures.
    """
    if settings.get("TIDEMILL_SIGNATURES") == "off":
        return
    if service := settings.get("TIDEMILL_SIGNING_SERVICE"):
        key = signing_service(service).public_key()
        if trust(key, Path(settings["TIDEMILL_TRUSTED_KEYS"])):
            progress(f"trusts the key {key_id(key)} by which {service} signs models")
        return
    private, trusted = (Path(settings[f"TIDEMILL_{name}"]) for name in ("SIGNING_KEY", "TRUSTED_KEYS"))
    if private.exists() or trusted.exists():
        return
    name = new_keys(private, trusted)
    signed = sign_all(Path(settings["TIDEMILL_ARTIFACTS"].removeprefix("file://")), Signer.read(private))
    before = f"; signed {signed} versions of before" if signed else ""
    progress(f"made the key {name} by which models are signed: {private}{before}")


def sign_all(artifacts: Path, signer: Signer) -> int:
    """Sign every artifact below a folder that nobody has signed; gives how many."""
    signed = 0
    for manifest in sorted(artifacts.glob(f"*/*/{MANIFEST_FILE}")):
        signature = manifest.with_name(SIGNATURE_FILE)
        if not signature.exists():
            signature.write_bytes(signer.sign(manifest.read_bytes()))
            signed += 1
    return signed
