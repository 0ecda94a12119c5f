"""The keys by which the embedded platform signs its models, made at its first start."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from tidemill.artifact.keyless.introduction import introduce
from tidemill.artifact.keyless.signer import SigstoreIdentity, is_keyless
from tidemill.artifact.keyless.signers import TrustedIdentities
from tidemill.artifact.manifest import MANIFEST_FILE
from tidemill.artifact.signing import SIGNATURE_FILE, Signer, key_id, new_keys, trust
from tidemill.artifact.signing_services import signing_service
from tidemill.errors import ConfigError


def prepare_signing(settings: Mapping[str, str], progress: Callable[[str], None]) -> None:
    """Make a pair of keys where there is none, and sign the versions that are there already: they were made here, by
    the same person, before versions were signed. Where a service keeps the key, its public key is trusted; where an
    identity signs, that. Does nothing where the settings ask for no signatures.
    """
    if settings.get("TIDEMILL_SIGNATURES") == "off":
        return
    if is_keyless(service := settings.get("TIDEMILL_SIGNING_SERVICE", "")):
        _prepare_identity(service, settings, progress)
        return
    if service:
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


def _prepare_identity(service: str, settings: Mapping[str, str], progress: Callable[[str], None]) -> None:
    """At the first start alone: each such signature stands in a log for ever."""
    names = ("TIDEMILL_TRUSTED_IDENTITIES", "TIDEMILL_SIGSTORE_TRUST_ROOT")
    if lacks := [name for name in names if not settings.get(name)]:
        raise ConfigError(f"TIDEMILL_SIGNING_SERVICE={service} needs {lacks[0]}: name the file that is to be written")
    trusted = TrustedIdentities(*(Path(settings[name]) for name in names))
    if trusted.path.exists():
        return
    token = settings.get("TIDEMILL_SIGNING_IDENTITY_TOKEN_FILE")
    found = introduce(SigstoreIdentity(service, Path(token) if token else None, None), trusted)
    progress(f"trusts the identity {found.identity} by which {service} signs models")


def sign_all(artifacts: Path, signer: Signer) -> int:
    """Sign every artifact below a folder that nobody has signed; gives how many."""
    signed = 0
    for manifest in sorted(artifacts.glob(f"*/*/{MANIFEST_FILE}")):
        signature = manifest.with_name(SIGNATURE_FILE)
        if not signature.exists():
            signature.write_bytes(signer.sign(manifest.read_bytes()))
            signed += 1
    return signed
