"""The migrations make exactly the tables that the code works with, once."""

from __future__ import annotations

from pathlib import Path

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

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
