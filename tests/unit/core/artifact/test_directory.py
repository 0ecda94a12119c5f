from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.unit.core.artifact.models import manifest, scaling
from tidemill.artifact import (
    MANIFEST_FILE,
    MODEL_FILE,
    ArtifactError,
    Manifest,
    artifact_uri,
    fetch_artifact,
    write_artifact,
)
from tidemill.artifact.manifest import sha256


@pytest.fixture
def uri(tmp_path: Path) -> str:
    return artifact_uri(tmp_path.as_uri(), "toy", 1, "abc")


def folder(uri: str) -> Path:
    return Path(uri.removeprefix("file://"))


def test_what_is_written_is_fetched_and_the_digest_is_that_of_the_manifest(uri: str):
    digest = write_artifact(uri, {MODEL_FILE: scaling(2.0), "reference.json": b"{}"}, manifest())
    found = fetch_artifact(uri, digest)
    assert digest == sha256((folder(uri) / MANIFEST_FILE).read_bytes())
    assert found.files == {MODEL_FILE: scaling(2.0), "reference.json": b"{}"}
    assert found.manifest.files[MODEL_FILE] == sha256(scaling(2.0))


def test_only_the_named_files_are_read(uri: str):
    digest = write_artifact(uri, {MODEL_FILE: b"m", "reference.json": b"{}"}, manifest())
    (folder(uri) / "reference.json").unlink()
    assert fetch_artifact(uri, digest, only=[MODEL_FILE]).files == {MODEL_FILE: b"m"}


@pytest.mark.parametrize("name", [MODEL_FILE, MANIFEST_FILE])
def test_a_changed_file_is_refused(uri: str, name: str):
    digest = write_artifact(uri, {MODEL_FILE: scaling(2.0)}, manifest())
    file = folder(uri) / name
    file.write_bytes(file.read_bytes()[:-1] + b"!")
    with pytest.raises(ArtifactError, match=f"{name} has SHA-256"):
        fetch_artifact(uri, digest)


def test_a_missing_file_and_a_missing_artifact_are_refused(uri: str):
    digest = write_artifact(uri, {MODEL_FILE: b"m"}, manifest())
    (folder(uri) / MODEL_FILE).unlink()
    with pytest.raises(ArtifactError, match="not there"):
        fetch_artifact(uri, digest)
    with pytest.raises(ArtifactError, match="not there"):
        fetch_artifact(uri + "x", digest)


def test_an_oversize_file_is_refused(uri: str, monkeypatch: pytest.MonkeyPatch):
    digest = write_artifact(uri, {MODEL_FILE: b"m" * 100}, manifest())
    monkeypatch.setattr("tidemill.artifact.directory.MAX_FILE_BYTES", 99)
    with pytest.raises(ArtifactError, match="larger than 99"):
        fetch_artifact(uri, digest)


def test_a_file_name_that_climbs_out_is_refused(uri: str):
    with pytest.raises(ValueError, match="not a plain name"):
        write_artifact(uri, {"../model.onnx": b"m"}, manifest())
    write_artifact(uri, {MODEL_FILE: b"m"}, manifest())
    climbing = manifest(files={"../secret": sha256(b"m")}).to_bytes()
    (folder(uri) / MANIFEST_FILE).write_bytes(climbing)
    with pytest.raises(ArtifactError, match="not a plain name"):
        fetch_artifact(uri, sha256(climbing))


def test_an_interrupted_write_leaves_no_artifact_and_can_be_repeated(uri: str, monkeypatch: pytest.MonkeyPatch):
    import tidemill.artifact.directory as directory

    write = directory.write_bytes

    def breaks_at_the_manifest(target: str, data: bytes) -> None:
        if target.endswith(MANIFEST_FILE):
            raise OSError("no space")
        write(target, data)

    with monkeypatch.context() as patched:
        patched.setattr(directory, "write_bytes", breaks_at_the_manifest)
        with pytest.raises(OSError, match="no space"):
            write_artifact(uri, {MODEL_FILE: b"m"}, manifest())
    with pytest.raises(ArtifactError, match="not there"):
        fetch_artifact(uri, "0" * 64)
    assert fetch_artifact(uri, write_artifact(uri, {MODEL_FILE: b"m"}, manifest())).files[MODEL_FILE] == b"m"
    assert not list(folder(uri).glob("*.partial"))


def test_the_bytes_of_a_manifest_are_canonical_and_survive_a_round_trip():
    one = manifest(metrics={"b": 1.0, "a": 0.5}, data_set={"table_uri": "é"})
    other = manifest(data_set={"table_uri": "é"}, metrics={"a": 0.5, "b": 1.0})
    assert one.to_bytes() == other.to_bytes()
    assert Manifest.from_bytes(one.to_bytes()) == one
    assert Manifest.from_bytes(one.to_bytes()).to_bytes() == one.to_bytes()


@pytest.mark.parametrize("change", [{"task": "poetry"}, {"format": 2}, {"version": "one"}, {"features": []}])
def test_a_manifest_that_says_nonsense_is_refused_with_the_field(change: dict[str, object]):
    document = {**json.loads(manifest().to_bytes()), **change}
    with pytest.raises(ArtifactError, match=r"manifest: (task|format|version|document|Value error)"):
        Manifest.from_bytes(json.dumps(document).encode())


@pytest.mark.parametrize(
    "change",
    [
        {"task": "binary", "classes": ("no", "yes")},
        {"task": "binary", "classes": ("no",), "positive_class": "no"},
        {"task": "multiclass", "classes": ("a", "a")},
    ],
)
def test_classes_must_fit_the_task(change: dict[str, object]):
    with pytest.raises(ValueError, match="class"):
        manifest(**change)
