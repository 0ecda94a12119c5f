"""The migrations make exactly the tables that the code works with, once."""

from __future__ import annotations

from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from tidemill.errors import ConfigError
from tidemill_trainer.runs.database import connect, migrate
from tidemill_trainer.runs.tables import metadata


def test_the_migrated_database_is_the_one_that_the_code_declares(tmp_path: Path) -> None:
    engine = connect(f"sqlite:///{tmp_path / 'deeper' / 'trainer.db'}")
    migrate(engine)
    migrate(engine)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"version_table": "trainer_revision"})
        assert compare_metadata(context, metadata) == []
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"


def test_a_database_that_another_release_has_migrated_is_refused_by_name(tmp_path: Path) -> None:
    engine = connect(f"sqlite:///{tmp_path / 'trainer.db'}")
    migrate(engine)
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE trainer_revision SET version_num = 'of_later'")
    with pytest.raises(ConfigError, match=r"migrated by another release of Tidemill .*of_later.*docs/upgrade.md"):
        migrate(engine)
