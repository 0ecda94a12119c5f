"""What the settings make of identities, in a service and in the training process that inherits them."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from tidemill.artifact import ArtifactStore
from tidemill.artifact.keyless.signer import SigstoreIdentity
from tidemill.artifact.keyless.signers import TrustedIdentities, TrustedSigners
from tidemill.artifact.signing import TrustedKeys
from tidemill.errors import ConfigError
from tidemill.settings import CommonSettings
from tidemill_trainer.settings import TrainerSettings
from tidemill_trainer.training.process import child_environment

FILES = {"trusted_identities": Path("who.yaml"), "sigstore_trust_root": Path("root.json")}


def test_identities_are_trusted_beside_keys_and_sign_where_the_service_says_so() -> None:
    store = ArtifactStore.of(CommonSettings(**FILES, signing_service="sigstore:", trusted_keys=Path("k.pem")))
    trusted = TrustedIdentities(Path("who.yaml"), Path("root.json"))
    assert store.keys == TrustedSigners(TrustedKeys(Path("k.pem")), trusted)
    assert store.signer() == SigstoreIdentity("sigstore:", None, trusted)
    assert isinstance(ArtifactStore.of(CommonSettings()).keys, TrustedKeys)


def test_identities_without_the_trust_root_are_refused() -> None:
    with pytest.raises(ValidationError, match="TIDEMILL_TRUSTED_IDENTITIES needs TIDEMILL_SIGSTORE_TRUST_ROOT"):
        CommonSettings(trusted_identities=Path("who.yaml"))


def test_without_the_library_a_reader_of_identities_does_not_begin(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"TIDEMILL_TRUSTED_IDENTITIES needs the library sigstore.*\[sigstore\]"):
        ArtifactStore.of(CommonSettings(**FILES))


@pytest.mark.parametrize("given", [{}, FILES])
def test_the_training_process_signs_as_its_parent_would(
    given: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = TrainerSettings(**given)
    for name, value in child_environment(settings).items():
        monkeypatch.setenv(name, value)
    inherited = CommonSettings()
    for name in ("trusted_identities", "sigstore_trust_root", "signing_identity_token_file", "signing_service"):
        assert getattr(inherited, name) == getattr(settings, name)
