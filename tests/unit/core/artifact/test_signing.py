from __future__ import annotations

import base64
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.unit.core.artifact.models import manifest, scaling
from tidemill.artifact import MANIFEST_FILE, MODEL_FILE, ArtifactError, ArtifactStore, Reason
from tidemill.artifact.signing import SIGNATURE_FILE, Signer, TrustedKeys, new_keys
from tidemill.errors import ConfigError


class Keys:
    """A store with keys of its own."""

    def __init__(self, folder: Path) -> None:
        self.private, self.trusted = folder / "keys" / "signing.pem", folder / "keys" / "trusted.pem"
        self.first = new_keys(self.private, self.trusted)
        self.root = folder / "artifacts"
        self.store = ArtifactStore(self.root.as_uri(), TrustedKeys(self.trusted), self.private)
        self.uri = self.store.uri("toy", 1, "r")
        self.digest = self.store.write(self.uri, {MODEL_FILE: scaling(2.0)}, manifest())

    @property
    def folder(self) -> Path:
        return self.root / "toy" / "1-r"

    def fetch(self) -> bytes:
        return self.store.fetch("toy", self.uri, self.digest).files[MODEL_FILE]


@pytest.fixture
def keys(tmp_path: Path) -> Keys:
    return Keys(tmp_path)


def test_what_a_trusted_key_has_signed_is_fetched(keys: Keys) -> None:
    assert keys.fetch() == scaling(2.0)


def test_the_private_key_is_for_its_owner_alone(keys: Keys) -> None:
    assert keys.private.stat().st_mode & 0o777 == 0o600
    keys.private.chmod(0o604)
    with pytest.raises(ConfigError, match="chmod 600"):
        Signer.read(keys.private)


def _not_json(signature: Path) -> None:
    signature.write_bytes(b"\xff[")


def _of_other_bytes(signature: Path) -> None:
    document = json.loads(signature.read_text())
    document["signature"] = document["signature"][:-6] + "AAAA=="
    signature.write_text(json.dumps(document))


def _too_long(signature: Path) -> None:
    signature.write_bytes(b" " * 5_000)


def _by_name_alone(signature: Path) -> None:
    signature.write_text(json.dumps({"key": json.loads(signature.read_text())["key"], "signature": ""}))


def _no_object(signature: Path) -> None:
    signature.write_text("[" * 3_000)


@pytest.mark.parametrize("harm", [Path.unlink, _not_json, _of_other_bytes, _too_long, _by_name_alone, _no_object])
def test_without_a_good_signature_nothing_of_the_manifest_is_read(
    keys: Keys, harm: Callable[[Path], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    harm(keys.folder / SIGNATURE_FILE)
    monkeypatch.setattr("tidemill.artifact.directory.Manifest.from_bytes", lambda data: pytest.fail("it was read"))
    with pytest.raises(ArtifactError) as found:
        keys.fetch()
    assert found.value.reason is Reason.UNSIGNED


def test_a_forged_manifest_with_a_digest_that_fits_is_refused(keys: Keys, tmp_path: Path) -> None:
    """As somebody does who may write to the topic and to the store, and has no key."""
    forged = ArtifactStore(keys.root.as_uri())
    digest = forged.write(keys.uri, {MODEL_FILE: scaling(-2.0)}, manifest())
    with pytest.raises(ArtifactError, match="signature is not one of these bytes"):
        keys.store.fetch("toy", keys.uri, digest)
    stranger = Keys(tmp_path / "stranger")
    digest = ArtifactStore(forged.root, stranger.store.keys, stranger.private).write(
        keys.uri, {MODEL_FILE: scaling(-2.0)}, manifest()
    )
    with pytest.raises(ArtifactError, match="none of the 1"):
        keys.store.fetch("toy", keys.uri, digest)


def test_a_signature_is_for_a_manifest_alone(keys: Keys) -> None:
    """Signed plainly by the same key, as for another purpose, the bytes are not signed."""
    key = Signer.read(keys.private).key
    document = json.loads((keys.folder / SIGNATURE_FILE).read_text())
    document["signature"] = base64.b64encode(key.sign((keys.folder / MANIFEST_FILE).read_bytes())).decode()
    (keys.folder / SIGNATURE_FILE).write_text(json.dumps(document))
    with pytest.raises(ArtifactError, match="not one of these bytes"):
        keys.fetch()


def test_keys_change_while_versions_of_the_old_one_serve_on_until_it_is_taken_out(keys: Keys) -> None:
    old = keys.trusted.read_bytes()
    second = new_keys(keys.private, keys.trusted)
    assert second != keys.first
    assert keys.fetch() == scaling(2.0), "signed by the first key"
    uri = keys.store.uri("toy", 2, "r")
    digest = keys.store.write(uri, {MODEL_FILE: scaling(3.0)}, manifest())
    assert keys.store.fetch("toy", uri, digest).files[MODEL_FILE] == scaling(3.0)
    keys.trusted.write_bytes(keys.trusted.read_bytes().removeprefix(old))
    with pytest.raises(ArtifactError, match=f"the key '{keys.first}'"):
        keys.fetch()
    assert keys.store.fetch("toy", uri, digest).manifest.version == 1


def test_keys_that_cannot_be_read_now_are_tried_again_and_no_keys_are_no_yes(keys: Keys) -> None:
    kept = keys.trusted.read_bytes()
    keys.trusted.unlink()
    with pytest.raises(OSError, match=r"TIDEMILL_TRUSTED_KEYS\) cannot be read"):
        keys.fetch()
    keys.trusted.write_bytes(b"")
    with pytest.raises(ArtifactError, match="no public key"):
        keys.fetch()
    keys.trusted.write_bytes(b"# the risk team's\n" + kept)
    assert keys.fetch()


def test_nothing_is_written_without_the_key_that_signs_it(keys: Keys) -> None:
    keys.private.unlink()
    with pytest.raises(ConfigError, match="tidemill models new-key"):
        keys.store.write(keys.store.uri("toy", 2, "r"), {MODEL_FILE: b"m"}, manifest())


def test_where_signatures_are_off_the_place_is_asked_for_all_the_same(keys: Keys) -> None:
    (keys.folder / SIGNATURE_FILE).unlink()
    free = ArtifactStore(keys.root.as_uri())
    assert free.fetch("toy", keys.uri, keys.digest).manifest.version == 1
    with pytest.raises(ArtifactError, match="nothing is fetched from elsewhere"):
        free.fetch("toy", f"simplecache::{keys.uri}", keys.digest)
