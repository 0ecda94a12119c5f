from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.models.toy_models import publish_toy
from tests.unit.core.artifact.keyless.fake_sigstore import TRAINER, FakeSigstore, token
from tidemill.artifact import ArtifactError, ArtifactStore
from tidemill.artifact.signing import TrustedKeys
from tidemill.errors import ConfigError
from tidemill_embedded.services import platform_settings
from tidemill_embedded.signing_keys import prepare_signing


def settings(var: Path) -> dict[str, str]:
    return platform_settings(Path(), var, (), "127.0.0.1:1", "", 1)


def test_the_first_start_makes_keys_and_signs_what_was_there_before(tmp_path: Path) -> None:
    told: list[str] = []
    given = settings(tmp_path)
    root = given["TIDEMILL_ARTIFACTS"]
    before = publish_toy(root, "loan", 1, feature="x", start_offsets=(0,), signed=False).champion
    prepare_signing(given, told.append)
    assert "signed 1 versions of before" in told[0]
    assert (tmp_path / "keys" / "signing.pem").stat().st_mode & 0o777 == 0o600
    store = ArtifactStore(root, TrustedKeys(Path(given["TIDEMILL_TRUSTED_KEYS"])))
    assert store.fetch("loan", before.artifact_uri, before.manifest_digest).manifest.version == 1

    after = publish_toy(root, "loan", 2, feature="x", start_offsets=(0,), signed=False).champion
    prepare_signing(given, told.append)
    assert len(told) == 1, "there are keys: nothing is signed of what somebody has put there since"
    with pytest.raises(ArtifactError, match="not signed"):
        store.fetch("loan", after.artifact_uri, after.manifest_digest)


def test_without_signatures_no_key_is_made(tmp_path: Path) -> None:
    prepare_signing(settings(tmp_path) | {"TIDEMILL_SIGNATURES": "off"}, pytest.fail)
    assert not (tmp_path / "keys").exists()


def test_an_identity_that_signs_is_trusted_at_the_first_start_and_asked_for_no_more(tmp_path: Path) -> None:
    told: list[str] = []
    fake = FakeSigstore()
    given = settings(tmp_path) | {"TIDEMILL_SIGNING_SERVICE": f"sigstore:{fake.write_config(tmp_path / 'config.json')}"}
    with pytest.raises(ConfigError, match="needs TIDEMILL_TRUSTED_IDENTITIES"):
        prepare_signing(given, told.append)
    (tmp_path / "token").write_text(token())
    for name, file in {
        "SIGNING_IDENTITY_TOKEN_FILE": "token", "TRUSTED_IDENTITIES": "who.yaml", "SIGSTORE_TRUST_ROOT": "root.json",
    }.items():  # fmt: skip
        given[f"TIDEMILL_{name}"] = str(tmp_path / file)
    prepare_signing(given, told.append)
    fake.stop()
    prepare_signing(given, told.append)
    assert len(told) == 1 and TRAINER in told[0]
    assert not (tmp_path / "keys").exists()
