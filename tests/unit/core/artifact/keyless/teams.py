"""A team that signs by an identity, with the files of its readers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.unit.core.artifact.keyless.fake_sigstore import FakeSigstore, token
from tests.unit.core.artifact.models import manifest, scaling
from tidemill.artifact import MODEL_FILE, ArtifactStore
from tidemill.artifact.keyless.introduction import introduce
from tidemill.artifact.keyless.signer import SigstoreIdentity
from tidemill.artifact.keyless.signers import TrustedIdentities, TrustedSigners
from tidemill.artifact.signing import SIGNATURE_FILE, TrustedKeys, new_keys


class Team:
    """`store` signs by the token in `token` and reads what `identities` and `keys` trust; a version 1 is there."""

    def __init__(self, folder: Path, fake: FakeSigstore) -> None:
        self.fake, self.folder = fake, folder
        self.config = fake.write_config(folder / "config.json")
        self.identities, self.root = folder / "identities.yaml", folder / "trusted_root.json"
        self.private, self.keys = folder / "signing.pem", folder / "trusted.pem"
        self.token = folder / "token"
        self.token.write_text(token())
        self.trusted = TrustedIdentities(self.identities, self.root)
        self.service = SigstoreIdentity(f"sigstore:{self.config}", self.token, self.trusted)
        self.introduced = introduce(self.service, self.trusted)
        signers = TrustedSigners(TrustedKeys(self.keys), self.trusted)
        artifacts = (folder / "artifacts").as_uri()
        self.store = ArtifactStore(artifacts, signers, self.private, self.service.address, self.token)
        self.uri, self.digest = self.write(1)

    def write(self, version: int, store: ArtifactStore | None = None) -> tuple[str, str]:
        store = store or self.store
        uri = store.uri("toy", version, "r")
        return uri, store.write(uri, {MODEL_FILE: scaling(2.0)}, manifest())

    def fetch(self, uri: str | None = None, digest: str | None = None) -> bytes:
        return self.store.fetch("toy", uri or self.uri, digest or self.digest).files[MODEL_FILE]

    def by_key(self) -> ArtifactStore:
        """The same store for one who signs by a key in a file, which is trusted from now on."""
        new_keys(self.private, self.keys)
        return ArtifactStore(self.store.root, self.store.keys, self.private)

    @property
    def signature(self) -> Path:
        return self.folder / "artifacts" / "toy" / "1-r" / SIGNATURE_FILE

    def bundle(self) -> dict[str, Any]:
        return dict(json.loads(self.signature.read_text())["bundle"])

    def put(self, bundle: Any) -> None:
        self.signature.write_text(json.dumps({"bundle": bundle}))
