from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import CliRunner

from tests.support.models.toy_models import publish_toy
from tests.unit.core.artifact.keyless.fake_sigstore import ISSUER, TRAINER, FakeSigstore, token
from tidemill.artifact import ArtifactError, ArtifactStore
from tidemill.artifact.signing import TrustedKeys, new_keys
from tidemill.settings import CommonSettings
from tidemill_cli.app import cli

MODEL = "telecom-churn"
ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ArtifactStore:
    monkeypatch.chdir(tmp_path)
    told = {
        "KAFKA_BOOTSTRAP": "127.0.0.1:1", "SCHEMAS": ROOT / "schemas", "MODELS_DIR": ROOT / "models", "MODELS": MODEL,
        "ARTIFACTS": (tmp_path / "artifacts").as_uri(), "DATABASE_URL": f"sqlite:///{tmp_path / 'tidemill.db'}",
        "SIGNING_KEY": tmp_path / "signing.pem", "TRUSTED_KEYS": tmp_path / "trusted.pem",
    }  # fmt: skip
    for name, value in told.items():
        monkeypatch.setenv(f"TIDEMILL_{name}", str(value))
    return ArtifactStore.of(CommonSettings())


def run(*arguments: str) -> Any:
    return CliRunner().invoke(cli, ["models", *arguments])


def test_versions_that_the_topics_name_are_signed_and_others_are_not(
    store: ArtifactStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run("new-key").exit_code == 0
    named = publish_toy(store.root, MODEL, 1, feature="x", start_offsets=(0,), signed=False).champion.to_dict()
    changed = publish_toy(store.root, MODEL, 2, feature="x", start_offsets=(0,), signed=False).champion.to_dict()
    other = publish_toy(tmp_path.as_uri(), MODEL, 3, feature="x", start_offsets=(0,), signed=False).champion.to_dict()
    feed = {"model_versions": [], "retrain_runs": [
        SimpleNamespace(datum={"artifact": artifact, "version": artifact["version"]})
        for artifact in (named, changed | {"manifest_digest": "0" * 64}, other)
    ]}  # fmt: skip
    monkeypatch.setattr("tidemill_operations.feed.read_all", lambda platform, role, model: feed[role])

    done = run("sign")
    assert done.exit_code == 0, done.output
    assert "version 1: signed" in done.output
    assert "version 2: not signed: manifest.json has SHA-256" in done.output
    assert "version 3: not signed" in done.output and "nothing is fetched from elsewhere" in done.output
    assert store.fetch(MODEL, named["artifact_uri"], named["manifest_digest"]).manifest.version == 1
    with pytest.raises(ArtifactError, match="not signed"):
        store.fetch(MODEL, changed["artifact_uri"], changed["manifest_digest"])
    assert "version 1: is signed already" in run("sign").output


def test_a_key_is_kept_where_it_is_asked_for_and_another_one_is_added(store: ArtifactStore) -> None:
    settings = CommonSettings()
    first = run("new-key", "--keep")
    assert first.exit_code == 0, first.output
    assert "there is a key already" in run("new-key", "--keep").output
    before = settings.signing_key.read_bytes()
    assert run("new-key").exit_code == 0
    assert settings.signing_key.read_bytes() != before
    assert isinstance(store.keys, TrustedKeys) and len(store.keys.keys()) == 2


def test_where_a_service_keeps_the_key_its_public_key_is_trusted_and_none_is_made(
    store: ArtifactStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    private, public = tmp_path / "elsewhere.pem", tmp_path / "public.pem"
    name = new_keys(private, public)
    service = tmp_path / "service"
    service.write_text(f"#!/bin/sh\ncat {public}\n")
    service.chmod(0o700)
    monkeypatch.setenv("TIDEMILL_SIGNING_SERVICE", f"exec:{service}")
    first, again = run("new-key"), run("new-key")
    assert first.exit_code == again.exit_code == 0, first.output
    assert f"key {name}: exec:{service} signs" in first.output and "from now on" in first.output
    assert "already" in again.output
    settings = CommonSettings()
    assert not settings.signing_key.exists()
    assert isinstance(store.keys, TrustedKeys) and list(store.keys.keys()) == [name]


@pytest.fixture
def fake() -> Iterator[FakeSigstore]:
    services = FakeSigstore()
    yield services
    services.stop()


@pytest.fixture
def keyless(store: ArtifactStore, tmp_path: Path, fake: FakeSigstore, monkeypatch: pytest.MonkeyPatch) -> None:
    """The settings of a team that signs by an identity; nothing is trusted yet."""
    (tmp_path / "token").write_text(token())
    monkeypatch.setenv("TIDEMILL_SIGNING_SERVICE", f"sigstore:{fake.write_config(tmp_path / 'config.json')}")
    monkeypatch.setenv("TIDEMILL_SIGNING_IDENTITY_TOKEN_FILE", str(tmp_path / "token"))
    monkeypatch.setenv("TIDEMILL_TRUSTED_IDENTITIES", str(tmp_path / "identities.yaml"))
    monkeypatch.setenv("TIDEMILL_SIGSTORE_TRUST_ROOT", str(tmp_path / "trusted_root.json"))


@pytest.mark.usefixtures("keyless")
def test_an_identity_is_shown_and_trusted_and_no_key_is_made(tmp_path: Path, fake: FakeSigstore) -> None:
    first, again, kept = run("new-key"), run("new-key", "--json"), run("new-key", "--keep")
    assert first.exit_code == again.exit_code == kept.exit_code == 0, first.output
    assert f"identity '{TRAINER}' of the issuer '{ISSUER}' signs by sigstore:" in first.output
    assert "from now on" in first.output and "trusted_root.json: written" in first.output
    told = json.loads(again.stdout)
    assert (told["made"], told["key"], told["identity"], told["issuer"]) == (False, None, TRAINER, ISSUER)
    assert "there are trusted identities already" in kept.output
    assert fake.asked == 4, "twice a certificate and a place in the log; --keep asks nobody"
    assert not CommonSettings().signing_key.exists()


@pytest.mark.usefixtures("keyless")
def test_the_files_that_are_to_be_written_have_to_be_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TIDEMILL_TRUSTED_IDENTITIES")
    done = run("new-key")
    assert done.exit_code == 2 and "needs TIDEMILL_TRUSTED_IDENTITIES and" in done.output


def test_a_team_goes_from_keys_to_an_identity_without_a_pause(
    store: ArtifactStore, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run("new-key").exit_code == 0
    reference = publish_toy(store.root, MODEL, 1, feature="x", start_offsets=(0,), signed=False).champion.to_dict()
    feed = {"model_versions": [], "retrain_runs": [SimpleNamespace(datum={"artifact": reference, "version": 1})]}
    monkeypatch.setattr("tidemill_operations.feed.read_all", lambda platform, role, model: feed[role])

    def served() -> int:
        found = ArtifactStore.of(CommonSettings()).fetch(MODEL, reference["artifact_uri"], reference["manifest_digest"])
        return found.manifest.version

    assert "version 1: signed" in run("sign").output
    assert served() == 1
    request.getfixturevalue("keyless")
    assert run("new-key").exit_code == 0
    assert served() == 1, "by the key, beside the identity"
    assert "version 1: is signed already" in run("sign").output
    assert "version 1: signed" in run("sign", "--again").output
    CommonSettings().trusted_keys.unlink()
    assert served() == 1, "by the identity alone"
    identities = CommonSettings().trusted_identities
    assert identities is not None
    identities.write_text(identities.read_text().replace("trainer", "other"))
    with pytest.raises(ArtifactError, match="which is none of the 1"):
        served()
