"""The artifact store as a platform's processes use it: nothing from elsewhere is fetched, nothing unsigned is read."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tidemill.artifact.directory import Artifact, artifact_uri, fetch_artifact, write_artifact
from tidemill.artifact.keyless.library import check_installed
from tidemill.artifact.keyless.signer import SigstoreIdentity, is_keyless
from tidemill.artifact.keyless.signers import TrustedIdentities, TrustedSigners
from tidemill.artifact.lineage import MixtureMember
from tidemill.artifact.manifest import Manifest
from tidemill.artifact.place import check_place
from tidemill.artifact.signing import Signer, Signs, TrustedKeys, Trusts
from tidemill.artifact.signing_services import signing_service
from tidemill.errors import ConfigError
from tidemill.stores import absolute, unwatched

if TYPE_CHECKING:
    from tidemill.settings import CommonSettings


@dataclass(frozen=True, slots=True)
class ArtifactStore:
    """One store. `keys`: whose signatures count; None lets what is not signed through, too. `signing_key`: the private
    key of whoever writes; it is read when something is written. `service`: what signs instead of a key in a file.
    `identity_token`: the file of the token by which `sigstore:` signs.
    """

    root: str
    keys: Trusts | None = None
    signing_key: Path | None = None
    service: str = ""
    identity_token: Path | None = None

    @classmethod
    def of(cls, settings: CommonSettings) -> ArtifactStore:
        """As the settings say. Raises ConfigError where they name identities that cannot be verified here."""
        root = absolute(settings.artifacts)
        if settings.signatures == "off":
            return cls(root)
        token = settings.signing_identity_token_file
        return cls(root, trusts_of(settings), settings.signing_key, settings.signing_service, token)

    def fetch(
        self, model: str, uri: str, digest: str, only: Collection[str] | None = None,
        watch: Callable[[int], None] = unwatched,
    ) -> Artifact:  # fmt: skip
        """As `fetch_artifact`, of an artifact of `model` below the root, whose manifest is signed. Raises what that
        does, and ArtifactError of the reasons `place` and `unsigned`.
        """
        check_place(uri, self.root, model)
        return fetch_artifact(uri, digest, only, watch, self.keys)

    def fetch_member(self, model: str, member: MixtureMember, only: Collection[str]) -> Artifact:
        """As `fetch`, of a version that a mixture holds. Its manifest names where the member lay when it was made: of
        that the last name counts, for the store may be elsewhere by now (a restored platform); the digest says that it
        is the very one.
        """
        name = member.artifact_uri.rstrip("/").rpartition("/")[2]
        return self.fetch(model, f"{self.root.rstrip('/')}/{model}/{name}", member.manifest_digest, only)

    def write(self, uri: str, files: Mapping[str, bytes], manifest: Manifest) -> str:
        """As `write_artifact`, signed where this store asks for signatures. Raises ConfigError without a key."""
        signs = self.keys is not None and (self.service or self.signing_key is not None)
        return write_artifact(uri, files, manifest, self.signer() if signs else None)

    def signer(self) -> Signs:
        """What signs what is written here. Raises ConfigError where nothing does."""
        if is_keyless(self.service):
            trusted = self.keys.identities if isinstance(self.keys, TrustedSigners) else None
            return SigstoreIdentity(self.service, self.identity_token, trusted)
        if self.service:
            return signing_service(self.service)
        if self.signing_key is None:
            raise ConfigError("there is no signing key: set TIDEMILL_SIGNING_KEY or TIDEMILL_SIGNING_SERVICE")
        return Signer.read(self.signing_key)

    def uri(self, model: str, version: int, run_id: str) -> str:
        """Where a version lies."""
        return artifact_uri(self.root, model, version, run_id)


def trusts_of(settings: CommonSettings) -> Trusts:
    """Whose signatures count by the settings, whether or not they are asked for. Raises ConfigError as `of`."""
    keys = TrustedKeys(settings.trusted_keys)
    if settings.trusted_identities is None or settings.sigstore_trust_root is None:
        return keys
    check_installed("TIDEMILL_TRUSTED_IDENTITIES")
    return TrustedSigners(keys, TrustedIdentities(settings.trusted_identities, settings.sigstore_trust_root))
