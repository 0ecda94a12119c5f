"""`tidemill backup list|verify|expire` tell people and programs, and their exit codes say whether all is well."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tidemill_cli.app import cli
from tidemill_operations.backup.document import TABLES, Backup, Serving
from tidemill_operations.backup.packing import Packer
from tidemill_operations.backup.store import BackupStore

OLD, NEW = "20260101T020000Z-aaaa", "20260103T020000Z-bbbb"


@pytest.fixture
def store(tmp_path: Path) -> BackupStore:
    store = BackupStore(str(tmp_path / "backups"))
    for name in (OLD, NEW):
        packer = Packer(store, {})
        packer.add("_delta_log/00000000000000000000.json", name.encode() * 100_000)
        store.write(
            Backup(
                name=name, begun_at=1_700_000_000_000, finished_at=1_700_000_002_500, release="0.1.0", prefix="",
                artifacts="file:///a", tables="file:///t", parts=(packer.finish(TABLES, "tide", 3),),
                serving=(Serving("tide", 4, 2, "d" * 64),),
            )
        )  # fmt: skip
    return store


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["backup", *arguments])


def test_backups_are_listed_with_what_served(store: BackupStore) -> None:
    (old, new) = json.loads(run("list", "--from", store.url, "--json").stdout)
    assert (old["backup"], new["backup"]) == (OLD, NEW)
    assert (new["seconds"], new["serving"][0]["version"], new["tables"]) == (2.5, 2, {"tide": 3})
    assert "tide 2" in run("list", "--from", store.url).stdout


def test_a_damaged_backup_is_named_by_its_place_and_exit_code_1(store: BackupStore) -> None:
    done = run("verify", "--from", store.url)
    assert done.exit_code == 0
    assert f"backup {NEW} is whole: 1 files" in done.stdout
    (file,) = store.listing(store.read(NEW).parts[0])
    Path(store.place(file.object).removeprefix("file://")).write_bytes(b"damaged")
    done = run("verify", "--from", store.url, "--json")
    assert done.exit_code == 1
    assert json.loads(done.stdout)["whole"] is False
    assert file.object in done.stderr
    assert run("verify", "--from", store.url, "--at", OLD).exit_code == 0


def test_nothing_goes_before_it_is_asked_for(store: BackupStore) -> None:
    few = ("--daily", "1", "--weekly", "0", "--monthly", "0")
    planned = json.loads(run("expire", "--from", store.url, *few, "--json").stdout)
    assert (planned["expired"], planned["applied"]) == ([OLD], False)
    assert store.names() == [OLD, NEW]
    assert json.loads(run("expire", "--from", store.url, *few, "--apply", "--json").stdout)["expired"] == [OLD]
    assert store.names() == [NEW]
    assert run("expire", "--from", store.url, "--daily", "0", "--weekly", "0", "--monthly", "0").exit_code == 2


def test_what_is_named_wrongly_is_said_with_what_there_is(store: BackupStore, tmp_path: Path) -> None:
    done = run("verify", "--from", store.url, "--at", "never")
    assert done.exit_code == 2
    assert f"there are {OLD}, {NEW}" in done.stderr
    assert "there is no backup at" in run("verify", "--from", str(tmp_path / "nothing")).stderr
    assert "say where to" in run().stderr
    assert "Protocol not known" in run("list", "--from", "nosuch://place").stderr
