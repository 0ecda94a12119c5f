from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import fsspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.models.toy_models import publish_toy
from tidemill.artifact import ArtifactError, ArtifactStore, Reason
from tidemill.artifact.lineage import MixtureMember
from tidemill.artifact.manifest import MODEL_FILE
from tidemill.artifact.place import check_place

S3 = "s3://tidemill/artifacts"
ELSEWHERE = [
    "http://169.254.169.254/latest/meta-data", "https://example.org/m", "ftp://h/m", "memory://m", "/etc/passwd",
    "m/1-r", "", "file:///etc", "s3://other/artifacts/loan/1-r", "s3://tidemill/artifacts2/loan/1-r", "S3://tidemill/artifacts/loan/1-r",
    f"simplecache::{S3}/loan/1-r", f"filecache::{S3}/loan/1-r", f"zip://x::{S3}/loan/1-r", "zip://loan::http://h/x.zip",
    f"{S3}/loan/1-r::http://h/x", f"{S3}/zip://loan::http://h/x", f"{S3}/../secrets/1-r", f"{S3}/loan/..",
    f"{S3}/loan/.", f"{S3}/loan/../../1-r", f"{S3}/loan//1-r", f"{S3}//loan/1-r", f"{S3}/loan/1-r/",
    f"{S3}/loan/1-r/more", f"{S3}/loan", S3, f"{S3}/loan/%2e%2e", f"{S3}/loan/1-r?x=1", f"{S3}/loan/1-r#x",
    f"{S3}/loan/1-r\\x", f"{S3}/loan/1-r\n", f"{S3}/loan/ 1-r", f"{S3}/loan/1-r\0",
    f"{S3}/loan/\N{FULLWIDTH FULL STOP}\N{FULLWIDTH FULL STOP}", f"{S3}/loan/*", f"{S3}/loan/~root",
    f"{S3}@evil/loan/1-r", f" {S3}/loan/1-r",
]  # fmt: skip


@pytest.mark.parametrize("uri", ELSEWHERE)
def test_what_is_not_plainly_below_the_store_is_refused(uri: str) -> None:
    with pytest.raises(ArtifactError, match="nothing is fetched from elsewhere") as found:
        check_place(uri, S3, "loan")
    assert found.value.reason is Reason.PLACE


def test_versions_and_imports_of_the_model_are_found_whatever_the_store() -> None:
    for root in (S3, f"{S3}/", "gs://b", "http://127.0.0.1:9/a", "file:///data/artifacts", "/data/artifacts"):
        base = root.rstrip("/") if "://" in root else f"file://{root}"
        check_place(f"{base}/loan/12-0190b5c2-77", root, "loan")
        check_place(f"{base}/loan/import-0190b5c2", root, "loan")


def test_an_artifact_of_another_model_is_refused() -> None:
    with pytest.raises(ArtifactError, match="another model than loan"):
        check_place(f"{S3}/churn/1-r", S3, "loan")


def test_links_that_lead_out_of_the_store_are_refused(tmp_path: Path) -> None:
    root, out = tmp_path / "artifacts", tmp_path / "out"
    for folder in (root / "loan" / "1-r", out):
        folder.mkdir(parents=True)
    check_place((root / "loan" / "1-r").as_uri(), root.as_uri(), "loan")
    (root / "loan" / "2-r").symlink_to(out)
    (root / "loan" / "1-r" / "model.onnx").symlink_to(out / "secret")
    (root / "churn").symlink_to(out)
    (out / "1-r").mkdir()
    for place, model in (("loan/2-r", "loan"), ("loan/1-r", "loan"), ("churn/1-r", "churn")):
        with pytest.raises(ArtifactError, match="link that leads out"):
            check_place((root / place).as_uri(), root.as_uri(), model)
    (tmp_path / "by-link").symlink_to(root)
    (root / "loan" / "3-r").mkdir()
    check_place((tmp_path / "by-link" / "loan" / "3-r").as_uri(), (tmp_path / "by-link").as_uri(), "loan")


PARTS = st.sampled_from(
    [
        "s3://tidemill/artifacts",
        "loan",
        "1-r",
        "/",
        "..",
        ".",
        "::",
        "http://h",
        "zip://",
        "%2e",
        "@",
        "?",
        "#",
        "\\",
        "~",
    ]
)


@settings(deadline=None)  # the first one imports fsspec
@given(st.one_of(st.lists(PARTS, max_size=8).map("".join), st.text(max_size=30).map(lambda text: f"{S3}/loan/{text}")))
def test_whatever_is_let_through_every_library_reads_as_a_place_in_the_store(uri: str) -> None:
    try:
        check_place(uri, S3, "loan")
    except ArtifactError:
        return
    assert uri.startswith(f"{S3}/loan/")
    assert fsspec.utils.get_protocol(uri) == "s3"
    assert len(fsspec.core._un_chain(uri, {})) == 1
    assert ".." not in uri.split("/")


def member(root: Path) -> MixtureMember:
    made = publish_toy(root.as_uri(), "tide", 1, feature="wind", start_offsets=(0,)).champion
    return MixtureMember(
        version=1, weight=1.0, artifact_uri=made.artifact_uri, manifest_digest=made.manifest_digest
    )  # fmt: skip


def test_a_member_is_found_where_the_store_has_moved_to(tmp_path: Path) -> None:
    one = member(tmp_path / "old")
    before = ArtifactStore((tmp_path / "old").as_uri()).fetch_member("tide", one, (MODEL_FILE,))
    shutil.move(tmp_path / "old", tmp_path / "new")
    assert ArtifactStore((tmp_path / "new").as_uri()).fetch_member("tide", one, (MODEL_FILE,)) == before


def test_another_artifact_of_that_name_is_refused(tmp_path: Path) -> None:
    one = replace(member(tmp_path / "store"), manifest_digest="0" * 64)
    with pytest.raises(ArtifactError, match=r"manifest\.json has SHA-256"):
        ArtifactStore((tmp_path / "store").as_uri()).fetch_member("tide", one, ())


@pytest.mark.parametrize("uri", ["file:///elsewhere/tide/..", "file:///elsewhere/tide/a::b", "", "s3://x/a%2f..%2fb"])
def test_a_name_that_is_none_is_refused(tmp_path: Path, uri: str) -> None:
    one = replace(member(tmp_path / "store"), artifact_uri=uri)
    with pytest.raises(ArtifactError):
        ArtifactStore((tmp_path / "store").as_uri()).fetch_member("tide", one, ())
