"""Artifacts are copied as their manifests say, and tables as they are at one version of their log."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.models.toy_models import publish_toy
from tidemill_operations.backup.document import Part
from tidemill_operations.backup.packing import Packer
from tidemill_operations.backup.sources import Artifacts, belongs, copy_table
from tidemill_operations.backup.store import BackupStore
from tidemill_operations.errors import NotPossible
from tidemill_operations.references.uses import ArtifactUse, Use, Why


def quiet(what: str, done: int, total: int) -> None:
    """Nobody waits."""


@pytest.fixture
def store(tmp_path: Path) -> BackupStore:
    return BackupStore(str(tmp_path / "backups"))


@pytest.fixture
def use(tmp_path: Path) -> ArtifactUse:
    champion = publish_toy((tmp_path / "artifacts").as_uri(), "tide", 1, feature="wind", start_offsets=(0, 0)).champion
    return ArtifactUse(
        model="tide", uri=champion.artifact_uri, digest=champion.manifest_digest, version=1,
        uses=frozenset({Use(Why.SERVES, "epoch 1")}),
    )  # fmt: skip


def copied(store: BackupStore, use: ArtifactUse, before: Part | None = None) -> tuple[Part, list[str]]:
    known = {} if before is None else {file.path: file for file in store.listing(before)}
    absent: list[str] = []
    root = use.uri.rsplit("/", 2)[0]
    return Artifacts(root, Packer(store, known), absent).copy([use], quiet), absent


def test_an_artifact_is_copied_whole_and_the_next_time_not_at_all(store: BackupStore, use: ArtifactUse) -> None:
    part, absent = copied(store, use)
    folder = Path(use.uri.removeprefix("file://"))
    there = {f"tide/{folder.name}/{file.name}": file.read_bytes() for file in folder.iterdir()}
    assert absent == []
    assert {file.path: store.content(file) for file in store.listing(part)} == there
    written = store.written
    again, _ = copied(store, use, part)
    assert (again, store.written) == (part, written)


@pytest.mark.parametrize("name", ["model.onnx", "manifest.json"])
@pytest.mark.parametrize("harm", ["changed", "removed"])
def test_an_artifact_that_is_not_what_is_referred_to_is_not_copied_and_said(
    store: BackupStore, use: ArtifactUse, name: str, harm: str
) -> None:
    file = Path(use.uri.removeprefix("file://"), name)
    if harm == "changed":
        file.write_bytes(file.read_bytes().replace(b"tide", b"edit", 1) + b" ")
    else:
        file.unlink()
    part, absent = copied(store, use)
    assert part.files == 0
    assert len(absent) == 1
    assert "version 1 of tide, which serves (epoch 1)" in absent[0]
    assert name in absent[0]


def test_an_artifact_elsewhere_is_not_followed(store: BackupStore, use: ArtifactUse, tmp_path: Path) -> None:
    absent: list[str] = []
    Artifacts((tmp_path / "other").as_uri(), Packer(store, {}), absent).copy([use], quiet)
    assert "no place below the artifact store" in absent[0]


def table(folder: Path, versions: int) -> None:
    (folder / "_delta_log").mkdir(parents=True)
    (folder / "_kind=event").mkdir()
    for number in range(versions):
        (folder / "_delta_log" / f"{number:020}.json").write_text(f"commit {number}")
        (folder / "_kind=event" / f"part-{number}.parquet").write_text(f"rows {number}")


def test_a_table_is_copied_with_its_log_and_without_what_is_no_part_of_a_version(
    store: BackupStore, tmp_path: Path
) -> None:
    folder = tmp_path / "tables" / "tide"
    table(folder, 3)
    log = folder / "_delta_log"
    for name in (
        "_last_checkpoint",
        "_commit_1.json.tmp",
        f"{2:020}.checkpoint.parquet",
        f"{7:020}.checkpoint.parquet",
    ):
        (log / name).write_text(name)
    part = copy_table(folder.as_uri(), "tide", lambda: Packer(store, {}), 2, quiet)
    assert part is not None
    assert part.version == 2
    assert sorted(file.path for file in store.listing(part)) == sorted(
        [f"_delta_log/{n:020}.json" for n in range(3)]
        + [f"_delta_log/{2:020}.checkpoint.parquet"]
        + [f"_kind=event/part-{n}.parquet" for n in range(3)]
    )


def test_a_table_that_ends_before_what_the_database_names_is_refused(store: BackupStore, tmp_path: Path) -> None:
    folder = tmp_path / "tables" / "tide"
    table(folder, 3)
    with pytest.raises(NotPossible, match="ends at version 2, and label time in the database stands at 5"):
        copy_table(folder.as_uri(), "tide", lambda: Packer(store, {}), 5, quiet)
    with pytest.raises(NotPossible, match="ends at version none"):
        copy_table((tmp_path / "nothing").as_uri(), "tide", lambda: Packer(store, {}), 0, quiet)
    assert copy_table((tmp_path / "nothing").as_uri(), "tide", lambda: Packer(store, {}), -1, quiet) is None


def test_a_table_of_which_files_go_meanwhile_is_begun_again(store: BackupStore, tmp_path: Path) -> None:
    folder = tmp_path / "tables" / "tide"
    table(folder, 3)
    vacuumed = folder / "_kind=event" / "part-1.parquet"

    def vacuum(what: str, done: int, total: int) -> None:
        vacuumed.unlink(missing_ok=True)

    part = copy_table(folder.as_uri(), "tide", lambda: Packer(store, {}), 2, vacuum)
    assert part is not None
    assert not any("part-1" in file.path for file in store.listing(part))


@pytest.mark.parametrize(
    ("path", "belonging"),
    [
        ("_kind=event/part-0.parquet", True),
        (f"_delta_log/{5:020}.json", True),
        (f"_delta_log/{6:020}.json", False),
        (f"_delta_log/{5:020}.checkpoint.0000000001.0000000002.parquet", True),
        ("_delta_log/_sidecars/a.parquet", True),
        ("_delta_log/_last_checkpoint", False),
    ],
)
def test_the_log_belongs_to_a_table_up_to_its_version(path: str, belonging: bool) -> None:
    assert belongs(path, 5) is belonging
