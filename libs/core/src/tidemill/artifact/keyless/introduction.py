"""The first signature by an identity: whom readers then have to trust, and by which trust root."""

from __future__ import annotations

from dataclasses import dataclass

from tidemill.artifact.errors import ArtifactError
from tidemill.artifact.keyless import trust_root
from tidemill.artifact.keyless.bundles import verified_signer
from tidemill.artifact.keyless.identities import Identity, trust_identity
from tidemill.artifact.keyless.signer import PROBE, SigstoreIdentity
from tidemill.artifact.keyless.signers import TrustedIdentities
from tidemill.errors import ConfigError
from tidemill.secret_files import replace_file

__all__ = ["Introduced", "introduce"]


@dataclass(frozen=True, slots=True)
class Introduced:
    """Who signs; whether it was added to the trusted ones, and whether the trust root was written."""

    identity: Identity
    added: bool
    root_written: bool


def introduce(service: SigstoreIdentity, trusted: TrustedIdentities) -> Introduced:
    """Have a text signed to learn who signs, write the trust root where there is none yet, verify by it, and add who
    signed to the trusted identities. Raises as `SigstoreIdentity.sign`, and OSError where a file cannot be written.
    """
    config = service.config()
    bundle = service.probe(config)
    written = not trusted.root.exists()
    if written:
        replace_file(trusted.root, trust_root.trust_root_text(config), 0o644)
    try:
        identity = verified_signer(bundle, PROBE, trust_root.read_trust_root(trusted.root))
    except ArtifactError as error:
        raise ConfigError(
            f"{trusted.root} ({trust_root.SETTING}) does not verify what {service.address} signs: {error}. If it is an "
            "old one, put it aside and say this again: it is then written anew"
        ) from error
    return Introduced(identity, trust_identity(identity, trusted.path), written)
