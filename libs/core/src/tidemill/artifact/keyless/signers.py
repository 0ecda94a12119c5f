"""Whose signatures count: trusted identities, beside trusted keys."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tidemill.artifact.errors import ArtifactError, Reason
from tidemill.artifact.keyless import identities, trust_root
from tidemill.artifact.keyless.bundles import verified_signer
from tidemill.artifact.keyless.identities import Identity
from tidemill.artifact.signing import TrustedKeys, bundle_of, to_be_signed
from tidemill.errors import ConfigError

__all__ = ["TrustedIdentities", "TrustedSigners"]


@dataclass(frozen=True, slots=True)
class TrustedIdentities:
    """The identities by which a manifest may be signed, and the trust root by which that is verified: two files, read
    anew each time, so that both change without a restart.
    """

    path: Path
    root: Path

    def listed(self) -> tuple[Identity, ...]:
        """As `read_identities`."""
        return identities.read_identities(self.path)

    def check(self, manifest: bytes, bundle: Mapping[str, Any]) -> None:
        """Raise ArtifactError (reason `unsigned`) unless one of them has signed these bytes. Asks nobody. Raises
        OSError where a file cannot be read: that is tried again.
        """
        try:
            trusted, root = self.listed(), trust_root.read_trust_root(self.root)
        except ConfigError as error:
            raise ArtifactError(f"no signature by an identity can be verified: {error}", Reason.UNSIGNED) from error
        signer = verified_signer(bundle, to_be_signed(manifest), root)
        if signer not in trusted:
            raise ArtifactError(
                f"the manifest is signed by {signer}, which is none of the {len(trusted)} in {self.path} "
                f"({identities.SETTING})",
                Reason.UNSIGNED,
            )


@dataclass(frozen=True, slots=True)
class TrustedSigners:
    """Keys and identities side by side: either may have signed, so that a team goes from one to the other without a
    pause. Who has identities alone needs no file of keys.
    """

    trusted_keys: TrustedKeys
    identities: TrustedIdentities

    def check(self, manifest: bytes, signature: bytes | None) -> None:
        """As `TrustedKeys.check`."""
        bundle = None if signature is None else bundle_of(signature)
        if bundle is not None:
            self.identities.check(manifest, bundle)
        elif signature is not None and not self.trusted_keys.path.exists():
            told = (
                f"the manifest is signed by a key, and there are no trusted keys: {self.trusted_keys.path} is not there"
            )
            raise ArtifactError(told, Reason.UNSIGNED)
        else:
            self.trusted_keys.check(manifest, signature)
