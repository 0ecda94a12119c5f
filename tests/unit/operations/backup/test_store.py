"""A backup is whole or none: what is unfinished is not there, and what is damaged is refused with its place."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tidemill_operations.backup.claims import REMOVES, WRITES, claimed
from tidemill_operations.backup.document import TABLES, Backup, Damaged, Stored
from tidemill_operations.backup.names import new_name
from tidemill_operations.backup.packing import PACK, SMALL, Packer
from tidemill_operations.backup.retention import Policy
from tidemill_operations.backup.store import BackupStore
from tidemill_operations.backup.upkeep import copy, expire, verify
from tidemill_operations.errors import NotPossible, WrongUse


def quiet(what: str, done: int, total: int) -> None:
    """Nobody waits."""


def backed_up(store: BackupStore, name: str, files: dict[str, bytes]) -> Backup:
    """A backup of one table with these files."""
    packer = Packer(store, {})
    for path, data in files.items():
        packer.add(path, data, f"mark of {len(data)}")
    part = packer.finish(TABLES, "tide", 3)
    backup = Backup(
        name=name, begun_at=1, finished_at=2, release="0", prefix="", artifacts="file:///a", tables="file:///t",
        parts=(part,),
    )  # fmt: skip
    store.write(backup)
    return backup


@pytest.fixture
def store(tmp_path: Path) -> BackupStore:
    return BackupStore(str(tmp_path / "backups"))


def objects(store: BackupStore) -> list[Path]:
    return sorted(path for path in Path(store.url.removeprefix("file://"), "objects").rglob("*") if path.is_file())


FILES = {"small": b"a few bytes", "smaller": b"b", "large": b"x" * SMALL}


def test_what_went_in_comes_out_whether_it_stands_alone_or_in_a_pack(store: BackupStore) -> None:
    backup = backed_up(store, "one", FILES)
    again = BackupStore(store.url)
    found = {file.path: again.content(file) for file in again.listing(again.read("one").parts[0])}
    assert found == FILES
    assert (backup.parts[0].files, backup.size) == (3, sum(map(len, FILES.values())))
    assert verify(again, backup, quiet) == []


def test_a_list_of_files_that_would_fill_the_memory_is_damaged(
    store: BackupStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    part = backed_up(store, "one", FILES).parts[0]
    assert len(store.listing(part)) == len(FILES)
    monkeypatch.setattr("tidemill_operations.backup.store.LARGEST_LISTING", 100)
    with pytest.raises(Damaged, match="more than 100 bytes"):
        store.listing(part)
    with pytest.raises(NotPossible, match="more than 100 bytes"):
        store.put_listing([Stored("file", "0" * 64, 1, "0" * 64)])


def test_a_backup_without_its_description_is_none(store: BackupStore) -> None:
    Packer(store, {}).add("large", FILES["large"])
    assert store.names() == []
    with pytest.raises(WrongUse, match="there is no backup at"):
        store.chosen(None)


def test_each_object_that_was_changed_or_lost_is_named(store: BackupStore) -> None:
    backup = backed_up(store, "one", FILES)
    for damaged in objects(store):
        data = damaged.read_bytes()
        damaged.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
        assert any(damaged.name in problem for problem in verify(BackupStore(store.url), backup, quiet))
        damaged.unlink()
        assert any(damaged.name in problem for problem in verify(BackupStore(store.url), backup, quiet))
        damaged.write_bytes(data)
    assert verify(BackupStore(store.url), backup, quiet) == []


@pytest.mark.parametrize("at", [0.0, 0.3, 0.6, 0.9])
def test_a_description_that_was_changed_or_cut_off_is_refused_with_its_place(store: BackupStore, at: float) -> None:
    backed_up(store, "one", FILES)
    place = Path(store.url.removeprefix("file://"), "backups", "one.json")
    data = place.read_bytes()
    middle = int(len(data) * at)
    for other in (data[:middle], data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :]):
        place.write_bytes(other)
        with pytest.raises((Damaged, NotPossible), match=r"one\.json"):
            store.read("one")


def test_a_description_under_another_name_is_refused(store: BackupStore) -> None:
    backup = backed_up(store, "one", FILES)
    place = Path(store.url.removeprefix("file://"), "backups")
    (place / "two.json").write_bytes(backup.to_bytes())
    with pytest.raises(Damaged, match="describes another backup, one"):
        store.read("two")


def test_a_file_that_its_store_calls_unchanged_is_taken_from_the_backup_before(store: BackupStore) -> None:
    before = {file.path: file for file in store.listing(backed_up(store, "one", FILES).parts[0])}
    packer = Packer(store, before)
    assert packer.unchanged("large", f"mark of {SMALL}")
    assert packer.unchanged("small", "mark of 11")
    assert not packer.unchanged("small", "mark of 12")
    assert not packer.unchanged("small", "")
    assert not packer.unchanged("new", "mark of 11")
    assert packer.finish(TABLES, "tide").files == 2
    Path(store.place(before["large"].object).removeprefix("file://")).unlink()
    assert not Packer(BackupStore(store.url), before).unchanged("large", f"mark of {SMALL}"), "its object is gone"


def test_many_small_files_become_few_objects(store: BackupStore) -> None:
    files = {f"log/{n:05}": bytes([n % 251]) * (PACK // 64) for n in range(130)}
    backup = backed_up(store, "one", files)
    assert len(objects(store)) == 1 + 3, "a listing, and packs"
    assert {f.path: store.content(f) for f in store.listing(backup.parts[0])} == files


def test_a_second_place_gets_what_it_lacks_and_refuses_what_is_damaged(store: BackupStore, tmp_path: Path) -> None:
    one, second = backed_up(store, "one", FILES), BackupStore(str(tmp_path / "second"))
    assert copy(store, second, one, quiet) == 3
    two = backed_up(store, "two", {**FILES, "new": b"y" * SMALL})
    assert copy(store, second, two, quiet) == 2
    assert second.names() == ["one", "two"]
    assert verify(BackupStore(second.url), two, quiet) == []
    three = backed_up(store, "three", {"other": b"z" * SMALL})
    Path(store.place(store.listing(three.parts[0])[0].object).removeprefix("file://")).write_bytes(b"other bytes")
    with pytest.raises(Damaged):
        copy(BackupStore(store.url), second, three, quiet)
    assert second.names() == ["one", "two"]


def test_what_expires_takes_the_objects_along_that_no_other_backup_has(store: BackupStore) -> None:
    backed_up(store, "20260101T000000Z-aaaa", {**FILES, "old": b"o" * SMALL})
    kept = backed_up(store, "20260102T000000Z-bbbb", {**FILES, "new": b"n" * SMALL})
    by_hand = backed_up(store, "before-the-move", {"hand": b"h" * SMALL})
    plan, gone = expire(store, Policy(daily=1, weekly=0, monthly=0))
    assert plan.expired == ("20260101T000000Z-aaaa",)
    assert gone == 2, "the listing, and what only it had"
    fresh = BackupStore(store.url)
    assert fresh.names() == ["before-the-move", "20260102T000000Z-bbbb"]
    assert verify(fresh, kept, quiet) == verify(fresh, by_hand, quiet) == []


def test_nothing_expires_where_what_stays_cannot_be_read(store: BackupStore) -> None:
    backed_up(store, "20260101T000000Z-aaaa", FILES)
    kept = backed_up(store, "20260102T000000Z-bbbb", {"new": b"n" * SMALL})
    Path(store.place(kept.parts[0].listing).removeprefix("file://")).unlink()
    there = objects(store)
    with pytest.raises(Damaged):
        expire(BackupStore(store.url), Policy(1, 0, 0))
    assert objects(store) == there
    assert len(store.names()) == 2


def test_whoever_removes_is_alone_and_many_may_write(store: BackupStore) -> None:
    def begin(what: str) -> None:
        with claimed(store.url, what):
            pass

    with claimed(store.url, WRITES), claimed(store.url, WRITES), pytest.raises(NotPossible, match="another process"):
        begin(REMOVES)
    for what in (WRITES, REMOVES):
        with claimed(store.url, REMOVES), pytest.raises(NotPossible, match="another process"):
            begin(what)
    begin(REMOVES)


def test_the_claim_of_a_process_that_was_killed_yesterday_is_forgotten(store: BackupStore) -> None:
    folder = Path(store.url.removeprefix("file://"), "running")
    folder.mkdir(parents=True)
    (folder / "removes-20200101T000000Z-dead").touch()
    with claimed(store.url, WRITES):
        pass
    (folder / f"removes-{new_name()}").touch()
    with pytest.raises(NotPossible), claimed(store.url, WRITES):
        pass


def test_a_backup_of_another_format_says_what_reads_it(store: BackupStore) -> None:
    other = replace(backed_up(store, "one", FILES), format=2)  # type: ignore[arg-type]
    store.write(other)
    with pytest.raises(NotPossible, match="of another release of Tidemill"):
        store.read("one")


def test_a_description_that_is_damaged_hinders_no_other_backup(store: BackupStore) -> None:
    old, new = "20260101T000000Z-aaaa", "20260102T000000Z-bbbb"
    backed_up(store, old, FILES)
    backed_up(store, new, FILES)
    folder = Path(store.url.removeprefix("file://"), "backups")
    (folder / f"{new}.json").write_bytes(b"{")
    (folder / "notes.json").write_bytes(b"{}")
    before = store.newest()
    assert before is not None and before.name == old
    assert store.names() == ["notes", old, new], "what tells no time is never the newest"
    with pytest.raises(Damaged, match=f"{new}.*--at takes another: notes, {old}"):
        store.chosen(None)
    assert store.chosen(old).name == old


def test_a_place_that_takes_nothing_is_named_and_no_backup_is_there(store: BackupStore) -> None:
    """/proc makes no folders: it says "not found", as a bucket does that is not there."""
    backup = backed_up(store, "20260101T000000Z-aaaa", FILES)
    nowhere = BackupStore("/proc/no-such-place")
    with pytest.raises(NotPossible, match=r"/proc/no-such-place/running/.* cannot be written: .*is that bucket"):
        copy(store, nowhere, backup, quiet)
    with pytest.raises(NotPossible, match="is that bucket or folder there"):
        nowhere.put(b"bytes")
