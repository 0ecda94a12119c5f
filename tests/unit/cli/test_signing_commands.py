from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import CliRunner

from tests.support.models.toy_models import publish_toy
from tidemill.artifact import ArtifactError, ArtifactStore
from tidemill.artifact.signing import new_keys
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
    assert store.keys is not None and len(store.keys.keys()) == 2


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
    assert store.keys is not None and list(store.keys.keys()) == [name]
