from __future__ import annotations

import os
import stat
from pathlib import Path

from sqlalchemy import text

from tidemill.database import connect


def test_a_database_of_sqlite_and_all_of_its_files_are_read_by_their_owner_alone(tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        engine = connect(f"sqlite:///{tmp_path / 'new' / 'tidemill.db'}")
        with engine.begin() as connection:
            connection.execute(text("CREATE TABLE t (a integer)"))
            modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in (tmp_path / "new").iterdir()}
    finally:
        os.umask(before)
    assert len(modes) > 1
    assert set(modes.values()) == {0o600}, modes


def test_a_database_that_is_there_already_is_opened_as_it_is(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'tidemill.db'}"
    with connect(url).begin() as connection:
        connection.execute(text("CREATE TABLE t (a integer)"))
    with connect(url).begin() as connection:
        assert connection.execute(text("SELECT count(*) FROM t")).scalar_one() == 0
