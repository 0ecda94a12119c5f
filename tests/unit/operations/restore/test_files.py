"""Files come back byte for byte, in an order that leaves no table ahead of its rows wherever it ends."""

from __future__ import annotations

from pathlib import Path

import pytest

from tidemill_operations.backup.document import TABLES, Damaged, Part
from tidemill_operations.backup.packing import Packer
from tidemill_operations.backup.store import BackupStore
from tidemill_operations.restore.files import FilesBack

LOG = {f"_delta_log/{n:020}.json": f"commit {n}".encode() for n in range(40)}
ROWS = {f"_kind=event/part-{n}.parquet": f"rows {n}".encode() * (200_000 if n == 2 else 1) for n in range(40)}
FILES = {**LOG, **ROWS}


class Killed(Exception):
    """The process ends here."""


def quiet(what: str, done: int, total: int) -> None:
    """Nobody waits."""


@pytest.fixture
def store(tmp_path: Path) -> BackupStore:
    return BackupStore(str(tmp_path / "backups"))


@pytest.fixture
def part(store: BackupStore) -> Part:
    packer = Packer(store, {})
    for path, data in FILES.items():
        packer.add(path, data)
    return packer.finish(TABLES, "tide", 3)


def there(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("at", range(1, 7))
def test_a_restore_that_was_killed_goes_on_where_it_was(
    store: BackupStore, part: Part, tmp_path: Path, at: int
) -> None:
    root = tmp_path / "tables"

    steps: list[int] = []

    def kill(what: str, done: int, total: int) -> None:
        steps.append(done)
        if len(steps) == at:
            raise Killed

    back = FilesBack(store, part, root.as_uri())
    assert back.in_the_way() == []
    with pytest.raises(Killed):
        back.write(kill)
    found = there(root / "tide")
    assert len(found) == steps[-1]
    assert not found.keys() & LOG.keys() or ROWS.keys() <= found.keys(), "a commit stands there without its rows"

    again = FilesBack(BackupStore(store.url), part, root.as_uri())
    assert again.in_the_way() == []
    assert again.write(quiet)[0] == len(FILES) - len(found)
    assert there(root / "tide") == FILES


def test_what_is_not_the_backups_is_named_and_left(store: BackupStore, part: Part, tmp_path: Path) -> None:
    folder = tmp_path / "tables" / "tide"
    (folder / "_delta_log").mkdir(parents=True)
    (folder / "_delta_log" / f"{0:020}.json").write_bytes(b"another table")
    (folder / "_delta_log" / f"{99:020}.json").write_bytes(b"a later commit")
    named = FilesBack(store, part, (tmp_path / "tables").as_uri()).in_the_way()
    assert [f"{0:020}.json is another file" in named[0], "1 files that the backup does not have" in named[1]] == [
        True,
        True,
    ]
    assert len(there(folder)) == 2


def test_nothing_damaged_is_written(store: BackupStore, part: Part, tmp_path: Path) -> None:
    large = next(file for file in store.listing(part) if file.path == "_kind=event/part-2.parquet")
    Path(store.place(large.object).removeprefix("file://")).write_bytes(b"damaged")
    back = FilesBack(BackupStore(store.url), part, (tmp_path / "tables").as_uri())
    back.in_the_way()
    with pytest.raises(Damaged, match=large.object):
        back.write(quiet)
    assert not (tmp_path / "tables/tide/_kind=event/part-2.parquet").exists()


@pytest.mark.parametrize("path", ["../outside", "a/../../outside", "/etc/passwd"])
def test_a_backup_writes_nothing_outside_of_its_place(store: BackupStore, tmp_path: Path, path: str) -> None:
    packer = Packer(store, {})
    packer.add(path, b"hostile")
    with pytest.raises(Damaged, match="is no list of files below"):
        FilesBack(store, packer.finish(TABLES, "tide", 0), (tmp_path / "tables").as_uri())
    with pytest.raises(Damaged, match="is no list of files below"):
        FilesBack(store, Packer(store, {}).finish(TABLES, path, 0), (tmp_path / "tables").as_uri())


def test_what_a_killed_write_has_left_is_not_in_the_way(store: BackupStore, part: Part, tmp_path: Path) -> None:
    folder = tmp_path / "tables" / "tide" / "_delta_log"
    folder.mkdir(parents=True)
    (folder / f"{3:020}.json.{'0a' * 16}.partial").write_bytes(b"half of a fi")
    back = FilesBack(store, part, (tmp_path / "tables").as_uri())
    assert back.in_the_way() == []
    assert back.write(quiet)[0] == len(FILES)
