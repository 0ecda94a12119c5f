"""A database comes back as it was, row by row and to the letter, into an empty one and into no other."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from tidemill.access.migrate import migrate_access
from tidemill.access.storage.audit import Act, note
from tidemill.database import connect
from tidemill.errors import ConfigError
from tidemill_operations.backup.dump import dump
from tidemill_operations.restore.load import in_the_way, load, moved
from tidemill_operations.restore.moved import Moved
from tidemill_trainer.runs.database import migrate

EVIDENCE = '[{"subject": "file:///old/artifacts/tide/2-r2"}]'
ROWS = (
    "INSERT INTO versions VALUES ('tide', 1, 'r1'), ('tide', 2, 'r2')",
    "INSERT INTO label_time VALUES ('tide', '{\"x\": [0.1, null, 1e300]}', 31, 7, NULL, 4, 1700000000000)",
    "INSERT INTO takeovers (takeover_id, model, version, over, evidence, reason, at, outcome) "
    f"VALUES ('t1', 'tide', 2, 1, '{EVIDENCE}', 'it''s better: 100 %', 5, NULL)",
    "INSERT INTO outbox (event_id, model, event, traceparent, sent_at) VALUES ('r1/done', 'tide', 'null', '', NULL)",
)


def platform(url: str, *, filled: bool = True) -> str:
    """A platform's database, with rows in it."""
    engine = connect(url)
    migrate(engine)
    migrate_access(engine)
    if filled:
        with engine.begin() as connection:
            for statement in ROWS:
                connection.execute(text(statement.replace(":", r"\:")))
            note(connection, Act(1, "anna", "keys.create", "k1", {"name": "shop"}))
    engine.dispose()
    return url


def sqlite(folder: Path, name: str) -> str:
    return f"sqlite:///{folder / name}"


def rows(url: str) -> dict[str, Any]:
    return {table["name"]: table["rows"] for table in dump(url)["tables"]}


def test_all_rows_come_back_to_an_empty_place_and_a_second_time_nothing_is_done(tmp_path: Path) -> None:
    document = dump(platform(sqlite(tmp_path, "a.db")))
    there = sqlite(tmp_path, "b.db")
    assert in_the_way(there, document) == []
    assert load(there, document)
    assert dump(there) == document
    assert rows(there)["label_time"][0][1] == '{"x": [0.1, null, 1e300]}'
    assert rows(there)["outbox"][0][3] == "null", "a null of JSON is no null of SQL"
    assert in_the_way(there, document) == []
    assert not load(there, document)


def test_of_two_restores_at_once_one_loads_and_the_other_finds_all_there(tmp_path: Path) -> None:
    document = dump(platform(sqlite(tmp_path, "old")))
    for turn in range(10):
        url = sqlite(tmp_path, f"new{turn}")
        with ThreadPoolExecutor(2) as both:
            loaded = [one.result() for one in [both.submit(load, url, document) for _ in range(2)]]
        assert sorted(loaded) == [False, True]
        assert dump(url) == document


def test_the_tables_are_those_that_the_services_go_on_with(tmp_path: Path) -> None:
    there = sqlite(tmp_path, "b.db")
    load(there, dump(platform(sqlite(tmp_path, "a.db"))))
    platform(there, filled=False)
    engine = connect(there)
    with engine.begin() as connection:
        connection.execute(text(ROWS[2].replace("t1", "t2").replace(":", r"\:")))
        note(connection, Act(2, "bert", "restore", "b", {}))
    assert [row[0] for row in rows(there)["takeovers"]] == [1, 2]
    assert [row[0] for row in rows(there)["audit_log"]] == [1, 2]
    with pytest.raises(Exception, match="UNIQUE"), engine.begin() as connection:
        connection.execute(text("INSERT INTO versions VALUES ('tide', 3, 'r2')"))


def test_empty_tables_of_the_same_release_are_filled_and_the_audit_log_keeps_what_it_has(tmp_path: Path) -> None:
    document = dump(platform(sqlite(tmp_path, "a.db")))
    there = platform(sqlite(tmp_path, "b.db"), filled=False)
    with connect(there).begin() as connection:
        note(connection, Act(9, "bert", "topics.apply", "", {}))
    assert in_the_way(there, document) == []
    assert load(there, document)
    assert [(row[0], row[2], row[3]) for row in rows(there)["audit_log"]] == [
        (1, "anna", "keys.create"), (2, "bert", "topics.apply")
    ]  # fmt: skip
    assert not load(there, document)


def test_what_stands_there_is_named_and_kept(tmp_path: Path) -> None:
    document = dump(platform(sqlite(tmp_path, "a.db")))
    there = platform(sqlite(tmp_path, "b.db"))
    with connect(there).begin() as connection:
        connection.execute(text("INSERT INTO versions VALUES ('tide', 3, 'r3')"))
    before = dump(there)
    assert "table versions has 3 rows" in in_the_way(there, document)
    assert dump(there) == before


def test_tables_of_another_release_are_refused(tmp_path: Path) -> None:
    document = dump(platform(sqlite(tmp_path, "a.db")))
    there = platform(sqlite(tmp_path, "b.db"), filled=False)
    with connect(there).begin() as connection:
        connection.execute(text("UPDATE trainer_revision SET version_num = '0099'"))
    assert in_the_way(there, document) == [
        "table trainer_revision is of another release (0099): give an empty database"
    ]  # fmt: skip


def test_addresses_follow_the_stores_and_nothing_else_is_touched(tmp_path: Path) -> None:
    document = dump(platform(sqlite(tmp_path, "a.db")))
    there = moved(document, Moved((("file:///old/artifacts", "s3://new/artifacts"),)))
    found = {table["name"]: table["rows"] for table in there["tables"]}
    was = {table["name"]: table["rows"] for table in document["tables"]}
    assert found["takeovers"][0][5] == '[{"subject": "s3://new/artifacts/tide/2-r2"}]'
    assert {name: rows for name, rows in found.items() if name != "takeovers"} == {
        name: rows for name, rows in was.items() if name != "takeovers"
    }


def test_a_database_that_is_not_there_is_no_empty_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"there is no database .*none\.db"):
        dump(sqlite(tmp_path, "none.db"))
    assert not (tmp_path / "none.db").exists()
